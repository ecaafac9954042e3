"""Whether anything but the people who are followed has changed in the picture.

Each cell of a coarse grid keeps the grey level at which it was last looked at. A cell counts as changed when its level
is another now. Cells with a person in them are not judged; when the person has gone, they are compared with what was
looked at before the person came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.frames import Pixels
from appliance.vision.regions import around, grown, overlaps

# Side of a cell in pixels: less than any plate or writing that can be read covers.
SMALLEST_CELL = 8
MOST_CELLS_ACROSS = 160
# Noise, clouds and foliage move the mean of a cell by a few levels; a plate differs by more from what was there before.
CHANGED_LEVELS = 16.0
# A person's shadow and swinging arms reach out of the box.
PERSON_REACH = 1.3
# Writing of which a part has changed may reach this far beyond it.
REACH_CELLS = 3

Levels = NDArray[np.float32]


@dataclass(frozen=True)
class Changes:
    """Which cells of a picture have changed, bool [rows, columns]; `scale` is cells for each pixel, across and down."""

    differs: NDArray[np.bool_]
    scale: tuple[float, float]

    def at(self, box: Box) -> bool:
        """Whether any of that lies in the box, in pixels."""
        return bool((self.differs & _cells([box], self.differs.shape[::-1], self.scale)).any())

    def places(self, reach_cells: int = REACH_CELLS) -> list[Box]:
        """Boxes around all of that with room for what reaches out of the changed cells, in pixels; none share any."""
        across, down = self.scale
        reach = np.ones((2 * reach_cells + 1,) * 2, np.uint8)
        _, _, found, _ = cv2.connectedComponentsWithStats(cv2.dilate(self.differs.view(np.uint8), reach))
        boxes = [Box(x / across, y / down, (x + w) / across, (y + h) / down) for x, y, w, h, _ in found[1:].tolist()]
        return joined_boxes(boxes)


class Stillness:
    """Follows one camera or recording. `changed` and `looked` are called with the pictures, in order.

    A cell has changed whose mean differs by more than `levels` of 255.
    """

    def __init__(self, levels: float = CHANGED_LEVELS) -> None:
        self._changed_levels = levels
        self._known: Levels = np.empty((0, 0), np.float32)
        self._levels: Levels = np.empty((0, 0), np.float32)
        self._people = np.empty((0, 0), np.bool_)
        self._differs = np.empty((0, 0), np.bool_)
        self._scale = (1.0, 1.0)

    def changed(self, pixels: Pixels, people: Sequence[Box]) -> bool:
        """Whether a part of the picture (uint8 [H, W, 3]) without a person differs from when it was looked at."""
        height, width = pixels.shape[:2]
        side = max(SMALLEST_CELL, -(-width // MOST_CELLS_ACROSS))
        size = (max(1, width // side), max(1, height // side))
        coarse = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        self._levels = np.asarray(cv2.cvtColor(coarse, cv2.COLOR_BGR2GRAY), np.float32)
        self._scale = (size[0] / width, size[1] / height)
        self._people = _cells([grown(person, PERSON_REACH) for person in people], size, self._scale)
        if self._known.shape != self._levels.shape:
            self._known = np.full_like(self._levels, np.nan)
        self._differs = ~(np.abs(self._levels - self._known) <= self._changed_levels) & ~self._people
        return bool(self._differs.any())

    def changes(self, pixels: Pixels) -> Changes:
        """What differs from when it was looked at, people or not."""
        self.changed(pixels, ())
        return Changes(self._differs, self._scale)

    def changed_at(self, box: Box) -> bool:
        """Whether any of that lies in the box (in pixels of the picture given last)."""
        return Changes(self._differs, self._scale).at(box)

    def places(self) -> list[Box]:
        """See `Changes.places`, of the picture given last."""
        return Changes(self._differs, self._scale).places()

    def looked(self) -> None:
        """The picture of the last `changed` was looked at."""
        self._known = np.where(self._people, self._known, self._levels)


def _cells(boxes: Sequence[Box], size: tuple[int, ...], scale: tuple[float, float]) -> NDArray[np.bool_]:
    """The cells that the boxes touch, bool [rows, columns]; `size` and `scale` across and down."""
    marked = np.zeros(size[::-1], np.bool_)
    for x1, y1, x2, y2 in boxes:
        top, left = max(0, int(y1 * scale[1])), max(0, int(x1 * scale[0]))
        marked[top : max(0, int(np.ceil(y2 * scale[1]))), left : max(0, int(np.ceil(x2 * scale[0])))] = True
    return marked


def joined_boxes(boxes: Sequence[Box], together: float = 1.0) -> list[Box]:
    """Boxes that hold the given ones and do not overlap, nor would if they were `together` times as wide and high."""
    apart: list[Box] = []
    for box in boxes:
        while touching := [each for each in apart if overlaps(grown(each, together), grown(box, together))]:
            apart = [each for each in apart if each not in touching]
            for each in touching:
                box = around(box, each)
        apart.append(box)
    return apart
