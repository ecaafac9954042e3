"""Fitting a picture of any size into a network's static input, and boxes back into the picture.

The picture keeps its proportions, as near as whole pixels allow, and lies at the top left; the rest is padding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# The grey of the padding: near the middle of the pixels' range, so that it is no strong edge.
PADDING = 114


class Placement(NamedTuple):
    """Where a picture lies in a network's input: sizes in pixels, `scale_*` are input pixels per picture pixel."""

    input_width: int
    picture_width: int
    picture_height: int
    scale_x: float
    scale_y: float


def choose_size(sizes: Sequence[tuple[int, int]], width: int, height: int, largest_scale: float) -> tuple[int, int]:
    """The static size (width, height) for a picture: the smallest in area that shows it at nearly the best scale.

    `largest_scale` bounds the input pixels per pixel of the picture. A size within a tenth of the best scale will do:
    the difference in detail is small and the time is not.
    """

    def scale(size: tuple[int, int]) -> float:
        return min(size[0] / width, size[1] / height, largest_scale)

    best = max(scale(size) for size in sizes)
    return min((size for size in sizes if scale(size) >= 0.9 * best), key=lambda size: size[0] * size[1])


def place(width: int, height: int, size: tuple[int, int], largest_scale: float) -> tuple[Placement, tuple[int, int]]:
    """How a picture is placed in an input of `size`, and its width and height there."""
    scale = min(size[0] / width, size[1] / height, largest_scale)
    inner_width = min(size[0], max(1, round(width * scale)))
    inner_height = min(size[1], max(1, round(height * scale)))
    return Placement(size[0], width, height, inner_width / width, inner_height / height), (inner_width, inner_height)


def letterbox(
    image: NDArray[np.uint8], size: tuple[int, int], largest_scale: float
) -> tuple[NDArray[np.uint8], Placement]:
    """`image` (H x W x 3) in an input [1, size[1], size[0], 3] of the same channel order, and its placement."""
    height, width = image.shape[:2]
    placement, inner = place(width, height, size, largest_scale)
    target = np.empty((1, size[1], size[0], 3), np.uint8)
    target[0, inner[1] :] = PADDING
    target[0, : inner[1], inner[0] :] = PADDING
    window = target[0, : inner[1], : inner[0]]
    # Halving averages each 2 x 2 pixels and is quick; without it a small thing may fall between the sampling points.
    while image.shape[1] >= 2 * inner[0] and image.shape[0] >= 2 * inner[1]:
        halved = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
        image = np.asarray(halved, np.uint8)
    if image.shape[1::-1] == inner:
        window[:] = image
    else:
        cv2.resize(image, inner, dst=window, interpolation=cv2.INTER_LINEAR)
    return target, placement


def to_picture(boxes: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """Boxes [n, 4] (x1, y1, x2, y2) from pixels of the input to pixels of the picture, cut at its edges."""
    scale = np.array([placement.scale_x, placement.scale_y] * 2, np.float32)
    limit = np.array([placement.picture_width, placement.picture_height] * 2, np.float32)
    result: NDArray[np.float32] = np.clip(boxes / scale, 0, limit)
    return result
