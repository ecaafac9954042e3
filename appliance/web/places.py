"""The editor of a camera's lines, zones, privacy masks and ignored regions, drawn over its redacted picture."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import msgspec
from flask import Blueprint, Response, jsonify, render_template, request, url_for

from appliance.camera_changes import as_line, as_zone, change_camera
from appliance.errors import UsageError
from appliance.language import marked
from appliance.metrics.geometry import GeometryError
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.web import wording
from appliance.web.cameras import need_camera
from appliance.web.context import this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.status import read_status
from appliance.web.viewing import open_view
from appliance.web.views import SETTING_UP, TIME_LIMIT, TOO_MANY_VIEWS, TooManyViews

blueprint = Blueprint("places", __name__)

MOST_SHAPES = 60
MOST_POINTS = 60
# A ten-thousandth of a picture is less than a pixel of any camera.
DIGITS = 4

Kind = Literal["line", "zone", "mask", "ignored"]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is drawn; points are normalised 0..1. `marked` is an inner line, or a zone that is a queue."""

    kind: Kind
    name: str
    points: tuple[tuple[float, float], ...]
    marked: bool = False


class ShapeUnusable(UsageError):
    """A shape that can't be taken. `index` is its place in what was sent."""

    def __init__(self, index: int, sentence: str, /, **values: object) -> None:
        super().__init__(sentence, **values)
        self.index = index


class ChangedMeanwhile(UsageError):
    """Somebody else has drawn since the page was opened."""


@blueprint.get("/cameras/<name>/places")
@allows(Permission.CAMERAS)
def show(name: str) -> str:
    context = this_context()
    camera = need_camera(context, name)
    shapes = shapes_of(camera)
    return render_template(
        "places.html",
        camera=camera.name,
        enabled=camera.enabled,
        running=read_status(context.live) is not None,
        shapes=msgspec.to_builtins(shapes),
        version=version_of(shapes),
        reason=SETTING_UP,
        minutes=round(TIME_LIMIT.total_seconds() / 60),
    )


@blueprint.post("/cameras/<name>/places")
@allows(Permission.CAMERAS)
def save(name: str) -> tuple[Response, int]:
    """Put what was drawn in the place of what there was, all of it or nothing."""
    context, session = this_context(), this_session()
    before = need_camera(context, name)
    try:
        drawn = read_shapes(request.form.get("shapes", ""))
        with_shapes(before, drawn)
        told = describe_change(before, drawn)
        version = request.form.get("version", "")
        if told:
            with context.engine.begin() as connection:
                change_camera(connection, session.user, name, told, lambda camera: drawn_over(camera, version, drawn))
    except ShapeUnusable as problem:
        return jsonify(problem=wording.told(problem), index=problem.index), 400
    except ChangedMeanwhile as problem:
        return jsonify(problem=wording.told(problem)), 409
    except UsageError as problem:
        return jsonify(problem=wording.told(problem)), 400
    return jsonify(version=version_of(shapes_of(need_camera(context, name))), changed=bool(told)), 200


@blueprint.post("/cameras/<name>/picture")
@allows(Permission.LIVE)
def picture(name: str) -> tuple[Response, int]:
    """Open a live view to draw on, under the rules for every live view."""
    context = this_context()
    need_camera(context, name)
    try:
        view = open_view(context, this_session(), name, SETTING_UP)
    except TooManyViews:
        return jsonify(problem=wording.gettext(TOO_MANY_VIEWS)), 409
    frame = url_for("live.frame", identifier=view.identifier)
    return jsonify(view=view.identifier, frame=frame, seconds=round(TIME_LIMIT.total_seconds())), 200


def shapes_of(camera: Camera) -> tuple[Shape, ...]:
    """What is drawn on a camera's picture, lines first."""
    lines = (Shape("line", each.name, ((each.x1, each.y1), (each.x2, each.y2)), each.inner) for each in camera.lines)
    zones = (Shape("zone", each.name, each.points, each.queue) for each in camera.zones)
    masks = (Shape("mask", each.name, each.points) for each in camera.masks)
    ignored = (Shape("ignored", each.name, each.points) for each in camera.ignored)
    return (*lines, *zones, *masks, *ignored)


def version_of(shapes: Sequence[Shape]) -> str:
    """Tells one state of the drawing from another."""
    return hashlib.sha256(msgspec.json.encode(shapes)).hexdigest()[:32]


def read_shapes(text: str) -> tuple[Shape, ...]:
    """Raises `UsageError` for what is no drawing."""
    try:
        shapes = msgspec.json.decode(text, type=tuple[Shape, ...])
    except msgspec.DecodeError as error:
        raise UsageError(marked("The drawing could not be read; please reload the page.")) from error
    if len(shapes) > MOST_SHAPES:
        raise UsageError(
            marked("A camera takes %(number)s lines, zones, masks and regions at most; please remove some."),
            number=MOST_SHAPES,
        )
    return tuple(_tidy(index, shape) for index, shape in enumerate(shapes))


def with_shapes(camera: Camera, shapes: Sequence[Shape]) -> Camera:
    """The camera with this drawing alone. Raises `ShapeUnusable` for the first shape that makes no sense."""
    lines, regions = list[LineSetting](), {"zone": list[ZoneSetting](), "mask": [], "ignored": []}
    names = set[tuple[str, str]]()
    for index, shape in enumerate(shapes):
        try:
            if shape.kind == "line":
                if len(shape.points) != 2:
                    raise ShapeUnusable(index, marked("The line %(name)s needs two points."), name=shape.name)
                line = LineSetting(shape.name, *shape.points[0], *shape.points[1], shape.marked)
                as_line(line)
                lines.append(line)
            else:
                region = ZoneSetting(shape.name, shape.points, shape.marked and shape.kind == "zone")
                as_zone(region)
                regions[shape.kind].append(region)
        except GeometryError as error:
            raise ShapeUnusable(index, str(error)) from error
        if (shape.kind, shape.name) in names:
            raise ShapeUnusable(
                index, marked("Another one is called %(name)s; please give each its own name."), name=shape.name
            )
        names.add((shape.kind, shape.name))
    return replace(
        camera,
        lines=tuple(lines),
        zones=tuple(regions["zone"]),
        masks=tuple(regions["mask"]),
        ignored=tuple(regions["ignored"]),
    )


def drawn_over(camera: Camera, version: str, shapes: Sequence[Shape]) -> Camera:
    """Raises `ChangedMeanwhile` where the drawing is not the one that was begun with."""
    if version != version_of(shapes_of(camera)):
        raise ChangedMeanwhile(
            marked("Somebody else has changed this drawing meanwhile; please reload the page, and draw again.")
        )
    return with_shapes(camera, shapes)


def describe_change(before: Camera, shapes: Sequence[Shape]) -> str:
    """What was drawn anew, for the audit log, such as `drawn: lines, masks`; empty if nothing."""
    after = with_shapes(before, shapes)
    names = ("lines", "zones", "masks", "ignored")
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return f"drawn: {', '.join(changed)}" if changed else ""


def _tidy(index: int, shape: Shape) -> Shape:
    if len(shape.points) > MOST_POINTS:
        raise ShapeUnusable(
            index,
            marked("%(name)s has %(number)s points; %(most)s are the most."),
            name=shape.name,
            number=len(shape.points),
            most=MOST_POINTS,
        )
    points = tuple((round(x, DIGITS), round(y, DIGITS)) for x, y in shape.points)
    return msgspec.structs.replace(shape, name=shape.name.strip(), points=points)
