"""Which detection belongs to which track: overlap of boxes and the best assignment."""

import lap
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


def overlap(first: Array, second: Array, margins: Array | None = None) -> Array:
    """Intersection over union, (n, m), of boxes (n, 4) and (m, 4) given as left, top, right, bottom.

    `margins` (n, 2; pixels in x and y) widens on every side the n-th first box, and every second box that is compared
    with it, so that boxes that may have moved by more than their width still meet (buffered IoU: Yang et al., Hard to
    Track Objects with Irregular Motions and Similar Appearances? Make It Easier by Buffering the Matching Space, 2023).
    """
    first, second = first[:, None, :], second[None, :, :]
    if margins is not None:
        widening = np.concatenate((-margins, margins), axis=1)[:, None, :]
        first, second = first + widening, second + widening
    shared = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    np.maximum(shared, 0.0, out=shared)
    common = shared[..., 0] * shared[..., 1]
    iou: Array = common / np.maximum(_area(first) + _area(second) - common, 1e-9)
    return iou


def assign(likeness: Array, least: float) -> tuple[Rows, Rows, Rows, Rows]:
    """Pair rows with columns so that the sum of likeness (n, m; 0..1) is greatest; pairs below `least` are refused.

    Returns matched rows, their columns, unmatched rows, unmatched columns. Jonker and Volgenant's algorithm (1987).
    """
    n, m = likeness.shape
    rows, columns = np.nonzero(likeness >= least) if n and m else (np.empty(0, np.intp), np.empty(0, np.intp))
    if len(set(rows.tolist())) == len(set(columns.tolist())) == len(rows):
        # Nobody competes, as in most frames: every pair that may be is.
        free_rows, free_columns = np.ones(n, bool), np.ones(m, bool)
        free_rows[rows] = free_columns[columns] = False
        return rows, columns, free_rows.nonzero()[0], free_columns.nonzero()[0]
    _, column_of_row, row_of_column = lap.lapjv(1.0 - likeness, extend_cost=True, cost_limit=1.0 - least)
    rows = np.flatnonzero(column_of_row >= 0)
    columns = np.asarray(column_of_row, dtype=np.intp)[rows]
    return rows, columns, np.flatnonzero(column_of_row < 0), np.flatnonzero(row_of_column < 0)


def _area(boxes: Array) -> Array:
    size = np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    area: Array = size[..., 0] * size[..., 1]
    return area
