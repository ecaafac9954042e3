"""Overlap of boxes, and the best assignment against trying every one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from appliance.vision.association import assign, overlap

SQUARE = np.array([[0.0, 0.0, 10.0, 10.0]])


def test_overlap_is_intersection_over_union() -> None:
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [0, 0, 10, 5]], dtype=float)
    assert overlap(SQUARE, others)[0].tolist() == pytest.approx([1.0, 1 / 3, 0.0, 0.5])


def test_widened_boxes_meet_across_a_gap() -> None:
    beside = np.array([[12.0, 0.0, 22.0, 10.0]])
    assert overlap(SQUARE, beside)[0, 0] == 0
    assert overlap(SQUARE, beside, np.array([[3.0, 3.0]]))[0, 0] > 0


def test_boxes_without_area_overlap_nothing() -> None:
    assert overlap(SQUARE, np.array([[3.0, 3.0, 3.0, 3.0]]))[0, 0] == 0


matrices = st.tuples(st.integers(0, 4), st.integers(0, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1, width=32))
)


@given(matrices, st.floats(0.05, 0.95))
def test_the_assignment_is_as_good_as_the_best_of_all(likeness: np.ndarray, least: float) -> None:
    rows, columns, free_rows, free_columns = assign(likeness, least)
    n, m = likeness.shape
    assert sorted([*rows.tolist(), *free_rows.tolist()]) == list(range(n))
    assert sorted([*columns.tolist(), *free_columns.tolist()]) == list(range(m))
    assert (likeness[rows, columns] >= least - 1e-9).all()

    # A pair is worth what it has above the least; to leave both out is worth nothing.
    def worth(pairs: list[tuple[int, int]]) -> float:
        return sum(float(likeness[row, column]) - least for row, column in pairs)

    best = max(
        worth(list(zip(some_rows, some_columns, strict=True)))
        for size in range(min(n, m) + 1)
        for some_rows in itertools.combinations(range(n), size)
        for some_columns in itertools.permutations(range(m), size)
    )
    assert worth(list(zip(rows.tolist(), columns.tolist(), strict=True))) == pytest.approx(best, abs=1e-6)
