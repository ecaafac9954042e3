"""Boxes, lines and zones, and where a point lies relative to them.

Boxes are pixels of the source frame with the origin at the top left and y pointing down. Lines and zones are
normalised: 0 is the left or top edge of the picture and 1 the right or bottom edge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class GeometryError(ValueError):
    """A line or a zone that makes no sense; the message is one sentence for the person who drew it."""


class Point(NamedTuple):
    """A point, in the frame of whatever holds it (pixels, or normalised 0..1)."""

    x: float
    y: float


class Box(NamedTuple):
    """A bounding box in pixels of the source frame: left, top, right, bottom."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def anchor(self) -> Point:
        """The bottom centre: where the object stands on the ground."""
        return Point((self.x1 + self.x2) / 2, self.y2)

    @property
    def centre(self) -> Point:
        return Point((self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2)

    @property
    def size(self) -> float:
        """Side of the square of the same area, in pixels: one length for tall people and long vehicles alike."""
        return math.sqrt(max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1))


@dataclass(frozen=True, slots=True)
class Line:
    """A counting line from `start` to `end`, normalised. Raises `GeometryError` if it is unusable."""

    name: str
    start: Point
    end: Point

    def __post_init__(self) -> None:
        _check_name("line", self.name)
        _check_range("line", self.name, (self.start, self.end))
        if self.start == self.end:
            raise GeometryError(f"The line {self.name!r} starts where it ends; give it two different points.")


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon of three or more normalised points; the last joins the first. Raises `GeometryError` if unusable."""

    name: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        _check_name("zone", self.name)
        if len(self.points) < 3:
            raise GeometryError(f"The zone {self.name!r} has {len(self.points)} points; it needs three or more.")
        _check_range("zone", self.name, self.points)
        if len(set(self.points)) < 3 or _flat(self.points):
            raise GeometryError(f"The zone {self.name!r} has no area; its points lie on one line.")


def parse_line(text: str) -> Line:
    """Read `NAME=x1,y1,x2,y2`. Raises `GeometryError`."""
    name, points = _parse("line", text, "NAME=x1,y1,x2,y2")
    if len(points) != 2:
        raise GeometryError(f"The line {name!r} needs two points, written NAME=x1,y1,x2,y2.")
    return Line(name, *points)


def parse_zone(text: str) -> Zone:
    """Read `NAME=x,y,x,y,x,y...`. Raises `GeometryError`."""
    return Zone(*_parse("zone", text, "NAME=x1,y1,x2,y2,x3,y3..."))


def check_names(lines: Sequence[Line], zones: Sequence[Zone]) -> None:
    """Raise `GeometryError` if two lines, or two zones, have the same name: their counts would run together."""
    for what, names in (("lines", [line.name for line in lines]), ("zones", [zone.name for zone in zones])):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise GeometryError(f"Two {what} are named {repeated[0]!r}; give each its own name.")


def side(point: Point, start: Point, end: Point) -> float:
    """The cross product z = (x2-x1)(y-y1) - (y2-y1)(x-x1), all three points in one frame.

    Its sign says on which side of the line from `start` to `end` the point lies, and is the same in pixels and in
    normalised coordinates.
    """
    return (end.x - start.x) * (point.y - start.y) - (end.y - start.y) * (point.x - start.x)


def distance_to_segment(point: Point, start: Point, end: Point) -> float:
    """Euclidean distance from the point to the nearest point of the segment, in the frame of the three."""
    dx, dy = end.x - start.x, end.y - start.y
    length_squared = dx * dx + dy * dy
    if length_squared == 0.0:
        return math.dist(point, start)
    along = ((point.x - start.x) * dx + (point.y - start.y) * dy) / length_squared
    along = min(1.0, max(0.0, along))
    return math.hypot(point.x - start.x - along * dx, point.y - start.y - along * dy)


def passes_through(before: Point, after: Point, start: Point, end: Point) -> bool:
    """Whether a straight step that changes sides, `before` -> `after`, meets the segment and not only its line.

    The end points belong to the segment. The step may begin on the line; it must end off it.
    """
    z_before, z_after = side(before, start, end), side(after, start, end)
    if z_before == z_after:
        return False
    part = min(1.0, max(0.0, z_before / (z_before - z_after)))
    x = before.x + part * (after.x - before.x)
    y = before.y + part * (after.y - before.y)
    dx, dy = end.x - start.x, end.y - start.y
    along = ((x - start.x) * dx + (y - start.y) * dy) / (dx * dx + dy * dy)
    return 0.0 <= along <= 1.0


def inside(point: Point, polygon: Sequence[Point]) -> bool:
    """Whether the point lies in the polygon, by the even-odd rule; all points in one frame."""
    result = False
    previous = polygon[-1]
    for current in polygon:
        if (current.y > point.y) != (previous.y > point.y):
            part = (point.y - current.y) / (previous.y - current.y)
            if point.x < current.x + part * (previous.x - current.x):
                result = not result
        previous = current
    return result


def distance_to_outline(point: Point, polygon: Sequence[Point]) -> float:
    """Distance from the point to the nearest edge of the polygon; all points in one frame."""
    return min(
        distance_to_segment(point, previous, current)
        for previous, current in zip((polygon[-1], *polygon), polygon, strict=False)
    )


def to_pixels(point: Point, width: int, height: int) -> Point:
    """A normalised point in pixels of a frame of the given size."""
    return Point(point.x * width, point.y * height)


def _parse(what: str, text: str, form: str) -> tuple[str, tuple[Point, ...]]:
    name, equals, numbers = text.partition("=")
    if not equals:
        raise GeometryError(f"The {what} {text!r} has no name; write it as {form}.")
    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError:
        raise GeometryError(f"The {what} {name.strip()!r} has a coordinate that is no number; write {form}.") from None
    if len(values) % 2:
        raise GeometryError(f"The {what} {name.strip()!r} has an x without a y; write it as {form}.")
    return name.strip(), tuple(Point(x, y) for x, y in zip(values[::2], values[1::2], strict=True))


def _check_name(what: str, name: str) -> None:
    if not name or len(name) > 60 or not name.isprintable() or name != name.strip():
        raise GeometryError(f"The {what}'s name {name!r} can't be used; it takes 1 to 60 printable characters.")


def _check_range(what: str, name: str, points: Sequence[Point]) -> None:
    # A comparison with NaN is false, so this refuses NaN too.
    for point in points:
        if not all(0.0 <= value <= 1.0 for value in point):
            raise GeometryError(
                f"The {what} {name!r} has the point {point.x:g},{point.y:g} outside the picture; "
                "coordinates run from 0 to 1."
            )


def _flat(points: Sequence[Point]) -> bool:
    first = points[0]
    farthest = max(points, key=lambda point: math.dist(first, point))
    return all(abs(side(point, first, farthest)) < 1e-9 for point in points)
