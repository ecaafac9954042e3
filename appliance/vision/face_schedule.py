"""When and where faces are looked for in a recording.

The whole picture is looked at now and then; in between the network sees, several places on one sheet, what has changed
since it last saw it, people included. Where nothing has changed, what was seen still holds. Without an interval, which
is how a camera is watched, each picture is looked at wholly.
"""

import time
from dataclasses import dataclass

from appliance.metrics.geometry import Box
from appliance.vision.covers import whole_pixels
from appliance.vision.detections import Detection
from appliance.vision.faces import WINDOW, FaceLook, is_shown_whole
from appliance.vision.frames import RawFrame
from appliance.vision.inference import Detector
from appliance.vision.regions import grown, overlaps
from appliance.vision.schedule import Interval
from appliance.vision.sheets import Sheet, Window, start_sheets
from appliance.vision.stillness import Changes, Stillness, joined_boxes

# How often the whole picture is looked at.
SWEEP_SECONDS = 2.0
# By how many grey levels the mean of a cell differs where a face came, went or turned: fewer than a plate makes.
CHANGED_LEVELS = 12.0
# A face may reach this many cells beyond what has changed of it.
REACH_CELLS = 2
# Places that would share pixels if they were this many times as wide and high are parts of one thing.
TOGETHER = 1.2
# Where more than this part has changed, and in a picture of no more pixels than this, the whole of it is looked at.
MOST_CHANGED = 0.45
SMALL_PICTURE = 640 * 480


@dataclass(frozen=True)
class BegunLook:
    """The network at work on a whole picture, or on what has changed in it since the look before."""

    whole: FaceLook | None
    sheets: tuple[Sheet, ...]
    changes: Changes

    def result(self, deadline_seconds: float) -> list[Detection]:
        """All faces found, in pixels of the picture. Raises `InferenceFailed`."""
        deadline = time.monotonic() + deadline_seconds
        if self.whole is not None:
            return list(self.whole.result(deadline_seconds))
        found: list[Detection] = []
        for sheet in self.sheets:
            left = max(0.0, deadline - time.monotonic())
            found += [face for _, face in sheet.placed(sheet.pending.result(left))]
        return found

    def answers_for(self, box: Box) -> bool:
        """Whether a face at this place would be found, so that one seen there before no longer counts."""
        middle = grown(box, 0.05)
        windows = (window.box for sheet in self.sheets for window in sheet.windows)
        return self.whole is not None or any(overlaps(middle, window) for window in windows)


class FaceSchedule:
    """For the pictures of one camera or recording in their order; several may be begun before one is completed.

    Faces are looked for every `interval_seconds`, 0 for each picture. `most_shrink` is how much a picture may be shrunk
    before it is looked at in windows, see `faces`.
    """

    def __init__(self, interval_seconds: float, most_shrink: float) -> None:
        self._interval = Interval(interval_seconds)
        self._sweep = Interval(SWEEP_SECONDS if interval_seconds > 0 else 0.0)
        self._in_parts = interval_seconds > 0
        self._most_shrink = most_shrink
        self._stillness = Stillness(CHANGED_LEVELS)
        self._known: list[Detection] = []
        # Frames with a look that is not completed yet.
        self._begun: list[int] = []
        # Whether a look since the last one at the whole picture came to nothing.
        self._failed = False

    def begin(self, frame: RawFrame, detector: Detector, always: bool) -> BegunLook | None:
        """Begin with a picture if the interval is over or with `always`. Raises what the network raises."""
        if not always and not self._interval.begin(frame.monotonic):
            return None
        look = self._look(frame, detector, self._failed or self._sweep.begin(frame.monotonic))
        self._begun.append(frame.number)
        return look

    def complete(
        self, frame: RawFrame, detector: Detector, begun: BegunLook | None, always: bool, deadline_seconds: float
    ) -> tuple[list[Detection], list[Detection], Changes] | None:
        """The faces that the look at a picture found, those seen before that still hold, and what had changed; None
        where no look is due. Raises `InferenceFailed`; the next look is then at the whole picture."""
        # The look at a frame that was covered whole for another reason was not read.
        self._failed |= any(number < frame.number for number in self._begun)
        self._begun = [number for number in self._begun if number > frame.number]
        due = always or self._failed or self._interval.overdue(frame.monotonic)
        if begun is None and not due:
            return None
        if begun is None or (self._failed and begun.whole is None):
            begun = self._look(frame, detector, self._failed or self._sweep.overdue(frame.monotonic))
        try:
            found = begun.result(deadline_seconds)
        except Exception:
            self._failed = True
            raise
        held = [face for face in self._known if not begun.answers_for(face.box)]
        self._known = [*found, *held]
        self._interval.finish(frame.monotonic)
        if begun.whole is not None:
            self._failed = False
            self._sweep.finish(frame.monotonic)
        return found, held, begun.changes

    def forget(self) -> None:
        """The next picture is looked at wholly, whatever was seen before."""
        self._failed = True
        self._known = []

    def look_again(self, frame: RawFrame, detector: Detector) -> BegunLook:
        """Begin with a picture that was passed over, wherever it differs from the one that was begun last."""
        return self._start(frame, detector, self._failed)

    def _look(self, frame: RawFrame, detector: Detector, wholly: bool) -> BegunLook:
        try:
            look = self._start(frame, detector, wholly)
        except Exception:
            self._failed = True
            raise
        self._stillness.looked()
        return look

    def _start(self, frame: RawFrame, detector: Detector, wholly: bool) -> BegunLook:
        changes = self._stillness.changes(frame.pixels)
        windows = None if wholly or not self._may_be_parted(frame) else self._windows(frame, changes)
        if windows is None:
            return BegunLook(FaceLook(detector, frame.pixels, frame.camera, self._most_shrink), (), changes)
        return BegunLook(None, start_sheets(detector, frame.pixels, frame.camera, windows), changes)

    def _may_be_parted(self, frame: RawFrame) -> bool:
        large = frame.width * frame.height > SMALL_PICTURE
        return self._in_parts and large and is_shown_whole(frame.width, frame.height, self._most_shrink)

    def _windows(self, frame: RawFrame, changes: Changes) -> list[Window] | None:
        """What has changed, with the known faces that it touches whole; None where that is too much."""
        boxes = changes.places(REACH_CELLS)
        faces = [face.box for face in self._known if any(overlaps(face.box, box) for box in boxes)]
        parts = [whole_pixels(box, frame.width, frame.height) for box in joined_boxes([*boxes, *faces], TOGETHER)]
        windows = [Window(Box(*part), _scale(frame)) for part in parts]
        area = sum(window.size[0] * window.size[1] for window in windows)
        return windows if area <= MOST_CHANGED * frame.width * frame.height else None


def _scale(frame: RawFrame) -> float:
    """Pixels of the input for each of the picture, as a look at the whole of it shows it."""
    sides, window = sorted((frame.width, frame.height)), sorted(WINDOW)
    return min(1.0, window[0] / sides[0], window[1] / sides[1])
