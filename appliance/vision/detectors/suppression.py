"""Greedy non-maximum suppression: of boxes that overlap much, the one with the highest score stays."""

import numpy as np
from numpy.typing import NDArray


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float) -> NDArray[np.intp]:
    """Indices of the boxes that stay, highest score first.

    `boxes` [n, 4] as x1, y1, x2, y2; a box goes when its intersection over union with a better one exceeds `overlap`.
    """
    order = np.argsort(-scores, kind="stable")
    boxes = boxes[order]
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    corner1 = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    corner2 = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(corner2 - corner1, 0), axis=2)
    union = np.maximum(area[:, None] + area[None, :] - shared, 1e-9)
    rivals = shared / union > overlap
    stays = np.ones(len(order), bool)
    for index in range(len(order)):
        if stays[index]:
            stays[index + 1 :] &= ~rivals[index, index + 1 :]
    kept: NDArray[np.intp] = order[stays]
    return kept
