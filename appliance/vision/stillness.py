"""Whether anything but the people who are followed has changed in the picture.

Each cell of a coarse grid keeps the grey level at which it was last looked at. A cell counts as changed when its level
is another now. Cells with a person in them are not judged; when the person has gone, they are compared with what was
looked at before the person came.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.frames import Pixels
from appliance.vision.regions import grown

# Side of a cell in pixels: less than any plate or writing that can be read covers.
SMALLEST_CELL = 8
MOST_CELLS_ACROSS = 160
# Noise, clouds and foliage move the mean of a cell by a few levels; a plate differs by more from what was there before.
CHANGED_LEVELS = 16.0
# A person's shadow and swinging arms reach out of the box.
PERSON_REACH = 1.3

Levels = NDArray[np.float32]


class Stillness:
    """Follows one camera or recording. `seen` and `looked` are called with each picture, in order."""

    def __init__(self) -> None:
        self._known: Levels = np.empty((0, 0), np.float32)
        self._levels: Levels = np.empty((0, 0), np.float32)
        self._people = np.empty((0, 0), np.bool_)

    def changed(self, pixels: Pixels, people: Sequence[Box]) -> bool:
        """Whether a part of the picture (uint8 [H, W, 3]) without a person differs from when it was looked at."""
        height, width = pixels.shape[:2]
        side = max(SMALLEST_CELL, -(-width // MOST_CELLS_ACROSS))
        size = (max(1, width // side), max(1, height // side))
        coarse = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        self._levels = np.asarray(cv2.cvtColor(coarse, cv2.COLOR_BGR2GRAY), np.float32)
        self._people = _cells(people, size, size[0] / width, size[1] / height)
        if self._known.shape != self._levels.shape:
            self._known = np.full_like(self._levels, np.nan)
        differs = ~(np.abs(self._levels - self._known) <= CHANGED_LEVELS)
        return bool((differs & ~self._people).any())

    def looked(self) -> None:
        """The picture of the last `changed` was looked at."""
        self._known = np.where(self._people, self._known, self._levels)


def _cells(boxes: Sequence[Box], size: tuple[int, int], across: float, down: float) -> NDArray[np.bool_]:
    """The cells that the boxes touch, bool [rows, columns]."""
    marked = np.zeros(size[::-1], np.bool_)
    for box in boxes:
        x1, y1, x2, y2 = grown(box, PERSON_REACH)
        top, left = max(0, int(y1 * down)), max(0, int(x1 * across))
        marked[top : max(0, int(np.ceil(y2 * down))), left : max(0, int(np.ceil(x2 * across)))] = True
    return marked
