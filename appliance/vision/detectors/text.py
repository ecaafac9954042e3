"""Text, and so number plates: connected regions of a map that says for each pixel how likely it is text.

After Liao, Wan, Yao et al.: Real-time Scene Text Detection with Differentiable Binarization, 2020. The network learns
shrunken text regions, so a box is the core of a line of writing; whoever covers it has to grow it.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement, to_picture

# How likely a pixel must be text to be part of a region. The region's own score has to reach the catalogue's
# `minimum_score` as well: textures of walls and floors give many faint regions, and a plate that can be read none.
PIXEL_SCORE = 0.3
# Regions thinner than this, in pixels of the input, are specks.
SMALLEST = 3
# Thicker ones, in parts of the picture's shorter side, are walls and floors that resemble strokes of huge letters: a
# European plate that fills half the width of a picture has letters half as thick.
THICKEST = 0.15
MAXIMUM = 500

OUTPUTS = ("fetch_name_0",)


def output_shapes(width: int, height: int) -> tuple[tuple[int, ...], ...]:
    return ((1, 1, height, width),)


def decode(outputs: Sequence[NDArray[np.float32]], placement: Placement, minimum_score: float) -> tuple[Detection, ...]:
    """Upright boxes of the text regions in pixels of the picture, best first; the score is the region's mean."""
    probability = outputs[0][0, 0]
    mask = (probability > PIXEL_SCORE).view(np.uint8)
    thickest = THICKEST * min(placement.picture_width * placement.scale_x, placement.picture_height * placement.scale_y)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    detections = []
    for region in range(1, count):
        left, top, width, height, _area = (int(value) for value in statistics[region])
        window = np.s_[top : top + height, left : left + width]
        if min(width, height) < SMALLEST:
            continue
        if min(width, height) > thickest and _thickness(labels[window] == region) > thickest:
            continue
        score = float(probability[window][labels[window] == region].mean())
        if score < minimum_score:
            continue
        corners = np.array([[left, top, left + width, top + height]], np.float32)
        box = to_picture(corners, placement)[0]
        if box[2] - box[0] >= 1 and box[3] - box[1] >= 1:
            detections.append(Detection("text", "text", score, Box(*map(float, box))))
    return tuple(sorted(detections, key=lambda detection: -detection.score)[:MAXIMUM])


def _thickness(region: NDArray[np.bool_]) -> float:
    """The shorter side, in pixels, of the smallest rectangle at any angle around the region."""
    points = cv2.findNonZero(region.view(np.uint8))
    return min(cv2.minAreaRect(cv2.convexHull(points))[1]) + 1.0
