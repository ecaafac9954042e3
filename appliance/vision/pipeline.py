"""One camera, from source to tracks and view, in a thread of its own; it comes back by itself after any failure."""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from appliance.errors import VeilsightError
from appliance.language import said, sentence
from appliance.metrics.geometry import Zone
from appliance.vision.camera_status import CameraStatus, State
from appliance.vision.detections import Track
from appliance.vision.frame_analysis import FrameAnalysis
from appliance.vision.frames import RawFrame
from appliance.vision.knocking import wait_until_worth_trying
from appliance.vision.live import Hub
from appliance.vision.opening import UNREACHED
from appliance.vision.privacy_masks import outside
from appliance.vision.redaction import Redactor
from appliance.vision.runtime import Detectors
from appliance.vision.showing import Show
from appliance.vision.sources import Source, SourceRefused, Transport, open_source
from appliance.vision.tampering import TamperWatch
from appliance.vision.turns import Turns

EventKind = Literal["camera-state", "camera-tampering", "redaction-failed", "redaction-restored"]

DEFAULT_RATE = 10.0
FIRST_PAUSE_SECONDS = 0.5
# A camera that answers and can't be watched is tried again at least this often, so that it is back soon.
LONGEST_PAUSE_SECONDS = 3.0
# One that refuses the password is not, since many lock a user out who tries often.
LONGEST_REFUSED_SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CameraSource:
    """Where a camera's picture comes from (see `sources.open_source`), and what of it is analysed.

    At most `rate` frames a second of a live source are analysed, and each frame of a recording. What is beneath the
    `masks` is never looked at.
    """

    name: str
    source: str
    username: str = ""
    password: str = field(default="", repr=False)
    loop: bool = False
    realtime: bool = False
    transport: Transport = "tcp"
    masks: tuple[Zone, ...] = ()
    rate: float = DEFAULT_RATE


class TakeTracks(Protocol):
    """Takes one analysed frame: wall time, monotonic seconds, all tracks, and the frame's size in pixels."""

    def __call__(
        self, moment: datetime, monotonic: float, tracks: Sequence[Track], width: int, height: int
    ) -> None: ...


TakeEvent = Callable[[EventKind, Mapping[str, str | int]], None]
TakeUnreliable = Callable[[float], None]


def _ignore(_seconds: float) -> None:
    """Nobody counts."""


def run_camera(
    camera: CameraSource,
    detectors: Detectors,
    hub: Hub,
    status: CameraStatus,
    stop: threading.Event,
    *,
    on_tracks: TakeTracks,
    on_event: TakeEvent,
    on_unreliable: TakeUnreliable = _ignore,
    deadline_seconds: float = 2.0,
    turns: Turns | None = None,
) -> None:
    """Watch the camera until `stop` is set. Never raises: a failure shows in `status` and is tried again.

    The pause before the next try doubles each time up to a limit, with jitter, so that many cameras that lost their
    switch do not all come back in the same moment. While nothing answers at the camera's address, nothing else is
    tried; once something does, the next try is made at once.

    `on_unreliable` is told of seconds before now in which the camera did not see what it should. Cameras that are shown
    on the same device share `turns`.
    """
    watch = _Watch(
        camera, detectors, hub, status, stop, on_tracks, on_event, on_unreliable, deadline_seconds, turns or Turns()
    )
    status.target_rate = camera.rate
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        before, longest = status.analysed_frames, LONGEST_PAUSE_SECONDS
        _enter(status, "connecting", status.last_error, on_event)
        try:
            watch.connect()
            if not stop.is_set():
                _enter(status, "ended", sentence("The recording has ended."), on_event)
            return
        except VeilsightError as error:
            if stop.is_set():
                return
            longest = LONGEST_REFUSED_SECONDS if isinstance(error, SourceRefused) else longest
            _enter(status, "failed", said(error), on_event)
        except Exception as error:
            # One camera's defect stops no other camera.
            logger.exception("the camera %s failed", camera.name)
            unexpected = sentence("An unexpected error occurred (%(kind)s).", kind=type(error).__name__)
            _enter(status, "failed", unexpected, on_event)
        status.reconnects += 1
        pause = FIRST_PAUSE_SECONDS if status.analysed_frames > before else min(2 * pause, longest)
        jitter = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        if wait_until_worth_trying(camera.source, pause * jitter, stop, watch.on_silence):
            pause = FIRST_PAUSE_SECONDS


@dataclass(frozen=True)
class _Watch:
    """One camera, over its reconnections."""

    camera: CameraSource
    detectors: Detectors
    hub: Hub
    status: CameraStatus
    stop: threading.Event
    on_tracks: TakeTracks
    on_event: TakeEvent
    on_unreliable: TakeUnreliable
    deadline_seconds: float
    turns: Turns
    tampering: TamperWatch = field(default_factory=TamperWatch)

    def connect(self) -> None:
        """Watch until the source ends or `stop` is set. Raises `VeilsightError` where it can't go on."""
        analysis = FrameAnalysis(self.detectors, self.deadline_seconds)
        redactor = Redactor(self.detectors, self.deadline_seconds, text_behind=True)
        with (
            self._open() as source,
            Show(self.camera.name, redactor, self.hub, self.turns, self._on_picture) as show,
        ):
            self.status.connect(source)
            for frame in source:
                if self.stop.is_set():
                    return
                self.status.receive(frame, source)
                self._analyse(frame, analysis, show, source.live)

    def on_silence(self, reason: str) -> None:
        """Nothing answers at the camera's address: what people see is why, and not what happened before."""
        camera = sentence("The camera %(name)s", name=self.camera.name)
        self.status.last_error = sentence(UNREACHED, camera=camera, reason=reason)

    def _open(self) -> Source:
        camera = self.camera
        return open_source(
            camera.source,
            camera.name,
            camera.realtime,
            camera.loop,
            camera.username,
            camera.password,
            camera.transport,
            self.stop,
            camera.masks,
            camera.rate,
        )

    def _analyse(self, frame: RawFrame, analysis: FrameAnalysis, show: Show, live: bool) -> None:
        begun = show.begin(frame)
        # What people see never rests on an earlier frame's detections.
        found = analysis.analyse(frame, always_look=begun is not None)
        _enter(self.status, "streaming", found.failure, self.on_event)
        if not found.failure:
            counted = outside(self.camera.masks, found.tracks, frame.width, frame.height)
            self.on_tracks(frame.moment, frame.monotonic, counted, frame.width, frame.height)
            self.status.count(found.looked, time.monotonic() - frame.monotonic if live else None)
            self._judge(frame)
        if begun is not None:
            show.finish(frame, begun, found.objects, found.tracks, found.failure)

    def _judge(self, frame: RawFrame) -> None:
        """Whether the camera still sees what it should."""
        judgement = self.tampering.update(frame.pixels, frame.monotonic)
        if judgement.unreliable_seconds:
            self.on_unreliable(judgement.unreliable_seconds)
        if (judgement.tampering is None) != (self.status.tampering is None):
            self.on_event("camera-tampering", {"state": judgement.tampering or "over"})
        self.status.tampering = judgement.tampering

    def _on_picture(self, whole_frame: bool, reason: str, monotonic: float) -> None:
        self.status.show(whole_frame, time.monotonic() - monotonic)
        # Told when it begins, not again for each of the frames that follow.
        if reason and reason != self.status.covered_because:
            self.on_event("redaction-failed", {"reason": reason})
        elif not reason and self.status.covered_because:
            self.on_event("redaction-restored", {})
        self.status.covered_because = reason


def _enter(status: CameraStatus, state: State, error: str, on_event: TakeEvent) -> None:
    """Change the state. The log is told when a camera is lost and when it is back, not of each try in between."""
    status.state, status.last_error = state, error
    if state not in ("connecting", status.told):
        status.told = state
        on_event("camera-state", {"state": state, "reason": str(error)})
