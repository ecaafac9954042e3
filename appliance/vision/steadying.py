"""Covers that do not flicker: whatever is covered in the frames before and after a frame is covered in it as well.

Two steps, each with the next frame in hand:

1. a region that the frame before and the frame after both have, and the frame itself not quite, is added as a whole;
2. of what the frame before covers in the end, and the frame after has by then, the shared parts are added.

After the second no pixel is uncovered for a single frame. Proof: let F be what is covered in the end, S what is after
the first step, and p a pixel in F(n-1) and F(n+1). F(n+1) is S(n+1) and parts of F(n). If p is in S(n+1), it is in what
F(n-1) and S(n+1) share, so in F(n); otherwise it came from F(n).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.association import overlap
from appliance.vision.frames import RawFrame
from appliance.vision.look_ahead import Waiting
from appliance.vision.regions import SAME, Region, RegionSource

# Covers that overlap this much (intersection over union) differ by less than a head's margin.
ALMOST_SAME = 0.7

Boxes = NDArray[np.float64]
Rows = NDArray[np.intp]


class Steadying:
    """Takes the frames of a recording in their order; gives each back when the two after it are known."""

    def __init__(self) -> None:
        self._before: Waiting | None = None
        self._newest: Waiting | None = None
        self._ended: Waiting | None = None
        self._half_done: Waiting | None = None

    def push(self, following: Waiting) -> Iterator[Waiting]:
        """Take the next frame."""
        before, now = self._before, self._newest
        self._before, self._newest = now, following
        if now is not None:
            yield from self._finish(_with(now, _lasting(before, now, following)))

    def rest(self) -> Iterator[Waiting]:
        """The frames that wait still, at the end of the recording."""
        if self._newest is not None:
            yield from self._finish(self._newest)
        if self._half_done is not None:
            yield self._half_done
        self._before = self._newest = self._ended = self._half_done = None

    def _finish(self, following: Waiting) -> Iterator[Waiting]:
        now, self._half_done = self._half_done, following
        if now is not None:
            self._ended = _with(now, _shared(self._ended, now, following))
            yield self._ended


def _with(waiting: Waiting, regions: tuple[Region, ...]) -> Waiting:
    if not regions:
        return waiting
    findings = replace(waiting.findings, regions=waiting.findings.regions + regions)
    return replace(waiting, findings=findings)


def _lasting(before: Waiting | None, now: Waiting, after: Waiting) -> tuple[Region, ...]:
    """Regions that the frames before and after both have, and the frame itself not quite."""
    if before is None or before.reason or after.reason or not _alike(before.frame, now.frame, after.frame):
        return ()
    first, middle, last = (_boxes(each.findings.regions) for each in (before, now, after))
    added: list[Region] = []
    for own, other, waiting in ((first, last, before), (last, first, after)):
        rows = np.flatnonzero(~_inside(own, middle).any(axis=1))
        rows = rows[~(overlap(own[rows], middle) >= ALMOST_SAME).any(axis=1)]
        rows = rows[(overlap(own[rows], other) >= SAME).any(axis=1)]
        source: RegionSource = "held" if waiting is before else "ahead"
        added += [replace(waiting.findings.regions[row], source=source) for row in rows.tolist()]
    return tuple(added)


def _shared(before: Waiting | None, now: Waiting, after: Waiting) -> tuple[Region, ...]:
    """What the frames before and after both cover and the frame itself does not."""
    if before is None or now.reason or not _alike(before.frame, now.frame, after.frame):
        return ()
    own = before.findings.regions
    if before.reason:
        return tuple(replace(region, source="ahead") for region in after.findings.regions)
    if after.reason:
        return tuple(replace(region, source="held") for region in own)
    first, covered, last = (_boxes(each.findings.regions) for each in (before, now, after))
    rows = _open(first, covered)
    shared, origins = _intersections(first[rows], last[_open(last, covered)])
    missing = ~_inside(shared, covered).any(axis=1)
    shared, origins = shared[missing], rows[origins[missing]]
    kept = _largest(shared)
    return tuple(
        Region(own[origin].kind, "held", Box(*box))
        for origin, box in zip(origins[kept].tolist(), shared[kept].tolist(), strict=True)
    )


def _open(boxes: Boxes, covered: Boxes) -> Rows:
    """Indices of the boxes that may lie beyond what is covered: no cover holds one of them wholly, and none another."""
    rows = np.flatnonzero(~_inside(boxes, covered).any(axis=1))
    return rows[_largest(boxes[rows])]


def _intersections(first: Boxes, second: Boxes) -> tuple[Boxes, Rows]:
    """The boxes that a first and a second one share, and which first one each comes from."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    rows, columns = np.nonzero((low < high).all(axis=2))
    return np.concatenate((low[rows, columns], high[rows, columns]), axis=1), rows


def _inside(boxes: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Which boxes [n, 4] lie within which of the others [m, 4], bool [n, m]."""
    inside: NDArray[np.bool_] = boxes[:, None, 0] >= others[None, :, 0]
    inside &= boxes[:, None, 1] >= others[None, :, 1]
    inside &= boxes[:, None, 2] <= others[None, :, 2]
    inside &= boxes[:, None, 3] <= others[None, :, 3]
    return inside


def _largest(boxes: Boxes) -> Rows:
    """Indices of boxes that together cover what all of them do: those that lie in no other one."""
    inside = _inside(boxes, boxes)
    # Of equal ones, the first stays.
    inside &= ~inside.T | np.tri(len(boxes), k=-1, dtype=np.bool_)
    return np.flatnonzero(~np.any(inside, axis=1))


def _boxes(regions: Sequence[Region]) -> Boxes:
    return np.array([region.box for region in regions], np.float64).reshape(-1, 4)


def _alike(*frames: RawFrame) -> bool:
    """Whether boxes of one frame mean the same in the others."""
    return len({frame.pixels.shape for frame in frames}) == 1
