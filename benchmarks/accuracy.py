"""How well tracks follow the ground truth: MOTA and IDF1.

MOTA after Bernardin and Stiefelhagen, Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics, 2008;
IDF1 after Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking, 2016. Boxes
match at an intersection over union of 0.5, as in MOTChallenge.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.metrics.geometry import Box
from appliance.vision.association import Array, assign, overlap
from benchmarks.ground_truth import Tracks

LEAST_OVERLAP = 0.5

Boxes = Sequence[tuple[int, Box]]
"""Of one frame: track number and box in pixels."""


@dataclass(frozen=True)
class Accuracy:
    """Both are 1 for perfect tracks; MOTA may be negative."""

    mota: float
    idf1: float
    recall: float
    precision: float
    switches: int


def measure(truth: Tracks, found: Tracks) -> Accuracy:
    """Compare two sets of tracks."""
    true_boxes, found_boxes = _sizes(truth), _sizes(found)
    matched = switches = 0
    partner: dict[int, int] = {}
    together: Counter[tuple[int, int]] = Counter()
    for frame in sorted(truth.keys() | found.keys()):
        wanted, given = truth.get(frame, ()), found.get(frame, ())
        likeness = overlap(_boxes(wanted), _boxes(given))
        rows, columns = np.nonzero(likeness >= LEAST_OVERLAP)
        together.update(
            (wanted[row][0], given[column][0]) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        )
        for track, other in _match(wanted, given, likeness, partner):
            matched += 1
            switches += partner.get(track, other) != other
            partner[track] = other
    all_true, all_found = sum(true_boxes.values()), sum(found_boxes.values())
    errors = (all_true - matched) + (all_found - matched) + switches
    return Accuracy(
        mota=1 - errors / all_true,
        idf1=2 * _most_together(together) / (all_true + all_found),
        recall=matched / all_true,
        precision=matched / max(1, all_found),
        switches=switches,
    )


def _match(wanted: Boxes, given: Boxes, likeness: Array, partner: dict[int, int]) -> list[tuple[int, int]]:
    """Pairs of one frame: first those that were pairs before and still overlap, then the best of the rest."""
    column_of = {track: column for column, (track, _) in enumerate(given)}
    kept: dict[int, int] = {}
    for row, (track, _) in enumerate(wanted):
        column = column_of.get(partner.get(track, -1))
        if column is not None and likeness[row, column] >= LEAST_OVERLAP:
            kept[row] = column
    rows = [row for row in range(len(wanted)) if row not in kept]
    columns = [column for column in range(len(given)) if column not in kept.values()]
    left = likeness[np.ix_(rows, columns)]
    some_rows, some_columns, _, _ = assign(np.where(left >= LEAST_OVERLAP, left, 0.0), LEAST_OVERLAP)
    pairs = {**kept, **{rows[row]: columns[column] for row, column in zip(some_rows, some_columns, strict=True)}}
    return [(wanted[row][0], given[column][0]) for row, column in pairs.items()]


def _most_together(together: Counter[tuple[int, int]]) -> int:
    """Frames in which tracks agree, under the one-to-one naming of tracks for which they agree most."""
    if not together:
        return 0
    names = sorted({track for track, _ in together}), sorted({other for _, other in together})
    table = np.zeros((len(names[0]), len(names[1])))
    for (track, other), frames in together.items():
        table[names[0].index(track), names[1].index(other)] = frames
    rows, columns, _, _ = assign(table / table.max(), 1e-9)
    return int(table[rows, columns].sum())


def _sizes(tracks: Tracks) -> dict[int, int]:
    return {frame: len(boxes) for frame, boxes in tracks.items()}


def _boxes(tracks: Boxes) -> Array:
    return np.array([box for _, box in tracks], dtype=np.float64).reshape(-1, 4)
