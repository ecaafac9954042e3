"""When and where text, and so number plates, is looked for.

The text detector costs most. It looks at a whole picture at a long interval; with each such look go close looks at the
largest vehicles, enlarged. In between it looks at those parts of the picture alone that have changed since: at a
vehicle, even a doubtful one, that is new or has moved at once, at anything else but the people at a short interval.
What was seen elsewhere still holds.

In a live view the look at the whole picture keeps nobody waiting: what it has found is covered from the next picture
on. It would find what has not changed for seconds and was missed before, since all that changes is looked at meanwhile.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.metrics.geometry import Box
from appliance.vision.covers import whole_pixels
from appliance.vision.detections import Detection, Track
from appliance.vision.frames import RawFrame
from appliance.vision.inference import Detector, PendingDetections
from appliance.vision.regions import SAME, grown, overlap, overlaps
from appliance.vision.schedule import Interval
from appliance.vision.sheets import Sheet, Window, scale_of, start_sheets
from appliance.vision.stillness import Stillness

TEXT_SECONDS = 0.5
# Where nothing has changed, nothing new can be found but by chance.
STILL_TEXT_SECONDS = 2.0
# For so long a vehicle is remembered that is not seen any more.
VEHICLE_SECONDS = 2.5
VEHICLE_SCORE = 0.2
# What was found in a picture counts in one that comes so many seconds later at most.
LONGEST_BEHIND = 1.0
# A vehicle whose box overlaps its earlier one this much (intersection over union) has moved by a twentieth of its width
# at most, a fifth of a plate's, so that a plate covered then is covered still.
STANDS_STILL = 0.9
# One that overlaps it less than this has moved by so much that between the two places its plate may be in neither.
HAS_MOVED = 0.7
# The largest vehicles are looked at closely; a plate on a smaller one has no readable letters.
CLOSE_LOOKS = 4
SMALLEST_CLOSE_LOOK = 48
CLOSE_LOOK_GROWTH = 1.15
# Of what has changed: where it is more than this, the whole picture is looked at.
MOST_WINDOWS = 12
MOST_CHANGED = 0.5
# Text that fills more of a close look's height than this is no plate: grilles and windows, enlarged, resemble letters.
TALLEST_TEXT = 0.4


@dataclass(frozen=True, slots=True)
class Closeness:
    """How a vehicle is shown to the detector in a close look: as wide as `width` pixels, unless that would enlarge it
    more than `most_enlarged` times."""

    width: float
    most_enlarged: float

    def scale(self, width: float) -> float:
        """Pixels of the input for each of a window of this width."""
        return min(self.most_enlarged, self.width / width)


# A plate's letters are 14 pixels high then. A still picture has no other frame to find in what this one misses.
VIDEO_CLOSENESS = Closeness(400.0, 3.0)
STILL_CLOSENESS = Closeness(640.0, 6.0)


@dataclass(frozen=True)
class TextLook:
    """The text detector at work on a whole picture, or on what has changed in it, and on windows of it.

    `swept` is a look at the whole of the picture before. `moving` says that the look is due because a vehicle came or
    moved since the last one.
    """

    whole: PendingDetections | None
    sheets: tuple[Sheet, ...]
    vehicles: tuple[Box, ...]
    moving: bool = False
    swept: PendingDetections | None = None

    @property
    def looks_everywhere(self) -> bool:
        return self.whole is not None or self.swept is not None

    def answers_for(self, box: Box) -> bool:
        """Whether text at this place would be found, so that what was seen there before no longer counts."""
        middle = grown(box, 0.05)
        windows = (window.box for sheet in self.sheets for window in sheet.windows)
        return self.looks_everywhere or any(overlaps(middle, window) for window in windows)


class TextSchedule:
    """Says for each picture of one camera or recording, in their order, whether text is to be looked for.

    With `behind`, no picture waits for a look at the whole of it, but those that come after a pause.
    """

    def __init__(
        self, interval_seconds: float = TEXT_SECONDS, closeness: Closeness = VIDEO_CLOSENESS, behind: bool = False
    ) -> None:
        self._closeness = closeness
        self._behind = behind
        self._sweep: PendingDetections | None = None
        self._last_complete = -math.inf
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
        restless = [box for box in vehicles if _is_large(box) and not self._stands(box, STANDS_STILL)]
        moving = self._interval.ever_finished and not all(self._stands(box, HAS_MOVED) for box in restless)
        self.still = not changed
        swept, begun = self._put_off(now, begun)
        if begun is None and (swept or self._sweep or not self._long_interval.overdue(now)):
            if not swept and not restless and not (changed and self._interval.overdue(now)):
                return None
            asked = vehicles if swept else restless
            windows = close_windows(frame, distinct(asked)[:CLOSE_LOOKS] if swept else restless, self._closeness)
            windows += self._changed_windows(frame) if changed else []
            if len(windows) <= MOST_WINDOWS and sum(map(_area, windows)) <= MOST_CHANGED * frame.width * frame.height:
                self._remember(asked, now)
                sheets = start_sheets(detector, frame.pixels, frame.camera, windows)
                return TextLook(None, sheets, (*vehicles, *self._known_vehicles()), moving, swept)
        if begun is None:
            begun = detector.start(frame.pixels, frame.camera)
        self._remember(vehicles, now)
        known = self._known_vehicles()
        return TextLook(begun, look_closely(frame, detector, known, self._closeness), known, moving)

    def _put_off(
        self, now: float, begun: PendingDetections | None
    ) -> tuple[PendingDetections | None, PendingDetections | None]:
        """The look at the whole of the picture before, and that at this one unless it can wait for the next."""
        paused, self._last_complete = not 0 <= now - self._last_complete <= LONGEST_BEHIND, now
        swept, self._sweep = self._sweep, None
        if paused or not self._behind or not self._interval.ever_finished:
            return None, begun
        self._sweep = begun
        return swept, None

    def finish(self, seconds: float, whole: bool) -> None:
        """Note that a look at the picture of this time, the last one completed, gave its results."""
        self._interval.finish(seconds)
        if whole:
            self._long_interval.finish(seconds)
        self._stillness.looked()

    def forget(self) -> None:
        """The next picture is to be looked at, whatever was seen before."""
        self._interval.forget()
        self._long_interval.forget()
        self._sweep = None

    def _remember(self, vehicles: Sequence[Box], now: float) -> None:
        """A vehicle that is missed for a moment is looked at where it was."""
        kept = [
            (old, seen)
            for old, seen in self._vehicles
            if 0 <= now - seen <= VEHICLE_SECONDS and not any(overlap(box, old) >= SAME for box in vehicles)
        ]
        self._vehicles = [(box, now) for box in vehicles] + kept

    def _known_vehicles(self) -> tuple[Box, ...]:
        return tuple(box for box, _ in self._vehicles)

    def _changed_windows(self, frame: RawFrame) -> list[Window]:
        """What has changed, at the scale at which a look at the whole picture would show it."""
        scale = scale_of((frame.width, frame.height))
        boxes = (whole_pixels(box, frame.width, frame.height) for box in self._stillness.places())
        return [Window(Box(*box), scale) for box in boxes]

    def _stands(self, box: Box, least_overlap: float) -> bool:
        """Whether a vehicle stands where one was looked at. The edges of a box waver while the vehicle stands; where no
        pixel in it has changed, it has not moved."""
        nearest = max((overlap(box, old) for old, _ in self._vehicles), default=0.0)
        return nearest >= least_overlap or (nearest >= SAME and not self._stillness.changed_at(box))


def vehicle_boxes(objects: Sequence[Detection], tracks: Sequence[Track]) -> list[Box]:
    """Where a vehicle, even a doubtful one, is seen or tracked."""
    boxes = [found.box for found in objects if found.kind == "vehicle" and found.score >= VEHICLE_SCORE]
    return boxes + [track.box for track in tracks if track.kind == "vehicle"]


def look_closely(
    frame: RawFrame, detector: Detector, vehicles: Sequence[Box], closeness: Closeness
) -> tuple[Sheet, ...]:
    """Start the text detector on the largest vehicles."""
    windows = close_windows(frame, distinct(vehicles)[:CLOSE_LOOKS], closeness)
    return start_sheets(detector, frame.pixels, frame.camera, windows)


def close_windows(frame: RawFrame, vehicles: Sequence[Box], closeness: Closeness) -> list[Window]:
    """The windows in which vehicles are looked at closely, but those that are too small for it."""
    windows = []
    for box in vehicles:
        left, top, right, bottom = whole_pixels(grown(box, CLOSE_LOOK_GROWTH), frame.width, frame.height)
        if min(right - left, bottom - top) >= SMALLEST_CLOSE_LOOK:
            windows.append(Window(Box(left, top, right, bottom), closeness.scale(right - left)))
    return windows


def too_tall(window: Window, text: Detection, vehicles: Sequence[Box]) -> bool:
    """Whether text found close to a vehicle is no plate."""
    around_vehicle = any(overlap(window.box, grown(vehicle, CLOSE_LOOK_GROWTH)) >= SAME for vehicle in vehicles)
    return around_vehicle and text.box.y2 - text.box.y1 > TALLEST_TEXT * (window.box.y2 - window.box.y1)


def distinct(boxes: Sequence[Box]) -> list[Box]:
    """The boxes without those whose middle lies in a larger one, largest first."""
    chosen: list[Box] = []
    for box in sorted(boxes, key=lambda each: (each.x1 - each.x2) * (each.y2 - each.y1)):
        middle = grown(box, 0.05)
        if not any(overlaps(middle, larger) for larger in chosen):
            chosen.append(box)
    return chosen


def _is_large(vehicle: Box) -> bool:
    """Whether a vehicle is large enough to have a plate that can be read."""
    return min(vehicle.x2 - vehicle.x1, vehicle.y2 - vehicle.y1) >= SMALLEST_CLOSE_LOOK


def _area(window: Window) -> int:
    return window.size[0] * window.size[1]
