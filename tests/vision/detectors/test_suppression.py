"""Non-maximum suppression against its definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from appliance.vision.detectors.suppression import suppress

# No ratio of the small whole numbers below, so that rounding decides nothing.
LIMIT = 0.41421356


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


@given(
    corners=arrays.arrays(np.float32, st.tuples(st.integers(0, 12), st.just(4)), elements=st.integers(0, 20)),
    seed=st.integers(0, 99),
)
def test_every_box_stays_or_has_a_better_neighbour_that_stays(corners: np.ndarray, seed: int) -> None:
    boxes = np.concatenate([corners[:, :2], corners[:, :2] + 1 + corners[:, 2:]], axis=1).astype(np.float32)
    scores = np.random.default_rng(seed).permutation(len(boxes)).astype(np.float32)
    kept = [int(index) for index in suppress(boxes, scores, LIMIT)]
    assert [scores[index] for index in kept] == sorted((scores[index] for index in kept), reverse=True)
    for index in range(len(boxes)):
        rivals = [k for k in kept if scores[k] > scores[index] and overlap(boxes[k], boxes[index]) > LIMIT]
        assert (index in kept) == (not rivals)
