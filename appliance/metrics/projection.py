"""From a camera's picture to a floor plan: the projective map of a rectangle of the picture onto four points.

The floor of a room is flat, so a camera shows it under a projective map, which four points determine. Both frames are
normalised: 0 is the left or top edge and 1 the right or bottom one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.metrics.geometry import GeometryError, Point, side

# Twice the least area of each triangle of the corners, in parts of the plan: below, a corner lies on an edge.
LEAST_AREA = 1e-4


@dataclass(frozen=True, slots=True)
class Projection:
    """`top` is how far from the top the floor begins in the picture, as a part of its height: above it nobody stands.

    `corners` are where the floor's left and right end at `top`, then the picture's right and left lower corner, lie
    on the plan: clockwise, as one sees them in the picture. Raises `GeometryError` where they are no such corners.
    """

    corners: tuple[Point, Point, Point, Point]
    top: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.top <= 0.9:
            raise GeometryError("The floor begins at 0 to 90 per cent of the picture's height.")
        if not all(0.0 <= value <= 1.0 for corner in self.corners for value in corner):
            raise GeometryError("A corner of a camera's floor lies outside the plan.")
        if not is_clockwise(self.corners):
            raise GeometryError(
                "The corners of a camera's floor must not cross, and go round as they do in the picture: "
                "left back, right back, right front, left front."
            )

    def on_plan(self, x: float, y: float) -> Point:
        """Where a point of the picture, not above `top`, lies on the plan.

        The closed form for a unit square is Heckbert's (Fundamentals of Texture Mapping and Image Warping, 1989).
        """
        u, v = x, (y - self.top) / (1.0 - self.top)
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = self.corners
        sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
        dx1, dy1, dx2, dy2 = x1 - x2, y1 - y2, x3 - x2, y3 - y2
        # Not zero: three corners of a convex quadrilateral are no line.
        determinant = dx1 * dy2 - dx2 * dy1
        g, h = (sx * dy2 - dx2 * sy) / determinant, (dx1 * sy - sx * dy1) / determinant
        a, b, c = x1 - x0 + g * x1, x3 - x0 + h * x3, x0
        d, e, f = y1 - y0 + g * y1, y3 - y0 + h * y3, y0
        w = g * u + h * v + 1.0
        return Point((a * u + b * v + c) / w, (d * u + e * v + f) / w)

    def cell(self, column: int, row: int, columns: int, rows: int) -> tuple[Point, ...] | None:
        """The four corners on the plan of a cell of a grid over the picture; None for one that is above the floor."""
        left, right = column / columns, (column + 1) / columns
        upper, lower = max(row / rows, self.top), (row + 1) / rows
        if lower <= upper:
            return None
        return tuple(self.on_plan(x, y) for x, y in ((left, upper), (right, upper), (right, lower), (left, lower)))


def is_clockwise(corners: Sequence[Point]) -> bool:
    """Whether four points are the corners of a convex quadrilateral in clockwise order, where y points down."""
    return all(
        side(corners[(index + 2) % 4], corners[index], corners[(index + 1) % 4]) > LEAST_AREA for index in range(4)
    )


def area(polygon: Sequence[Point]) -> float:
    """The area of a polygon (the shoelace formula), in the square of its frame's unit."""
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    return abs(sum(first.x * second.y - second.x * first.y for first, second in pairs)) / 2.0
