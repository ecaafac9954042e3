"""Greedy non-maximum suppression: of boxes that overlap much, the one with the highest score stays."""

import numpy as np
from numpy.typing import NDArray


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float) -> NDArray[np.intp]:
    """Indices of the boxes that stay, highest score first.

    `boxes` [n, 4] as x1, y1, x2, y2; a box goes when its intersection over union with a better one exceeds `overlap`.
    """
    order = np.argsort(-scores, kind="stable")
    left, top, right, bottom = boxes[order].T
    area = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    width = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    height = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = np.maximum(area[:, None] + area - shared, 1e-9)
    rivals = np.triu(shared > overlap * union, 1)
    stays = np.ones(len(order), bool)
    for index in np.flatnonzero(rivals.any(axis=1)).tolist():
        if stays[index]:
            stays &= ~rivals[index]
    kept: NDArray[np.intp] = order[stays]
    return kept
