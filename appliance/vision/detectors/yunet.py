"""YuNet: faces from three grids of cells, each with two scores and a box.

After Wu, Peng, Yu: YuNet: A Tiny Millisecond-level Face Detector, 2023; the box is coded as in Ge, Liu, Wang et al.:
YOLOX: Exceeding YOLO Series in 2021. The network can also tell where eyes, nose and mouth are; those outputs are left
out of the graph, since nothing here may use them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement, to_picture
from appliance.vision.detectors.suppression import suppress

STRIDES = (8, 16, 32)
OVERLAP = 0.3
MAXIMUM = 500
# Larger exponents than this are no face: e^7 cells are wider than any picture.
LARGEST_LOG_SIZE = 7.0

# Names in the ONNX file: how likely a cell's class is a face, how likely there is an object, and its box.
OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox") for stride in STRIDES)


def output_shapes(width: int, height: int) -> tuple[tuple[int, ...], ...]:
    cells = [(width // stride) * (height // stride) for stride in STRIDES]
    return tuple((1, count, values) for values in (1, 1, 4) for count in cells)


def decode(outputs: Sequence[NDArray[np.float32]], placement: Placement, minimum_score: float) -> tuple[Detection, ...]:
    """Faces in pixels of the picture, best first."""
    grids = [
        decode_grid(classes, objects, boxes, stride, placement.input_width // stride, minimum_score)
        for classes, objects, boxes, stride in zip(outputs[0:3], outputs[3:6], outputs[6:9], STRIDES, strict=True)
    ]
    corners = np.concatenate([found for found, _ in grids])
    scores = np.concatenate([found for _, found in grids])
    if len(scores) > MAXIMUM:
        best = np.argpartition(-scores, MAXIMUM)[:MAXIMUM]
        corners, scores = corners[best], scores[best]
    boxes = to_picture(corners, placement)
    whole = np.flatnonzero((boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1))
    kept = whole[suppress(boxes[whole], scores[whole], OVERLAP)]
    return tuple(Detection("face", "face", float(scores[i]), Box(*map(float, boxes[i]))) for i in kept)


def decode_grid(
    classes: NDArray[np.float32],
    objects: NDArray[np.float32],
    boxes: NDArray[np.float32],
    stride: int,
    columns: int,
    minimum_score: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes [n, 4] (x1, y1, x2, y2) in pixels of the input and scores [n] of one grid, whose cells go row by row.

    A cell's score is the geometric mean of its two. Its box is the offset of the centre from the cell's corner in
    cells, then the logarithms of width and height in cells.
    """
    scores = np.sqrt(np.clip(classes[0, :, 0], 0, 1) * np.clip(objects[0, :, 0], 0, 1))
    found = np.flatnonzero(scores >= minimum_score)
    row, column = np.divmod(found, columns)
    offset_x, offset_y, log_width, log_height = boxes[0, found].T
    x, y = (column + offset_x) * stride, (row + offset_y) * stride
    half_width, half_height = (
        np.exp(np.minimum(each, LARGEST_LOG_SIZE)) * stride / 2 for each in (log_width, log_height)
    )
    corners = np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=1)
    return corners.astype(np.float32), scores[found]
