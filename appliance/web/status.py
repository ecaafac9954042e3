"""What the engine says about itself, typed; or that it isn't there."""

from datetime import datetime

import msgspec

from appliance.errors import VeilsightError
from appliance.vision.live import LiveClient
from appliance.web.sentences import Parts
from appliance.web.wording import this_language


class CameraStatus(msgspec.Struct, frozen=True):
    """Rates in frames a second; `width` and `height` in pixels, 0 before the first frame.

    `dropped_frames` came while an earlier one was at work, `reconnects` are tries to get a camera back, both since the
    engine began with it. A camera is `behind` where fewer frames are analysed than `target_rate` asks for, because the
    device can't do more. `tampering_words` say what keeps it from seeing what it should, and are empty if nothing does.
    `decoder` is FFmpeg's name of the hardware, or "software" for the `decoder_reason`. `delay_to_count` has the
    percentiles `p50`, `p95` and `p99` of the seconds from a picture's arrival to its count, `delay_to_picture` those to
    the redacted picture that somebody looks at; None where there was none in the last minute.
    """

    name: str
    state: str = ""
    last_error: str | None = ""
    input_rate: float = 0.0
    analysed_rate: float = 0.0
    target_rate: float = 0.0
    behind: bool = False
    tampering_words: str = ""
    dropped_frames: int = 0
    reconnects: int = 0
    covered_frames: int = 0
    width: int = 0
    height: int = 0
    codec: str = ""
    decoder: str = ""
    decoder_reason: str = ""
    transport: str = ""
    delay_to_count: dict[str, float] | None = None
    delay_to_picture: dict[str, float] | None = None


class OpenMeasurement(msgspec.Struct, frozen=True):
    camera: str
    measure: str
    place: str
    kind: str
    direction: str
    value: float


class OpenBucket(msgspec.Struct, frozen=True):
    """The bucket that is being counted at present and not stored yet; `start` in UTC, numbers exact.

    `mode` says how it will be made anonymous when it closes.
    """

    start: datetime
    seconds: int
    measurements: tuple[OpenMeasurement, ...] = ()
    mode: str = "off"


class EngineStatus(msgspec.Struct, frozen=True):
    """`present` is how many people are in each zone of each camera now, `waiting` the median of how long, in seconds.

    `entered` is how many persons came in through each camera's entrances since it is counted, exact.
    An engine that is `starting` makes its networks ready and watches no camera yet.
    `failures` says by task why a network can't be used, `advice` by camera what keeps it from counting well.
    `sentences` are what these and the cameras' last errors are made of, by their English.
    """

    cameras: tuple[CameraStatus, ...] = ()
    starting: bool = False
    failures: dict[str, str] = {}
    open_bucket: OpenBucket | None = None
    present: dict[str, dict[str, int]] = {}
    waiting: dict[str, dict[str, float]] = {}
    entered: dict[str, int] = {}
    advice: dict[str, tuple[str, ...]] = {}
    sentences: dict[str, Parts] = {}

    def told(self, text: str) -> str:
        """What the engine says, in the page's language where that is known, else in English."""
        parts = self.sentences.get(text)
        return text if parts is None else this_language().told(parts.sentence())

    def camera(self, name: str) -> CameraStatus | None:
        return next((camera for camera in self.cameras if camera.name == name), None)


def read_status(live: LiveClient) -> EngineStatus | None:
    """The engine's status; None if it is not running or doesn't answer as it should."""
    try:
        return msgspec.convert(live.status(), EngineStatus)
    except (VeilsightError, OSError, EOFError, msgspec.ValidationError):
        return None


def counting(status: EngineStatus | None) -> EngineStatus | None:
    """The status of an engine that counts; None where none runs or it is starting."""
    return None if status is None or status.starting else status
