"""Whether people are large enough in a camera's picture to be counted well, and look as its mounting says."""

from collections import deque
from dataclasses import dataclass, field
from statistics import median

from appliance.language import marked, sentence
from appliance.metrics.geometry import Box

# A person is taken to be so tall; from above, so wide at the shoulders. Metres.
PERSON_HEIGHT = 1.7
PERSON_WIDTH = 0.5
# Below this, detectors miss people; pixels a metre.
LEAST_PIXELS = 33
# Standing people seen from the side are about two and a half times as high as wide, and from above about as high as
# wide; the medians of many boxes between these two say nothing.
SURELY_FROM_THE_SIDE = 2.0
SURELY_FROM_ABOVE = 1.3
# Advice is given of the last so many boxes, a second apart or more, and only when there are enough.
KEPT, ENOUGH = 300, 30
APART_SECONDS = 1.0
NOT_OVERHEAD = marked("People are seen from the side, but the camera is set up as overhead: change its mounting.")
NOT_OBLIQUE = marked("People are seen from above, but the camera is set up as oblique: change its mounting.")


@dataclass
class PersonSizes:
    """Heights and shapes of one camera's persons, for a while. No box is kept longer than the next `KEPT`."""

    overhead: bool = False
    _metres: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT), init=False, repr=False)
    _shapes: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT), init=False, repr=False)
    _last: float = field(default=float("-inf"), init=False, repr=False)

    def add(self, time_seconds: float, boxes: list[Box], width: int, height: int) -> None:
        """Take the persons of a frame, boxes in pixels; those that the frame's edge cuts off are left out."""
        if time_seconds - self._last < APART_SECONDS:
            return
        self._last = time_seconds
        for box in boxes:
            wide, high = box.x2 - box.x1, box.y2 - box.y1
            if box.x1 > 1 and box.y1 > 1 and box.x2 < width - 1 and box.y2 < height - 1 and wide > 0:
                self._metres.append(max(wide, high) / PERSON_WIDTH if self.overhead else high / PERSON_HEIGHT)
                self._shapes.append(high / wide)

    def pixels_a_metre(self) -> float | None:
        """The median; None before enough people were seen."""
        return median(self._metres) if len(self._metres) >= ENOUGH else None

    def advice(self) -> tuple[str, ...]:
        """What somebody should mend, in sentences."""
        pixels = self.pixels_a_metre()
        if pixels is None:
            return ()
        found, shape = [], median(self._shapes)
        if pixels < LEAST_PIXELS:
            found.append(
                sentence(
                    "People are too small to be counted well, about %(pixels)s pixels a metre; %(least)s are needed: "
                    "mount the camera nearer, zoom in, or take a larger stream.",
                    pixels=round(pixels),
                    least=LEAST_PIXELS,
                )
            )
        if self.overhead and shape > SURELY_FROM_THE_SIDE:
            found.append(sentence(NOT_OVERHEAD))
        if not self.overhead and shape < SURELY_FROM_ABOVE:
            found.append(sentence(NOT_OBLIQUE))
        return tuple(found)
