"""A camera's picture on the floor plan."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appliance.metrics.geometry import GeometryError, Point, inside, side
from appliance.metrics.projection import Projection, area, is_clockwise

SQUARE = (Point(0, 0), Point(1, 0), Point(1, 1), Point(0, 1))
points = st.builds(Point, st.floats(0, 1), st.floats(0, 1))
quadrilaterals = st.tuples(points, points, points, points).filter(is_clockwise)
parts = st.floats(0, 1)


@given(quadrilaterals, st.floats(0, 0.9))
def test_the_corners_of_the_floor_are_where_they_were_put(corners: tuple[Point, ...], top: float) -> None:
    projection = Projection(corners, top)  # type: ignore[arg-type]
    found = [projection.on_plan(x, y) for x, y in ((0, top), (1, top), (1, 1), (0, 1))]
    for at, corner in zip(found, corners, strict=True):
        assert at == pytest.approx(corner, abs=1e-6)


@given(quadrilaterals, parts, parts, parts)
def test_straight_lines_stay_straight(corners: tuple[Point, ...], x1: float, x2: float, part: float) -> None:
    projection = Projection(corners)  # type: ignore[arg-type]
    begin, end = projection.on_plan(x1, 0.0), projection.on_plan(x2, 1.0)
    between = projection.on_plan(x1 + part * (x2 - x1), part)
    assert abs(side(between, begin, end)) < 1e-9


@given(quadrilaterals, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_what_is_in_the_picture_is_within_the_corners(corners: tuple[Point, ...], x: float, y: float) -> None:
    assume(area(corners) > 0.01)
    at = Projection(corners).on_plan(x, y)  # type: ignore[arg-type]
    assert inside(at, corners) or min(
        abs(side(at, corners[index - 1], corners[index])) for index in range(4)
    ) == pytest.approx(0.0, abs=1e-6)


@given(quadrilaterals, st.floats(0, 0.9))
def test_the_cells_cover_the_floor_without_overlap(corners: tuple[Point, ...], top: float) -> None:
    projection = Projection(corners, top)  # type: ignore[arg-type]
    cells = [projection.cell(column, row, 16, 12) for row in range(12) for column in range(16)]
    assert sum(area(cell) for cell in cells if cell) == pytest.approx(area(corners), abs=1e-6)


def test_far_floor_is_larger_than_it_looks() -> None:
    """A camera that looks along a corridor: the picture's middle is near the far end."""
    projection = Projection((Point(0.4, 0), Point(0.6, 0), Point(1, 1), Point(0, 1)))
    assert projection.on_plan(0.5, 0.5).y < 0.5
    assert projection.on_plan(0.5, 0.5).x == pytest.approx(0.5)


def test_above_the_floor_is_nothing() -> None:
    projection = Projection(SQUARE, 0.5)
    assert projection.cell(0, 5, 16, 12) is None
    cut = Projection(SQUARE, 0.55).cell(0, 6, 16, 12)
    assert cut is not None
    assert cut[0].y == 0.0


@pytest.mark.parametrize(
    ("corners", "top", "words"),
    [
        ((SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]), 0.0, "must not cross"),
        (tuple(reversed(SQUARE)), 0.0, "must not cross"),
        ((Point(0, 0), Point(0.5, 0.5), Point(1, 1), Point(0, 1)), 0.0, "must not cross"),
        ((Point(0.5, 0.5),) * 4, 0.0, "must not cross"),
        ((Point(0, 0), Point(1.5, 0), Point(1, 1), Point(0, 1)), 0.0, "outside"),
        ((Point(0, 0), Point(float("nan"), 0), Point(1, 1), Point(0, 1)), 0.0, "outside"),
        (SQUARE, 1.0, "0 to 90"),
    ],
)
def test_corners_that_are_none_are_refused(corners: tuple[Point, ...], top: float, words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        Projection(corners, top)  # type: ignore[arg-type]
