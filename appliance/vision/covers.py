"""How regions are covered: solid, as a mosaic or blurred, in rectangles or ellipses. None of the three can be undone.

What is left of the pixels beneath a cover, at most:

- `solid`: nothing.
- `mosaic`: the mean colour of each cell of a grid that has at most 6 cells along its longer side, so 36 cells, each in
  one of 4 levels for each of 3 colours: 216 bits, whatever the region's size. Each mean is moved by noise of a whole
  level before it is rounded (dithering; Roberts, Picture Coding Using Pseudo-Random Noise, 1962), so a part of these
  bits is chance. The noise comes from the operating system's secure source and is kept nowhere.
- `blur`: the same mosaic, smoothed. It is computed from the cells alone, so it tells no more than they do.

A restoration network needs detail that many small measurements share. Here every face is six by six numbers of two bits
a colour, rounded at random: it can draw a face that agrees with them, as countless faces do, and not find the one
that was there. Overlapping regions share one grid, so that two grids over one face are no second measurement.

In a recording the noise is drawn once: what stands still gives the same cells in every picture, and averaging pictures
gains nothing. What moves gives other cells in the next picture, up to 216 bits more with each; where a recording of
somebody moving must withstand every analysis, use `solid`, the default and the only method of the live view.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box, Zone
from appliance.vision.covering import Covering, CoverMethod, CoverShape
from appliance.vision.regions import Region, grown, overlaps

COVER_COLOUR = (40, 40, 40)
CELLS = 6
LEVELS = 4

Pixels = NDArray[np.uint8]
Window = tuple[int, int, int, int]


def draw_noise(covering: Covering) -> NDArray[np.float64]:
    """Noise for the cells of one recording, float64 [CELLS, CELLS, 3] in -0.5..0.5 levels."""
    drawn = np.frombuffer(covering.random_bytes(CELLS * CELLS * 3 * 4), np.uint32).reshape(CELLS, CELLS, 3)
    return drawn / 2.0**32 - 0.5


def paint(pixels: Pixels, regions: Sequence[Region], covering: Covering, noise: NDArray[np.float64]) -> Pixels:
    """A new picture, uint8 [H, W, 3], with the regions and the masks covered.

    Raises `ValueError` for a box that is inside out or not a number, `OverflowError` for one without end.
    """
    height, width = pixels.shape[:2]
    boxes = [region.box for region in regions]
    windows = [whole_pixels(box, width, height) for box in boxes]
    if covering.shape == "rectangle" and covering.method == "solid":
        result = pixels.copy()
        for left, top, right, bottom in windows:
            result[top:bottom, left:right] = COVER_COLOUR
    else:
        result = _paint_with_care(pixels, boxes, covering, noise)
    for mask in covering.masks:
        result[_polygon(mask, width, height)] = COVER_COLOUR
    return result


def _paint_with_care(pixels: Pixels, boxes: Sequence[Box], covering: Covering, noise: NDArray[np.float64]) -> Pixels:
    """`paint` for all but solid rectangles."""
    height, width = pixels.shape[:2]
    result = pixels.copy()
    outlines = [_circumscribed(box) for box in boxes] if covering.shape == "ellipse" else list(boxes)
    for group in joined(outlines):
        members = [(boxes[index], outlines[index]) for index in group]
        left, top, right, bottom = whole_pixels(_around([outline for _, outline in members]), width, height)
        if left >= right or top >= bottom:
            continue
        inside = np.zeros((bottom - top, right - left), np.bool_)
        for box, outline in members:
            _mark(inside, box, outline, covering.shape, (left, top))
        window = pixels[top:bottom, left:right]
        result[top:bottom, left:right][inside] = fill(window, covering.method, noise)[inside]
    return result


def fill(window: Pixels, method: CoverMethod, noise: NDArray[np.float64]) -> Pixels:
    """What a window (uint8 [H, W, 3], not empty) looks like when it is covered."""
    height, width = window.shape[:2]
    if method == "solid":
        return np.full_like(window, COVER_COLOUR)
    cells = quantised_cells(window, noise)
    smooth = cv2.INTER_LINEAR if method == "blur" else cv2.INTER_NEAREST
    side = -(-max(height, width) // CELLS)
    # Enlarged to whole cells, then cut: the last row and column of cells may be narrower.
    enlarged = cv2.resize(cells, (cells.shape[1] * side, cells.shape[0] * side), interpolation=smooth)
    return np.ascontiguousarray(enlarged[:height, :width])


def quantised_cells(window: Pixels, noise: NDArray[np.float64]) -> Pixels:
    """The window's cells, uint8 [rows, columns, 3]: at most `CELLS` along the longer side, `LEVELS` values a colour.

    This is all that a mosaic and a blur are made of.
    """
    height, width = window.shape[:2]
    side = -(-max(height, width) // CELLS)
    rows, columns = -(-height // side), -(-width // side)
    means = np.array(
        [
            [
                window[row * side : (row + 1) * side, column * side : (column + 1) * side].mean(axis=(0, 1))
                for column in range(columns)
            ]
            for row in range(rows)
        ]
    )
    step = 255.0 / (LEVELS - 1)
    levels = np.clip(np.rint(means / step + noise[:rows, :columns]), 0, LEVELS - 1)
    return np.asarray(np.rint(levels * step), np.uint8)


def joined(boxes: Sequence[Box]) -> list[list[int]]:
    """Indices of the boxes in groups: boxes that overlap, or are overlapped by the same others, are in one group."""
    groups: list[list[int]] = []
    for index, box in enumerate(boxes):
        touching = [group for group in groups if any(overlaps(box, boxes[other]) for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append(sorted([index, *(other for group in touching for other in group)]))
    return groups


def whole_pixels(box: Box, width: int, height: int) -> Window:
    """Left, top, right, bottom of all pixels that the box touches, within the frame.

    Raises `ValueError` for a box that is inside out or not a number, `OverflowError` for one without end.
    """
    if not (box.x1 <= box.x2 and box.y1 <= box.y2):
        raise ValueError("a box is inside out")
    left, top = int(np.floor(box.x1)), int(np.floor(box.y1))
    right, bottom = int(np.ceil(box.x2)), int(np.ceil(box.y2))
    return max(0, left), max(0, top), max(0, min(width, right)), max(0, min(height, bottom))


def _circumscribed(box: Box) -> Box:
    """The box of the ellipse through the corners of `box`."""
    return grown(box, float(np.sqrt(2)))


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        min(box.x1 for box in boxes),
        min(box.y1 for box in boxes),
        max(box.x2 for box in boxes),
        max(box.y2 for box in boxes),
    )


def _mark(inside: NDArray[np.bool_], box: Box, outline: Box, shape: CoverShape, origin: tuple[int, int]) -> None:
    """Mark the pixels of one region in `inside`, whose first pixel is the frame's `origin`. The rectangle's own pixels
    are marked in any case, so that rounding at an ellipse's edge uncovers none."""
    left, top = origin
    right, bottom = left + inside.shape[1], top + inside.shape[0]
    x1, y1, x2, y2 = whole_pixels(box, right, bottom)
    inside[max(0, y1 - top) : max(0, y2 - top), max(0, x1 - left) : max(0, x2 - left)] = True
    if shape == "ellipse" and outline.x2 > outline.x1 and outline.y2 > outline.y1:
        x = (np.arange(left, right) + 0.5 - (outline.x1 + outline.x2) / 2) / ((outline.x2 - outline.x1) / 2)
        y = (np.arange(top, bottom) + 0.5 - (outline.y1 + outline.y2) / 2) / ((outline.y2 - outline.y1) / 2)
        inside |= (x[None, :] ** 2 + y[:, None] ** 2) <= 1


def _polygon(mask: Zone, width: int, height: int) -> NDArray[np.bool_]:
    """The pixels that a mask touches, bool [height, width]."""
    points = np.array([[point.x * width, point.y * height] for point in mask.points])
    drawn = np.zeros((height, width), np.uint8)
    # OpenCV fills the outline too; its coordinates are those of pixels' centres.
    cv2.fillPoly(drawn, [np.rint(points - 0.5).astype(np.int32)], (1,))
    return np.asarray(drawn.astype(np.bool_))
