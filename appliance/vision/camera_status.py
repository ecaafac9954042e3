"""What a camera is doing, for people to see: its state, its rates and its delays."""

import time
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from appliance.language import sentence
from appliance.vision.frames import RawFrame
from appliance.vision.rates import Recent
from appliance.vision.sources import Source
from appliance.vision.tampering import WORDS, Tampering

State = Literal["connecting", "streaming", "stalled", "failed", "disabled", "ended"]
STATES: tuple[State, ...] = get_args(State)

# Frame rates are those of the last seconds, delays those of the last minute.
RATE_SECONDS = 5.0
DELAY_SECONDS = 60.0
# A camera that is connected and sends no picture for this long is said to be stalled, long before it is given up.
STALLED_SECONDS = 3.0
STALLED = sentence("The camera is connected and sends no picture.")
# Analysed less often than this part of what it should be, a camera is said to be behind.
BEHIND = 0.8
# Before that, the rates of a camera that has just begun mean nothing.
SETTLED_SECONDS = 3.0


@dataclass
class CameraStatus:
    """Written by the camera's thread, read by any.

    `target_rate` is how many frames a second are to be analysed. `looked_frames` are those that the network was asked
    about; the others of `analysed_frames` were still. `dropped_frames` came while an earlier one was at work,
    `skipped_frames` were more than the target rate. `shown_frames` were redacted for somebody who looked, and of these
    `covered_frames` were covered whole. `decoder` is "software" or FFmpeg's name of the hardware, with the
    reason why it is software. Delays are in seconds from a frame's arrival.
    """

    name: str
    target_rate: float = 0.0
    state: State = "connecting"
    last_error: str = ""
    analysed_frames: int = 0
    looked_frames: int = 0
    shown_frames: int = 0
    covered_frames: int = 0
    dropped_frames: int = 0
    skipped_frames: int = 0
    reconnects: int = 0
    width: int = 0
    height: int = 0
    codec: str = ""
    decoder: str = ""
    decoder_reason: str = ""
    transport: str = ""
    told: State = "streaming"
    covered_because: str = ""
    tampering: Tampering | None = None
    arrived: float = 0.0
    connected: float = 0.0
    _source_dropped: int = 0
    _source_skipped: int = 0
    _arrivals: Recent = field(default_factory=lambda: Recent(RATE_SECONDS), repr=False)
    _analysed: Recent = field(default_factory=lambda: Recent(RATE_SECONDS), repr=False)
    _count_delays: Recent = field(default_factory=lambda: Recent(DELAY_SECONDS), repr=False)
    _picture_delays: Recent = field(default_factory=lambda: Recent(DELAY_SECONDS), repr=False)

    def connect(self, source: Source) -> None:
        """Note that a source was opened."""
        self._source_dropped = self._source_skipped = 0
        self.transport = source.transport
        self.connected = self.arrived = time.monotonic()

    def receive(self, frame: RawFrame, source: Source) -> None:
        """Note that a frame was taken from the source."""
        self.arrived = time.monotonic()
        self.dropped_frames += source.dropped - self._source_dropped
        self.skipped_frames += source.skipped - self._source_skipped
        self._source_dropped, self._source_skipped = source.dropped, source.skipped
        self.width, self.height = frame.width, frame.height
        self.codec, self.decoder, self.decoder_reason = source.codec, source.decoder, source.decoder_reason
        self._arrivals.add(self.arrived, source.received)

    def count(self, looked: bool, delay: float | None) -> None:
        """Note that a frame was counted, and after which delay, where that can be told."""
        now = time.monotonic()
        self.analysed_frames += 1
        self.looked_frames += looked
        self._analysed.add(now, 1.0)
        if delay is not None:
            self._count_delays.add(now, delay)

    def show(self, whole_frame: bool, delay: float | None) -> None:
        """Note that a picture was shown."""
        self.shown_frames += 1
        self.covered_frames += whole_frame
        if delay is not None:
            self._picture_delays.add(time.monotonic(), delay)

    def as_json(self, now: float | None = None) -> dict[str, Any]:
        now = time.monotonic() if now is None else now
        stalled = self.state == "streaming" and now - self.arrived > STALLED_SECONDS
        input_rate, analysed_rate = self._arrivals.growth_per_second(now), self._analysed.per_second(now)
        return {
            "name": self.name,
            "state": "stalled" if stalled else self.state,
            "last_error": STALLED if stalled else self.last_error,
            "input_rate": round(input_rate, 1),
            "analysed_rate": round(analysed_rate, 1),
            "target_rate": self.target_rate,
            "behind": self._is_behind(now, input_rate, analysed_rate),
            "analysed_frames": self.analysed_frames,
            "looked_frames": self.looked_frames,
            "dropped_frames": self.dropped_frames,
            "skipped_frames": self.skipped_frames,
            "covered_frames": self.covered_frames,
            "reconnects": self.reconnects,
            "delay_to_count": self._count_delays.percentiles(now),
            "delay_to_picture": self._picture_delays.percentiles(now),
            "tampering": self.tampering or "",
            "tampering_words": WORDS[self.tampering] if self.tampering else "",
            "width": self.width,
            "height": self.height,
            "codec": self.codec,
            "decoder": self.decoder,
            "decoder_reason": self.decoder_reason,
            "transport": self.transport,
        }

    def _is_behind(self, now: float, input_rate: float, analysed_rate: float) -> bool:
        wanted = min(self.target_rate, input_rate)
        return self.state == "streaming" and now - self.connected > SETTLED_SECONDS and analysed_rate < BEHIND * wanted
