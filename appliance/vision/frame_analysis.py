"""Persons and vehicles in the frames of one camera, one frame after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.vision.detections import Detection, Track
from appliance.vision.frames import RawFrame
from appliance.vision.motion_gate import MotionGate
from appliance.vision.redaction import explain
from appliance.vision.runtime import Detectors
from appliance.vision.tracking import Tracker


@dataclass(frozen=True)
class Analysed:
    """What is in a frame. Where that is not known, `failure` says why, and nothing may be counted.

    `looked` is false where nothing has changed since the network was last asked, and `objects` are its answer then.
    """

    objects: Sequence[Detection]
    tracks: Sequence[Track]
    looked: bool
    failure: str = ""


class FrameAnalysis:
    """Detects and follows; asks the network only where something may have changed."""

    def __init__(self, detectors: Detectors, deadline_seconds: float) -> None:
        self._detectors = detectors
        self._deadline_seconds = deadline_seconds
        self._gate = MotionGate()
        self._tracker = Tracker()
        self._size = (0, 0)
        self._objects: Sequence[Detection] = ()
        self._tracks: Sequence[Track] = ()

    def analyse(self, frame: RawFrame, always_look: bool = False) -> Analysed:
        """Take the next frame; with `always_look` the network is asked about it in any case."""
        if self._size != (frame.width, frame.height):
            # Boxes of the earlier size mean nothing in this one.
            self._tracker, self._tracks, self._size = Tracker(), (), (frame.width, frame.height)
        looked = self._gate.needs_look(frame.pixels, frame.monotonic, self._tracks) or always_look
        if looked:
            try:
                self._objects = self._look(frame)
            except Exception as error:
                self._gate.forget()
                return Analysed((), (), True, explain(error))
            self._gate.looked(frame.monotonic)
        self._tracks = self._tracker.update(self._objects, frame.monotonic)
        return Analysed(self._objects, self._tracks, looked)

    def _look(self, frame: RawFrame) -> tuple[Detection, ...]:
        detector = self._detectors.need("people-vehicles")
        return detector.start(frame.pixels, frame.camera).result(self._deadline_seconds)
