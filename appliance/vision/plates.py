"""When and where text, and so number plates, is looked for.

The text detector costs most, so it looks at a whole picture when a vehicle, even a doubtful one, is new or has moved;
at a short interval while anything but the people changes; and at a long one while nothing does. With each such look go
close looks: the largest vehicles again, enlarged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from appliance.metrics.geometry import Box
from appliance.vision.covers import whole_pixels
from appliance.vision.detections import Detection, Track
from appliance.vision.frames import RawFrame
from appliance.vision.inference import Detector, PendingDetections
from appliance.vision.regions import SAME, grown, overlap, overlaps
from appliance.vision.schedule import Interval
from appliance.vision.stillness import Stillness

TEXT_SECONDS = 0.5
# Where nothing has changed, nothing new can be found but by chance.
STILL_TEXT_SECONDS = 2.0
# For so long a vehicle is remembered that is not seen any more.
VEHICLE_SECONDS = 2.5
VEHICLE_SCORE = 0.2
# A vehicle whose box overlaps its earlier one this much (intersection over union) has moved by a twentieth of its width
# at most, a fifth of a plate's, so that a plate covered then is covered still.
STANDS_STILL = 0.9
# One that overlaps it less than this has moved by so much that between the two places its plate may be in neither.
HAS_MOVED = 0.7
# The largest vehicles are looked at closely; a plate on a smaller one has no readable letters.
CLOSE_LOOKS = 4
SMALLEST_CLOSE_LOOK = 48
CLOSE_LOOK_GROWTH = 1.15
# Text that fills more of a close look's height than this is no plate: grilles and windows, enlarged, resemble letters.
TALLEST_TEXT = 0.4


@dataclass(frozen=True)
class TextLook:
    """The text detector at work on a whole picture and on windows of it (in whole pixels).

    `moving` says that the look is due because a vehicle came or moved since the last one.
    """

    whole: PendingDetections
    close: tuple[tuple[Box, PendingDetections], ...]
    vehicles: tuple[Box, ...]
    moving: bool = False


class TextSchedule:
    """Says for each picture of one camera or recording, in their order, whether text is to be looked for."""

    def __init__(self, interval_seconds: float = TEXT_SECONDS) -> None:
        self._interval = Interval(interval_seconds)
        self._long_interval = Interval(max(interval_seconds, STILL_TEXT_SECONDS))
        self._stillness = Stillness()
        self._vehicles: list[tuple[Box, float]] = []
        self.still = False

    def begin(self, frame: RawFrame, detector: Detector) -> PendingDetections | None:
        """Begin with the whole picture if the long interval is over, before anything else is known of it."""
        return detector.start(frame.pixels, frame.camera) if self._long_interval.begin(frame.monotonic) else None

    def complete(
        self,
        frame: RawFrame,
        detector: Detector,
        begun: PendingDetections | None,
        vehicles: Sequence[Box],
        people: Sequence[Box],
    ) -> TextLook | None:
        """All looks at a picture once what is in it is known; None where none is due. `still` then says whether the
        last look's results hold for this picture too."""
        now = frame.monotonic
        changed = self._stillness.changed(frame.pixels, people)
        restless = not self._stand_still(vehicles, STANDS_STILL)
        moving = not self._stand_still(vehicles, HAS_MOVED)
        self.still = not changed
        short, long = self._interval.overdue(now), self._long_interval.overdue(now)
        if begun is None and (restless or long or (changed and short)):
            begun = detector.start(frame.pixels, frame.camera)
        if begun is None:
            return None
        self._remember(vehicles, now)
        boxes = tuple(box for box, _ in self._vehicles)
        close = tuple(look_closely(frame, detector, boxes))
        return TextLook(begun, close, boxes, moving and self._interval.ever_finished)

    def finish(self, seconds: float) -> None:
        """Note that a look at the picture of this time, the last one completed, gave its results."""
        self._interval.finish(seconds)
        self._long_interval.finish(seconds)
        self._stillness.looked()

    def forget(self) -> None:
        """The next picture is to be looked at, whatever was seen before."""
        self._interval.forget()
        self._long_interval.forget()

    def _remember(self, vehicles: Sequence[Box], now: float) -> None:
        """A vehicle that is missed for a moment is looked at where it was."""
        kept = [
            (old, seen)
            for old, seen in self._vehicles
            if 0 <= now - seen <= VEHICLE_SECONDS and not any(overlap(box, old) >= SAME for box in vehicles)
        ]
        self._vehicles = [(box, now) for box in vehicles] + kept

    def _stand_still(self, vehicles: Sequence[Box], least_overlap: float) -> bool:
        """Whether each vehicle that is large enough to have a plate that can be read stands where one was looked at.

        The edges of a box waver while the vehicle stands; where no pixel in it has changed, it has not moved.
        """
        large = [box for box in vehicles if min(box.x2 - box.x1, box.y2 - box.y1) >= SMALLEST_CLOSE_LOOK]
        return all(self._stands(box, least_overlap) for box in large)

    def _stands(self, box: Box, least_overlap: float) -> bool:
        nearest = max((overlap(box, old) for old, _ in self._vehicles), default=0.0)
        return nearest >= least_overlap or (nearest >= SAME and not self._stillness.changed_at(box))


def vehicle_boxes(objects: Sequence[Detection], tracks: Sequence[Track]) -> list[Box]:
    """Where a vehicle, even a doubtful one, is seen or tracked."""
    boxes = [found.box for found in objects if found.kind == "vehicle" and found.score >= VEHICLE_SCORE]
    return boxes + [track.box for track in tracks if track.kind == "vehicle"]


def look_closely(frame: RawFrame, detector: Detector, vehicles: Sequence[Box]) -> list[tuple[Box, PendingDetections]]:
    """Start the text detector on each of the largest vehicles; with the windows it is shown, in whole pixels."""
    looks: list[tuple[Box, PendingDetections]] = []
    for box in distinct(vehicles)[:CLOSE_LOOKS]:
        left, top, right, bottom = whole_pixels(grown(box, CLOSE_LOOK_GROWTH), frame.width, frame.height)
        if min(right - left, bottom - top) >= SMALLEST_CLOSE_LOOK:
            window = np.ascontiguousarray(frame.pixels[top:bottom, left:right])
            looks.append((Box(left, top, right, bottom), detector.start(window, frame.camera)))
    return looks


def within(window: Box, texts: Sequence[Detection]) -> list[Detection]:
    """Text of a close look, in pixels of the frame, without what is too tall for a plate."""
    tallest = TALLEST_TEXT * (window.y2 - window.y1)
    return [
        replace(
            text,
            box=Box(text.box.x1 + window.x1, text.box.y1 + window.y1, text.box.x2 + window.x1, text.box.y2 + window.y1),
        )
        for text in texts
        if text.box.y2 - text.box.y1 <= tallest
    ]


def distinct(boxes: Sequence[Box]) -> list[Box]:
    """The boxes without those whose middle lies in a larger one, largest first."""
    chosen: list[Box] = []
    for box in sorted(boxes, key=lambda each: (each.x1 - each.x2) * (each.y2 - each.y1)):
        middle = grown(box, 0.05)
        if not any(overlaps(middle, larger) for larger in chosen):
            chosen.append(box)
    return chosen
