"""CenterFace: faces from a heat map, box sizes and centre offsets.

After Xu, Yan, Yang et al.: CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019. The network can
also tell where eyes, nose and mouth are; that output is left out of the graph, since nothing here may use it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement, to_picture
from appliance.vision.detectors.suppression import suppress

STRIDE = 4
OVERLAP = 0.3
MAXIMUM = 500
# Larger exponents than this are no face: e^7 cells are wider than any picture.
LARGEST_LOG_SIZE = 7.0

# Names in the ONNX file: heat map, logarithm of (height, width) in cells, offset (y, x) of the centre in cells.
OUTPUTS = ("537", "538", "539")


def output_shapes(width: int, height: int) -> tuple[tuple[int, ...], ...]:
    rows, columns = height // STRIDE, width // STRIDE
    return (1, 1, rows, columns), (1, 2, rows, columns), (1, 2, rows, columns)


def decode(outputs: Sequence[NDArray[np.float32]], placement: Placement, minimum_score: float) -> tuple[Detection, ...]:
    """Faces in pixels of the picture, best first."""
    heat, log_sizes, offsets = outputs[0][0, 0], outputs[1][0], outputs[2][0]
    flat = heat.reshape(-1)
    found = np.flatnonzero(flat >= minimum_score)
    if len(found) > MAXIMUM:
        found = found[np.argpartition(-flat[found], MAXIMUM)[:MAXIMUM]]
    scores = flat[found]
    row, column = np.unravel_index(found, heat.shape)
    height, width = np.exp(np.minimum(log_sizes[:, row, column], LARGEST_LOG_SIZE)) * STRIDE
    y = (row + offsets[0, row, column] + 0.5) * STRIDE
    x = (column + offsets[1, row, column] + 0.5) * STRIDE
    corners = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
    boxes = to_picture(corners.astype(np.float32), placement)
    whole = np.flatnonzero((boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1))
    kept = whole[suppress(boxes[whole], scores[whole], OVERLAP)]
    return tuple(Detection("face", "face", float(scores[i]), Box(*map(float, boxes[i]))) for i in kept)
