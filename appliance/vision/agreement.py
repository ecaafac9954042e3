"""How far two versions of a network agree: do both find the same objects in the same pictures?

What the original finds is the reference. It is no ground truth: an object that both miss is not seen here.

A score that hardly changes may fall on the other side of a threshold, and an edge that moves by a pixel may undo the
overlap of a speck: there the original disagrees with itself as soon as it is computed in BF16 instead of FP32. So the
objects that are judged are those at least `MARGIN` above the lowest score that the network reports, and at least
`LEAST_SIDE` pixels of its input wide and high. Whatever the other version reports, down to the lowest score and of any
size, may answer for them: one of the same kind whose box overlaps by an IoU of at least 0.5. Each answers for one only.
How it stands without these allowances, for every faint object and every speck, is told as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.vision.association import Array, assign, overlap
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement

LEAST_OVERLAP = 0.5
MARGIN = 0.1
# The smallest whole number of pixels of which all four edges may move by one and the overlap is still above a half.
LEAST_SIDE = 7.0


@dataclass(frozen=True)
class Share:
    """Of `objects`, `answered` have a counterpart."""

    objects: int
    answered: int

    @property
    def value(self) -> float:
        """The share, 0..1; 1 where there is no object."""
        return self.answered / self.objects if self.objects else 1.0


@dataclass(frozen=True)
class Agreement:
    """`recall` is of what the original found, `precision` of what the other version found.

    They count the objects that are judged; `strict_recall` and `strict_precision` count every object.
    """

    recall: Share
    precision: Share
    strict_recall: Share
    strict_precision: Share

    @property
    def least(self) -> float:
        """The lower one of recall and precision, 0..1."""
        return min(self.recall.value, self.precision.value)


Found = Sequence[Sequence[Detection]]


def compare(reference: Found, found: Found, placements: Sequence[Placement], lowest_score: float) -> Agreement:
    """Compare what the original (`reference`) and the other version (`found`) report, picture by picture.

    Both hold every object from `lowest_score` up, in pixels of the picture; `placements` tell how large it was for the
    network.
    """

    def share(first: Found, second: Found, strict: bool) -> Share:
        sought = (
            first
            if strict
            else [judged(each, placement, lowest_score) for each, placement in zip(first, placements, strict=True)]
        )
        answered = sum(answers(*each) for each in zip(sought, second, strict=True))
        return Share(sum(len(each) for each in sought), answered)

    return Agreement(
        recall=share(reference, found, strict=False),
        precision=share(found, reference, strict=False),
        strict_recall=share(reference, found, strict=True),
        strict_precision=share(found, reference, strict=True),
    )


def judged(detections: Sequence[Detection], placement: Placement, lowest_score: float) -> list[Detection]:
    """Those that are judged."""
    return [
        each
        for each in detections
        if each.score >= lowest_score + MARGIN
        and (each.box.x2 - each.box.x1) * placement.scale_x >= LEAST_SIDE
        and (each.box.y2 - each.box.y1) * placement.scale_y >= LEAST_SIDE
    ]


def answers(sought: Sequence[Detection], offered: Sequence[Detection]) -> int:
    """How many of the sought objects have one of their own among those offered."""
    number = 0
    for kind in {each.kind for each in sought}:
        boxes = [_boxes([each for each in side if each.kind == kind]) for side in (sought, offered)]
        number += len(assign(overlap(*boxes), LEAST_OVERLAP)[0])
    return number


def _boxes(detections: Sequence[Detection]) -> Array:
    return np.array([each.box for each in detections], np.float64).reshape(-1, 4)
