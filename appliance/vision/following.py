"""What must be covered in each frame of a recording; several frames are in flight to the networks at once."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from appliance.vision.detections import Detection, Track
from appliance.vision.frames import RawFrame
from appliance.vision.inference import PendingDetections
from appliance.vision.look_ahead import Waiting
from appliance.vision.plates import vehicle_boxes
from appliance.vision.redaction import Looking, Redactor, explain
from appliance.vision.runtime import Detectors
from appliance.vision.sources import SourceStopped
from appliance.vision.tracking import Tracker

# Enough that the networks never wait while frames are covered.
IN_FLIGHT = 7
# Time stamps are rounded to milliseconds in some containers.
ROUNDING_SECONDS = 0.002

Analysed = tuple[list[RawFrame], Waiting]


@dataclass
class _Flying:
    """A frame that the networks are at work on, and the frames passed over before it."""

    passed_over: list[RawFrame]
    frame: RawFrame
    looking: Looking
    objects: PendingDetections | str


@dataclass
class Pace:
    """Which frames are analysed: at most `step_seconds` lie between two of them, less where frames are far apart."""

    step_seconds: float
    _last: RawFrame | None = field(default=None)
    _before: RawFrame | None = field(default=None)
    _broken: bool = field(default=False)

    def breaks(self, frame: RawFrame) -> bool:
        """Whether this frame, the next one of the recording, and the one before it are to be judged by themselves."""
        return self._broken or self._is_broken(frame)

    def wants(self, frame: RawFrame) -> bool:
        """Whether this frame, the next one of the recording, is analysed."""
        last, before, breaks = self._last, self._before, self.breaks(frame)
        # The frame after this one may come too late.
        late = (
            last is None
            or before is None
            or 2 * frame.monotonic - before.monotonic - last.monotonic > self.step_seconds + ROUNDING_SECONDS
        )
        return breaks or late

    def passes(self, frame: RawFrame, analysed: bool) -> None:
        """Note what became of the frame."""
        self._broken = self._is_broken(frame)
        self._before = frame
        self._last = frame if analysed else self._last

    def _is_broken(self, frame: RawFrame) -> bool:
        return frame.damaged or (self._before is not None and frame.pixels.shape != self._before.pixels.shape)


class Following:
    """Analyses the frames of one recording."""

    def __init__(self, redactor: Redactor, detectors: Detectors, step_seconds: float, deadline_seconds: float) -> None:
        self._redactor = redactor
        self._detectors = detectors
        self._deadline_seconds = deadline_seconds
        self._pace = Pace(step_seconds)
        self._tracker = Tracker()
        self._shape: tuple[int, ...] = ()

    def follow(self, frames: Iterable[RawFrame]) -> Iterator[Analysed]:
        """Each analysed frame, with the frames passed over before it. The last frame is analysed in any case.

        Where the source breaks off, what was decoded comes first and then its `SourceStopped`.
        """
        flying: deque[_Flying] = deque()
        passed_over: list[RawFrame] = []
        failure: SourceStopped | None = None
        try:
            for frame in frames:
                wanted = self._redactor.dense(frame.monotonic) or self._pace.wants(frame)
                if wanted and passed_over and self._pace.breaks(frame):
                    *rest, last = passed_over
                    flying.append(self._begin(rest, last))
                    passed_over = []
                self._pace.passes(frame, wanted)
                if not wanted:
                    passed_over.append(frame)
                    continue
                flying.append(self._begin(passed_over, frame))
                passed_over = []
                while len(flying) >= IN_FLIGHT:
                    yield self._finish(flying.popleft())
        except SourceStopped as error:
            failure = error
        if passed_over:
            *rest, last = passed_over
            flying.append(self._begin(rest, last))
        while flying:
            yield self._finish(flying.popleft())
        if failure is not None:
            raise failure

    def _begin(self, passed_over: list[RawFrame], frame: RawFrame) -> _Flying:
        objects = begin_detection(self._detectors, frame)
        return _Flying(passed_over, frame, self._redactor.look(frame), objects)

    def _finish(self, flying: _Flying) -> Analysed:
        frame = flying.frame
        objects, reason = finish_detection(flying.objects, self._deadline_seconds)
        if reason:
            return flying.passed_over, Waiting(frame, reason=reason)
        try:
            tracks = self._track(frame, objects)
            findings = self._redactor.find(frame, flying.looking, objects, tracks)
        except Exception as error:
            return flying.passed_over, Waiting(frame, reason=explain(error))
        people = {track.number: track.box for track in tracks if track.kind == "person"}
        vehicles = tuple(vehicle_boxes(objects, tracks))
        return flying.passed_over, Waiting(frame, findings, people=people, vehicles=vehicles)

    def _track(self, frame: RawFrame, objects: Sequence[Detection]) -> tuple[Track, ...]:
        """Tracks begin anew when the picture's size changes, for boxes are in pixels."""
        if self._shape != frame.pixels.shape:
            self._tracker, self._shape = Tracker(), frame.pixels.shape
        return self._tracker.update(objects, frame.monotonic)


def begin_detection(detectors: Detectors, frame: RawFrame) -> PendingDetections | str:
    """Persons and vehicles, on their way; or the reason why they will not come."""
    try:
        return detectors.need("people-vehicles").start(frame.pixels, frame.camera)
    except Exception as error:
        return explain(error)


def finish_detection(pending: PendingDetections | str, deadline_seconds: float) -> tuple[tuple[Detection, ...], str]:
    """Persons and vehicles, or the reason why they are not known."""
    if isinstance(pending, str):
        return (), pending
    try:
        return pending.result(deadline_seconds), ""
    except Exception as error:
        return (), explain(error)
