"""One camera, from source to tracks and view, in a thread of its own; it comes back by itself after any failure."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from appliance.errors import VeilsightError
from appliance.metrics.geometry import Zone
from appliance.vision.detections import Detection, Track
from appliance.vision.frames import RawFrame
from appliance.vision.live import Hub
from appliance.vision.privacy_masks import outside
from appliance.vision.redaction import Redactor, explain
from appliance.vision.runtime import Detectors
from appliance.vision.showing import Show
from appliance.vision.sources import Source, Transport, open_source
from appliance.vision.tracking import Tracker

State = Literal["connecting", "streaming", "stalled", "failed", "ended"]
EventKind = Literal["camera-state", "redaction-failed"]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# Frame rates are those of the last seconds.
RATE_SECONDS = 5.0
# A camera that is connected and sends no picture for this long is said to be stalled, long before it is given up.
STALLED_SECONDS = 3.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CameraSource:
    """Where a camera's picture comes from; see `sources.open_source`."""

    name: str
    source: str
    username: str = ""
    password: str = field(default="", repr=False)
    loop: bool = False
    realtime: bool = False
    transport: Transport = "tcp"
    masks: tuple[Zone, ...] = ()


class TakeTracks(Protocol):
    """Takes one analysed frame: wall time, monotonic seconds, all tracks, and the frame's size in pixels."""

    def __call__(
        self, moment: datetime, monotonic: float, tracks: Sequence[Track], width: int, height: int
    ) -> None: ...


TakeEvent = Callable[[EventKind, Mapping[str, str | int]], None]


@dataclass
class CameraStatus:
    """What a camera is doing, for people to see. Written by the camera's thread, read by any."""

    name: str
    state: State = "connecting"
    last_error: str = ""
    analysed_frames: int = 0
    covered_frames: int = 0
    dropped_frames: int = 0
    reconnects: int = 0
    width: int = 0
    height: int = 0
    received_frames: int = 0
    codec: str = ""
    decoder: str = ""
    transport: str = ""
    told: State = "streaming"
    covered_because: str = ""
    arrived: float = 0.0
    _times: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=1000), repr=False)

    def count(self, frame: RawFrame, source: Source) -> None:
        """Note that a frame was analysed."""
        self.analysed_frames += 1
        self.received_frames, self.dropped_frames = source.received, source.dropped
        self.width, self.height = frame.width, frame.height
        self.codec, self.decoder, self.transport = source.codec, source.decoder, source.transport
        self._times.append((time.monotonic(), source.received))

    def as_json(self) -> dict[str, Any]:
        now = time.monotonic()
        stalled = self.state == "streaming" and now - self.arrived > STALLED_SECONDS
        recent = [each for each in list(self._times) if now - each[0] <= RATE_SECONDS]
        span = recent[-1][0] - recent[0][0] if len(recent) > 1 else 0.0
        return {
            "name": self.name,
            "state": "stalled" if stalled else self.state,
            "last_error": "The camera is connected and sends no picture." if stalled else self.last_error,
            "input_rate": round(max(0, recent[-1][1] - recent[0][1]) / span, 1) if span else 0.0,
            "analysed_rate": round((len(recent) - 1) / span, 1) if span else 0.0,
            "analysed_frames": self.analysed_frames,
            "dropped_frames": self.dropped_frames,
            "covered_frames": self.covered_frames,
            "reconnects": self.reconnects,
            "width": self.width,
            "height": self.height,
            "codec": self.codec,
            "decoder": self.decoder,
            "transport": self.transport,
        }


def run_camera(
    camera: CameraSource,
    detectors: Detectors,
    hub: Hub,
    status: CameraStatus,
    stop: threading.Event,
    *,
    on_tracks: TakeTracks,
    on_event: TakeEvent,
    deadline_seconds: float = 2.0,
) -> None:
    """Watch the camera until `stop` is set. Never raises: a failure shows in `status` and is tried again.

    The pause before the next try doubles each time, up to half a minute, with jitter, so that many cameras that lost
    their switch do not all come back in the same moment.
    """
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        before = status.analysed_frames
        _enter(status, "connecting", status.last_error, on_event)
        try:
            _watch(camera, detectors, hub, status, stop, on_tracks, on_event, deadline_seconds)
            if not stop.is_set():
                _enter(status, "ended", "The recording has ended.", on_event)
            return
        except VeilsightError as error:
            if stop.is_set():
                return
            _enter(status, "failed", str(error), on_event)
        except Exception as error:
            # One camera's defect stops no other camera.
            logger.exception("the camera %s failed", camera.name)
            _enter(status, "failed", f"An unexpected error occurred ({type(error).__name__}).", on_event)
        status.reconnects += 1
        pause = FIRST_PAUSE_SECONDS if status.analysed_frames > before else min(2 * pause, LONGEST_PAUSE_SECONDS)
        stop.wait(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, not a secret


def _watch(
    camera: CameraSource,
    detectors: Detectors,
    hub: Hub,
    status: CameraStatus,
    stop: threading.Event,
    on_tracks: TakeTracks,
    on_event: TakeEvent,
    deadline_seconds: float,
) -> None:
    tracker, size = Tracker(), (0, 0)
    redactor = Redactor(detectors, deadline_seconds)

    def on_picture(whole_frame: bool, reason: str) -> None:
        status.covered_frames += whole_frame
        # Told when it begins, not again for each of the frames that follow.
        if reason and reason != status.covered_because:
            on_event("redaction-failed", {"reason": reason})
        status.covered_because = reason

    with (
        open_source(
            camera.source,
            camera.name,
            camera.realtime,
            camera.loop,
            camera.username,
            camera.password,
            camera.transport,
            stop,
            camera.masks,
        ) as source,
        Show(camera.name, redactor, hub, on_picture) as show,
    ):
        for frame in source:
            if stop.is_set():
                return
            status.arrived = time.monotonic()
            objects, failure = _detect(detectors, frame, deadline_seconds)
            tracks: tuple[Track, ...] = ()
            if size != (frame.width, frame.height):
                # Boxes of the earlier size mean nothing in this one.
                tracker, size = Tracker(), (frame.width, frame.height)
            if not failure:
                tracks = tracker.update(objects, frame.monotonic)
                counted = outside(camera.masks, tracks, frame.width, frame.height)
                on_tracks(frame.moment, frame.monotonic, counted, frame.width, frame.height)
                status.count(frame, source)
            _enter(status, "streaming", failure, on_event)
            show.offer(frame, objects, tracks, failure)


def _detect(detectors: Detectors, frame: RawFrame, deadline_seconds: float) -> tuple[tuple[Detection, ...], str]:
    """Persons and vehicles in the frame; where they are not known, the reason."""
    try:
        return detectors.need("people-vehicles").start(frame.pixels, frame.camera).result(deadline_seconds), ""
    except Exception as error:
        return (), explain(error)


def _enter(status: CameraStatus, state: State, error: str, on_event: TakeEvent) -> None:
    """Change the state. The log is told when a camera is lost and when it is back, not of each try in between."""
    status.state, status.last_error = state, error
    if state not in ("connecting", status.told):
        status.told = state
        on_event("camera-state", {"state": state, "reason": error})
