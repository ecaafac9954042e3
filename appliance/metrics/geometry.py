"""Boxes, lines and zones, and where a point lies relative to them.

Boxes are pixels of the source frame with the origin at the top left and y pointing down. Lines and zones are
normalised: 0 is the left or top edge of the picture and 1 the right or bottom edge.
"""

from typing import NamedTuple


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
