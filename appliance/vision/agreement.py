"""How far two versions of a network agree: do both find the same objects in the same pictures?

What the original finds is the reference. It is no ground truth: an object that both miss is not seen here.

A score that hardly changes may fall on the other side of a threshold, which says nothing about the network. So the
objects that are judged are those at least `MARGIN` above the lowest score that the network reports, and whatever the
other version reports, down to that lowest score, may answer for them: one of the same kind whose box overlaps (IoU at
least 0.5). Each answers for one only. Objects within the margin are not judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.vision.association import Array, assign, overlap
from appliance.vision.detections import Detection

LEAST_OVERLAP = 0.5
MARGIN = 0.05


@dataclass(frozen=True)
class Agreement:
    """Of `reference_objects` that the original found, `recall` (0..1) were found by the other version too; of
    `found_objects` that the other version found, `precision` (0..1) were found by the original too."""

    reference_objects: int
    found_objects: int
    recall: float
    precision: float


def compare(
    reference: Sequence[Sequence[Detection]], found: Sequence[Sequence[Detection]], lowest_score: float
) -> Agreement:
    """Compare what the original (`reference`) and the other version (`found`) report, picture by picture.

    Both hold every object from `lowest_score` up.
    """
    pairs = list(zip(reference, found, strict=True))
    reference_objects, recalled = _answered(pairs, lowest_score)
    found_objects, confirmed = _answered([(second, first) for first, second in pairs], lowest_score)
    return Agreement(
        reference_objects,
        found_objects,
        recalled / reference_objects if reference_objects else 1.0,
        confirmed / found_objects if found_objects else 1.0,
    )


def judged(detections: Sequence[Detection], lowest_score: float) -> list[Detection]:
    """The objects that are judged."""
    return [each for each in detections if each.score >= lowest_score + MARGIN]


def _answered(
    pictures: Sequence[tuple[Sequence[Detection], Sequence[Detection]]], lowest_score: float
) -> tuple[int, int]:
    """How many objects of the first side are judged, and for how many of these the second side has one."""
    objects = answered = 0
    for first, second in pictures:
        sought = judged(first, lowest_score)
        for kind in {each.kind for each in sought}:
            wanted = _boxes([each for each in sought if each.kind == kind])
            offered = _boxes([each for each in second if each.kind == kind])
            objects += len(wanted)
            answered += len(assign(overlap(wanted, offered), LEAST_OVERLAP)[0])
    return objects, answered


def _boxes(detections: Sequence[Detection]) -> Array:
    return np.array([each.box for each in detections], np.float64).reshape(-1, 4)
