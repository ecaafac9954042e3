"""Raw frame and detections in, redacted frame out; where anything is unsure, the whole frame is covered.

What is covered in a frame is the union of

1. faces that the face detector sees in this very frame;
2. the head region of every person that was detected or is being tracked, whether or not a face was seen;
3. text, which is what a number plate is to a detector that knows no country's plates. It is looked for in the whole
   picture and again, enlarged, around each vehicle;
4. faces and text of the last second, and heads of the last half second, that this frame does not show again, so that
   a single miss uncovers nobody.

Text costs most, so it is looked for in every frame in which a vehicle, even a doubtful one, is new or has moved, and
otherwise every half second: in the live view a plate that no vehicle is seen around may show for that long; for a
recording, regions are carried back over that time (see `recordings`).

The frame is covered whole when a network is missing, fails, is late or answers nonsense, when a result belongs to
another frame, when the frame is damaged or the first of a new size, and when the redactor itself fails. Covers are solid: no pixel of what is beneath goes into the result.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np

from appliance.errors import VeilsightError
from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection, Track
from appliance.vision.frames import SEAL, Pixels, RawFrame, RedactedFrame
from appliance.vision.inference import Detector, PendingDetections
from appliance.vision.regions import Memory, Region, face_regions, grown, head_regions, overlap, overlaps, text_regions
from appliance.vision.runtime import Detectors

COVER_COLOUR = (40, 40, 40)
WHOLE_COLOUR = (56, 44, 36)
HOLD_SECONDS = 1.0
# Shorter, since people walk and whoever is surely a person is followed by the tracker as well.
HEAD_HOLD_SECONDS = 0.5
VEHICLE_SCORE = 0.2
# A vehicle whose box overlaps its earlier one this much (intersection over union) has moved by a twentieth of its width
# at most, a fifth of a plate's, so that a plate covered then is covered still.
STANDS_STILL = 0.9
TEXT_SECONDS = 0.5
# The largest vehicles are looked at closely; a plate on a smaller one has no readable letters.
CLOSE_LOOKS = 4
SMALLEST_CLOSE_LOOK = 48
CLOSE_LOOK_GROWTH = 1.15
# Text that fills more of a close look's height than this is no plate: grilles and windows, enlarged, resemble letters.
TALLEST_TEXT = 0.4

logger = logging.getLogger(__name__)


class RedactionFailed(VeilsightError):
    """A frame can't be redacted surely; it is covered whole, with this message as the reason."""


@dataclass(frozen=True)
class Looking:
    """Networks at work on one frame. `text` is None where text is not due; `failure` says what could not be begun."""

    camera: str
    number: int
    faces: PendingDetections | None = None
    text: PendingDetections | None = None
    failure: str = ""


class Redactor:
    """Redacts the frames of one camera or recording, in their order.

    `look` begins with a frame, `redact` finishes it; several frames may be begun before the first is finished.
    `deadline_seconds` bounds how long `redact` waits for the networks.
    """

    def __init__(self, detectors: Detectors, deadline_seconds: float = 2.0, text_seconds: float = TEXT_SECONDS) -> None:
        self._detectors = detectors
        self._deadline_seconds = deadline_seconds
        self._text_seconds = text_seconds
        self._memory = Memory(HOLD_SECONDS)
        self._heads = Memory(HEAD_HOLD_SECONDS)
        # When text was last looked for, as of `find`, and when such a look was last begun, as of `look`.
        self._text_looked: float | None = None
        self._text_begun: float | None = None
        self._vehicles_looked: list[Box] = []
        self._size: tuple[int, int] | None = None

    def look(self, frame: RawFrame) -> Looking:
        """Start the networks on a frame. Never raises: what fails here covers the frame in `redact`."""
        try:
            faces = self._detectors.need("faces").start(frame.pixels)
            text_detector = self._detectors.need("text")
            text = None
            if self._is_due(self._text_begun, frame.monotonic):
                text, self._text_begun = text_detector.start(frame.pixels), frame.monotonic
        except Exception as error:
            return Looking(frame.camera, frame.number, failure=explain(error))
        return Looking(frame.camera, frame.number, faces, text)

    def redact(
        self, frame: RawFrame, looking: Looking, objects: Sequence[Detection], tracks: Sequence[Track]
    ) -> RedactedFrame:
        """Cover what has to be covered. `objects` are this frame's persons and vehicles from the lowest score up,
        `tracks` all tracks as of this frame, also those not confirmed and not seen. Never raises.
        """
        try:
            return self.cover(frame, self.find(frame, looking, objects, tracks))
        except Exception as error:
            return cover_whole(frame, explain(error))

    def find(
        self, frame: RawFrame, looking: Looking, objects: Sequence[Detection], tracks: Sequence[Track]
    ) -> tuple[Region, ...]:
        """The regions that `redact` covers. Raises where that can't be said surely."""
        if looking.failure:
            raise RedactionFailed(looking.failure)
        if (looking.camera, looking.number) != (frame.camera, frame.number) or looking.faces is None:
            raise RedactionFailed("A result belongs to another picture.")
        self._check(frame)
        _require_finite((*objects, *tracks))
        deadline = time.monotonic() + self._deadline_seconds
        vehicles = [found.box for found in objects if found.kind == "vehicle" and found.score >= VEHICLE_SCORE]
        vehicles += [track.box for track in tracks if track.kind == "vehicle"]
        text = looking.text
        # A look that was begun for an earlier frame may have failed since; then it is due here.
        overdue = self._is_due(self._text_looked, frame.monotonic)
        if text is None and (overdue or not self._have_looked_at(vehicles)):
            text = self._detectors.need("text").start(frame.pixels)
        close_looks = [] if text is None else self._look_closely(frame, vehicles)
        seen = face_regions(_require_finite(looking.faces.result(_left(deadline))))
        if text is not None:
            texts = list(_require_finite(text.result(_left(deadline))))
            for window, pending in close_looks:
                texts += _within(window, _require_finite(pending.result(_left(deadline))))
            seen += text_regions(texts, vehicles)
            self._text_looked, self._vehicles_looked = frame.monotonic, vehicles
        heads = head_regions(objects, tracks)
        held = self._memory.update(frame.monotonic, seen) + self._heads.update(frame.monotonic, heads)
        return (*seen, *heads, *held)

    def cover(self, frame: RawFrame, regions: Sequence[Region]) -> RedactedFrame:
        """The frame with the regions covered, in a picture of its own."""
        pixels = frame.pixels.copy()
        for region in regions:
            left, top, right, bottom = _whole_pixels(region.box, frame.width, frame.height)
            pixels[top:bottom, left:right] = COVER_COLOUR
        return _seal(frame, pixels, "", tuple(regions))

    def _check(self, frame: RawFrame) -> None:
        """Raise for a frame that can't be understood by itself; after a change of size, forget all earlier boxes."""
        before, self._size = self._size, (frame.width, frame.height)
        if before not in (None, self._size):
            self._memory, self._heads = Memory(HOLD_SECONDS), Memory(HEAD_HOLD_SECONDS)
            self._text_looked = None
            raise RedactionFailed(f"The picture's size has changed to {frame.width} x {frame.height}.")
        if frame.damaged:
            raise RedactionFailed("The picture is damaged; parts of it are made up.")

    def _have_looked_at(self, vehicles: Sequence[Box]) -> bool:
        """Whether each vehicle stands where one stood when text was last looked for."""
        return all(any(overlap(box, old) >= STANDS_STILL for old in self._vehicles_looked) for box in vehicles)

    def _is_due(self, last: float | None, seconds: float) -> bool:
        return last is None or not 0 <= seconds - last < self._text_seconds

    def _look_closely(self, frame: RawFrame, vehicles: Sequence[Box]) -> list[tuple[Box, PendingDetections]]:
        """Start the text detector on each of the largest vehicles; with the windows it is shown, in whole pixels."""
        detector: Detector = self._detectors.need("text")
        looks: list[tuple[Box, PendingDetections]] = []
        for box in _distinct(vehicles)[:CLOSE_LOOKS]:
            left, top, right, bottom = _whole_pixels(grown(box, CLOSE_LOOK_GROWTH), frame.width, frame.height)
            if min(right - left, bottom - top) >= SMALLEST_CLOSE_LOOK:
                window = np.ascontiguousarray(frame.pixels[top:bottom, left:right])
                looks.append((Box(left, top, right, bottom), detector.start(window)))
        return looks


def cover_whole(frame: RawFrame, reason: str) -> RedactedFrame:
    """A fresh picture of the frame's size in one colour, with the reason written on it; none of the frame's pixels."""
    reason = reason or "It is not sure what has to be covered."
    pixels = np.full((frame.height, frame.width, 3), WHOLE_COLOUR, np.uint8)
    size = max(0.35, min(0.9, frame.width / 900))
    lines = ["Picture covered", *_wrapped(reason, max(16, int(frame.width / (19 * size))))]
    for number, line in enumerate(lines):
        place = (int(24 * size), int((number + 1.5) * 34 * size))
        cv2.putText(pixels, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, (235, 235, 235), 1, cv2.LINE_AA)
    return _seal(frame, pixels, reason, ())


def _seal(frame: RawFrame, pixels: Pixels, reason: str, regions: tuple[Region, ...]) -> RedactedFrame:
    return RedactedFrame(
        seal=SEAL,
        pixels=pixels,
        camera=frame.camera,
        number=frame.number,
        monotonic=frame.monotonic,
        moment=frame.moment,
        whole_frame=bool(reason),
        reason=reason,
        regions=regions,
    )


def explain(error: Exception) -> str:
    """What the viewer is told. Errors of ours are sentences; others are for the engine's log."""
    if isinstance(error, VeilsightError):
        return str(error)
    logger.exception("a frame could not be redacted and was covered")
    return f"The redactor failed ({type(error).__name__})."


Found = TypeVar("Found", bound=Sequence[Detection | Track])


def _require_finite(found: Found) -> Found:
    """The same detections; raises where a number is none, since each comparison with it would be false."""
    if not all(math.isfinite(value) for each in found for value in (each.score, *each.box)):
        raise RedactionFailed("A network has given numbers that are not finite.")
    return found


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _within(window: Box, texts: Sequence[Detection]) -> list[Detection]:
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


def _distinct(boxes: Sequence[Box]) -> list[Box]:
    """The boxes without those whose middle lies in a larger one, largest first."""
    chosen: list[Box] = []
    for box in sorted(boxes, key=lambda each: (each.x1 - each.x2) * (each.y2 - each.y1)):
        middle = grown(box, 0.05)
        if not any(overlaps(middle, larger) for larger in chosen):
            chosen.append(box)
    return chosen


def _whole_pixels(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all pixels that the box touches, within the frame.

    Raises `ValueError` for a box that is inside out or not a number, `OverflowError` for one without end.
    """
    if not (box.x1 <= box.x2 and box.y1 <= box.y2):
        raise ValueError("a box is inside out")
    left, top = int(np.floor(box.x1)), int(np.floor(box.y1))
    right, bottom = int(np.ceil(box.x2)), int(np.ceil(box.y2))
    return max(0, left), max(0, top), max(0, min(width, right)), max(0, min(height, bottom))


def _wrapped(text: str, length: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= length and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
