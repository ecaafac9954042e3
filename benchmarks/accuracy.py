"""How well tracks follow the ground truth: MOTA and IDF1, as py-motmetrics computes them.

MOTA after Bernardin and Stiefelhagen, Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics, 2008;
IDF1 after Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking, 2016. Boxes
match at an intersection over union of 0.5, as in MOTChallenge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import motmetrics
import numpy as np

from appliance.metrics.geometry import Box
from appliance.vision.association import Array, overlap
from benchmarks.ground_truth import Tracks

LEAST_OVERLAP = 0.5


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
    matching = motmetrics.MOTAccumulator()
    for frame in sorted(truth.keys() | found.keys()):
        wanted, given = truth.get(frame, ()), found.get(frame, ())
        likeness = overlap(_boxes(wanted), _boxes(given))
        distances = np.where(likeness >= LEAST_OVERLAP, 1.0 - likeness, np.nan)
        matching.update([number for number, _ in wanted], [number for number, _ in given], distances, frame)
    names = ["mota", "idf1", "recall", "precision", "num_switches"]
    values = motmetrics.metrics.create().compute(matching, metrics=names, name="all").loc["all"]
    mota, idf1, recall, precision, switches = (float(values[name]) for name in names)
    return Accuracy(mota, idf1, recall, precision, round(switches))


def _boxes(tracks: Sequence[tuple[int, Box]]) -> Array:
    return np.array([box for _, box in tracks], dtype=np.float64).reshape(-1, 4)
