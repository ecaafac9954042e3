"""The floor plan that somebody drew: walls, furniture and names, and where the cameras' floors lie on it.

A plan is numbers and short names alone. It has no place for a picture, a colour or an address, and few enough points
that none can be traced of a photograph in any detail.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from appliance.errors import UsageError
from appliance.language import marked
from appliance.storage.tables import floor_plan

MOST_SHAPES, MOST_POINTS, MOST_CAMERAS, LONGEST_TEXT = 300, 1500, 64, 40
# A thousandth of a plan is less than a pixel of most screens.
DIGITS = 4

Part = Annotated[float, Meta(ge=0.0, le=1.0)]
Spot = tuple[Part, Part]
Kind = Literal["wall", "area", "label"]
LEAST_POINTS = {"wall": 2, "area": 3, "label": 1}


class PlanUnusable(UsageError):
    """What was drawn can't be kept; the message says why."""


class PlanShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wall is a chain of straight lines, an area a polygon, a label a text at one point. Points are normalised."""

    kind: Kind
    points: tuple[Spot, ...]
    text: str = ""


class Placing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a camera's floor lies on the plan; see `metrics.projection.Projection`, which checks the corners."""

    camera: str
    corners: tuple[Spot, Spot, Spot, Spot]
    top: Part = 0.0


class FloorPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`proportion` is the plan's width over its height."""

    shapes: tuple[PlanShape, ...] = ()
    cameras: tuple[Placing, ...] = ()
    proportion: Annotated[float, Meta(ge=0.25, le=4.0)] = 1.5

    def placing(self, camera: str) -> Placing | None:
        return next((each for each in self.cameras if each.camera == camera), None)


def parse(text: str) -> FloorPlan:
    """A plan from JSON, with points rounded and names tidied. Raises `PlanUnusable`."""
    try:
        plan = msgspec.json.decode(text, type=FloorPlan)
    except msgspec.DecodeError as error:
        raise PlanUnusable(marked("The plan could not be read; please reload the page.")) from error
    if len(plan.shapes) > MOST_SHAPES or len(plan.cameras) > MOST_CAMERAS:
        raise PlanUnusable(marked("A plan takes %(number)s parts at most; please remove some."), number=MOST_SHAPES)
    if sum(len(shape.points) for shape in plan.shapes) > MOST_POINTS:
        raise PlanUnusable(
            marked("A plan takes %(number)s points at most; please draw it simpler."), number=MOST_POINTS
        )
    return msgspec.structs.replace(
        plan,
        shapes=tuple(_tidy(shape) for shape in plan.shapes),
        cameras=tuple(
            msgspec.structs.replace(each, corners=tuple(map(_rounded, each.corners)), top=round(each.top, DIGITS))
            for each in plan.cameras
        ),
        proportion=round(plan.proportion, DIGITS),
    )


def read(connection: Connection) -> FloorPlan:
    """The plan; an empty one where none was drawn."""
    text = connection.execute(select(floor_plan.c.plan)).scalar_one_or_none()
    return FloorPlan() if text is None else msgspec.json.decode(text, type=FloorPlan)


def write(connection: Connection, plan: FloorPlan, now: datetime | None = None) -> None:
    """Put the plan in the place of whatever there was."""
    values = {"plan": msgspec.json.encode(plan).decode(), "changed": now or datetime.now(UTC)}
    statement = insert(floor_plan).values(number=1, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["number"], set_=values))


def _rounded(spot: Spot) -> Spot:
    return round(spot[0], DIGITS), round(spot[1], DIGITS)


def _tidy(shape: PlanShape) -> PlanShape:
    text = " ".join(shape.text.split())
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise PlanUnusable(
            marked("A name on the plan has at most %(number)s printable characters."), number=LONGEST_TEXT
        )
    if shape.kind == "label" and not text:
        raise PlanUnusable(marked("A name on the plan is empty; please type it or remove it."))
    count, least = len(shape.points), LEAST_POINTS[shape.kind]
    if count < least or (shape.kind == "label" and count > least):
        raise PlanUnusable(marked("A part of the plan has too few or too many points; please draw it anew."))
    return PlanShape(shape.kind, tuple(map(_rounded, shape.points)), text)
