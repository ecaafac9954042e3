"""Lines and zones as people write them, and where a point lies."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import (
    Box,
    GeometryError,
    Line,
    Point,
    Zone,
    check_names,
    distance_to_outline,
    distance_to_segment,
    inside,
    parse_line,
    parse_zone,
    passes_through,
    side,
)

SQUARE = (Point(0.2, 0.2), Point(0.8, 0.2), Point(0.8, 0.8), Point(0.2, 0.8))
unit = st.floats(0, 1, allow_nan=False)
points = st.builds(Point, unit, unit)


def test_a_line_is_read_as_written() -> None:
    assert parse_line("door=0.1,0.2,0.3,0.4") == Line("door", Point(0.1, 0.2), Point(0.3, 0.4))


def test_a_zone_is_read_as_written() -> None:
    zone = parse_zone("till = 0,0, 1,0, 0.5,1")
    assert zone == Zone("till", (Point(0, 0), Point(1, 0), Point(0.5, 1)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.1,0.2,0.3,0.4", "has no name"),
        ("=0.1,0.2,0.3,0.4", "name"),
        ("door=0.1,0.2,0.3", "x without a y"),
        ("door=0.1,0.2,0.3,0.4,0.5,0.6", "needs two points"),
        ("door=0.1,0.2,0.3,1.4", "outside the picture"),
        ("door=-0.1,0.2,0.3,0.4", "outside the picture"),
        ("door=nan,0.2,0.3,0.4", "outside the picture"),
        ("door=a,0.2,0.3,0.4", "no number"),
        ("door=", "no number"),
        ("door=0.5,0.5,0.5,0.5", "starts where it ends"),
        ("do\nor=0.1,0.2,0.3,0.4", "printable"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(text: str, says: str) -> None:
    with pytest.raises(GeometryError, match=says):
        parse_line(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("till=0,0,1,1", "three or more"),
        ("till=0,0,1,1,2,0", "outside the picture"),
        ("till=0,0,0.5,0.5,1,1", "no area"),
        ("till=0,0,1,0,0,0", "no area"),
        ("till=0,0,1,0,1", "x without a y"),
    ],
)
def test_a_bad_zone_is_refused_with_its_reason(text: str, says: str) -> None:
    with pytest.raises(GeometryError, match=says):
        parse_zone(text)


def test_two_lines_of_one_name_are_refused() -> None:
    line = parse_line("door=0,0,1,1")
    with pytest.raises(GeometryError, match="'door'"):
        check_names([line, line], [])


def test_the_anchor_is_the_bottom_centre() -> None:
    assert Box(10, 20, 30, 80).anchor == Point(20, 80)


def test_right_of_an_upward_line_is_positive() -> None:
    # y points down: from the bottom of the picture to its top, the right-hand side has z > 0.
    assert side(Point(0.9, 0.5), Point(0.5, 1), Point(0.5, 0)) > 0
    assert side(Point(0.1, 0.5), Point(0.5, 1), Point(0.5, 0)) < 0


@given(points, points, points)
def test_the_side_changes_with_the_lines_direction(point: Point, start: Point, end: Point) -> None:
    assert side(point, start, end) == pytest.approx(-side(point, end, start), abs=1e-12)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Point(0.2, 0.5), Point(0.8, 0.5), True),
        (Point(0.2, 0.9), Point(0.8, 0.9), False),  # past the end of the segment
        (Point(0.2, 0.3), Point(0.8, 0.3), True),  # through its very end
        (Point(0.5, 0.5), Point(0.8, 0.5), True),  # begins on it
        (Point(0.5, 0.9), Point(0.8, 0.5), False),  # begins on its prolongation
    ],
)
def test_a_step_passes_through_the_segment_only(before: Point, after: Point, expected: bool) -> None:
    assert passes_through(before, after, Point(0.5, 0.3), Point(0.5, 0.7)) is expected


def test_distances() -> None:
    assert distance_to_segment(Point(3, 4), Point(0, 0), Point(0, 0)) == 5
    assert distance_to_segment(Point(5, 3), Point(0, 0), Point(10, 0)) == 3
    assert distance_to_segment(Point(13, 4), Point(0, 0), Point(10, 0)) == 5
    assert distance_to_outline(Point(0.5, 0.5), SQUARE) == pytest.approx(0.3)


@given(points)
def test_inside_a_square_is_between_its_edges(point: Point) -> None:
    if distance_to_outline(point, SQUARE) > 1e-9:
        assert inside(point, SQUARE) == (0.2 < point.x < 0.8 and 0.2 < point.y < 0.8)


@given(points, st.integers(0, 3), st.booleans())
def test_inside_does_not_depend_on_where_the_outline_begins(point: Point, turn: int, backwards: bool) -> None:
    outline = SQUARE[turn:] + SQUARE[:turn]
    if distance_to_outline(point, SQUARE) > 1e-9:
        assert inside(point, outline[::-1] if backwards else outline) == inside(point, SQUARE)


def test_a_concave_outline_has_an_outside_within_its_hull() -> None:
    outline = (Point(0, 0), Point(1, 0), Point(1, 1), Point(0.5, 0.2), Point(0, 1))
    assert not inside(Point(0.5, 0.8), outline)
    assert inside(Point(0.1, 0.5), outline)


def test_the_size_of_a_box_is_that_of_a_square_of_its_area() -> None:
    assert Box(0, 0, 40, 90).size == 60
    assert Box(5, 5, 0, 0).size == 0
    assert math.isfinite(Box(0, 0, 1, 0).size)
