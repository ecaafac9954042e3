"""Several windows of a picture side by side on one sheet, so that a network looks at all of them in one run.

What a network costs depends on the size of its input alone, and windows are small: a few of them fit into one input as
large as they are to be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import PADDING
from appliance.vision.frames import Pixels
from appliance.vision.inference import Detector, PendingDetections
from appliance.vision.regions import overlaps

# Width and height of the input that sheets are made for; a sheet may be larger, and is shrunk to it.
INPUT = (640, 480)
# Between two windows, in pixels of the picture, so that nothing is seen across their edges.
GAP = 8

Size = tuple[int, int]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the picture, in whole pixels of it; it is to be seen at `least_scale` pixels of the input a pixel."""

    box: Box
    least_scale: float

    @property
    def size(self) -> Size:
        return int(self.box.x2 - self.box.x1), int(self.box.y2 - self.box.y1)


@dataclass(frozen=True)
class Sheet:
    """The network at work on a sheet, and where on it each window lies."""

    windows: tuple[Window, ...]
    places: tuple[Place, ...]
    pending: PendingDetections

    def placed(self, found: Sequence[Detection]) -> list[tuple[Window, Detection]]:
        """What was found on the sheet, in pixels of the picture, each with its window and cut at the window's edge."""
        placed = []
        for window, (left, top) in zip(self.windows, self.places, strict=True):
            width, height = window.size
            tile = Box(left, top, left + width, top + height)
            for each in found:
                if overlaps(each.box, tile):
                    placed.append((window, replace(each, box=_moved(each.box, tile, window.box))))
        return placed


def start_sheets(detector: Detector, pixels: Pixels, owner: str, windows: Sequence[Window]) -> tuple[Sheet, ...]:
    """Start the network on the windows of a picture (uint8 [H, W, 3]), on as few sheets as show each large enough."""
    return tuple(_start(detector, pixels, owner, group) for group in grouped(windows))


def grouped(windows: Sequence[Window]) -> list[list[Window]]:
    """The windows by sheet, in the order of their height. One that is too large for any sheet has one of its own."""
    groups: list[list[Window]] = []
    for window in sorted(windows, key=lambda each: -each.size[1]):
        for group in groups:
            together = [*group, window]
            _, size = arranged([each.size for each in together])
            if scale_of(size) >= max(each.least_scale for each in together):
                group.append(window)
                break
        else:
            groups.append([window])
    return groups


def arranged(sizes: Sequence[Size]) -> tuple[list[Place], Size]:
    """Where windows of these sizes lie on their sheet, and its size: in rows, as large in the input as can be."""
    arrangements = [_in_rows(sizes, columns) for columns in range(1, len(sizes) + 1)]
    return max(arrangements, key=lambda arrangement: scale_of(arrangement[1]))


def scale_of(size: Size) -> float:
    """Pixels of the input that a pixel of a sheet of this size gets at most."""
    return min(INPUT[0] / size[0], INPUT[1] / size[1])


def _in_rows(sizes: Sequence[Size], columns: int) -> tuple[list[Place], Size]:
    places: list[Place] = []
    right = bottom = top = 0
    for first in range(0, len(sizes), columns):
        left = 0
        for width, height in sizes[first : first + columns]:
            places.append((left, top))
            right, bottom = max(right, left + width), max(bottom, top + height)
            left += width + GAP
        top = bottom + GAP
    return places, (right, bottom)


def _start(detector: Detector, pixels: Pixels, owner: str, windows: Sequence[Window]) -> Sheet:
    places, (width, height) = arranged([window.size for window in windows])
    sheet = np.full((height, width, 3), PADDING, np.uint8)
    for window, (left, top) in zip(windows, places, strict=True):
        x1, y1, x2, y2 = map(int, window.box)
        sheet[top : top + y2 - y1, left : left + x2 - x1] = pixels[y1:y2, x1:x2]
    scale = max(window.least_scale for window in windows)
    return Sheet(tuple(windows), tuple(places), detector.start(sheet, owner, scale))


def _moved(box: Box, tile: Box, window: Box) -> Box:
    across, down = window.x1 - tile.x1, window.y1 - tile.y1
    return Box(
        max(window.x1, box.x1 + across),
        max(window.y1, box.y1 + down),
        min(window.x2, box.x2 + across),
        min(window.y2, box.y2 + down),
    )
