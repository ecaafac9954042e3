"""The editor of the floor plan: walls, areas and names, and where each camera's floor lies on it.

No picture can be sent: what is taken are the numbers and names of `storage.floor_plan`, and nothing else. A drawing in
a file is read by the browser, which makes points of it; a picture to draw over stays in the browser's tab.
"""

import hashlib
import json

import msgspec
from flask import Blueprint, Response, jsonify, render_template, request

from appliance.audit.log import Event, append
from appliance.errors import UsageError
from appliance.language import marked
from appliance.metrics.geometry import GeometryError
from appliance.storage import cameras as stored_cameras
from appliance.storage import floor_plan
from appliance.storage.database import reading
from appliance.storage.floor_plan import MOST_POINTS, MOST_SHAPES, FloorPlan, PlanUnusable
from appliance.web import wording
from appliance.web.context import this_context
from appliance.web.floor_view import projection_of
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session

blueprint = Blueprint("plan", __name__, url_prefix="/explore/plan")


class ChangedMeanwhile(UsageError):
    """Somebody else has drawn since the page was opened."""


@blueprint.get("")
@allows(Permission.NUMBERS)
def show() -> str:
    with reading(this_context().engine) as connection:
        plan = floor_plan.read(connection)
        cameras = [each.name for each in stored_cameras.list_cameras(connection) if each.heat_map]
    return render_template(
        "plan.html",
        plan=msgspec.to_builtins(plan),
        version=version_of(plan),
        cameras=cameras,
        most={"shapes": MOST_SHAPES, "points": MOST_POINTS},
    )


@blueprint.post("")
@allows(Permission.NUMBERS)
def save() -> tuple[Response, int]:
    """Put what was drawn in the place of what there was, all of it or nothing."""
    context, session = this_context(), this_session()
    try:
        plan = floor_plan.parse(request.form.get("plan", ""))
        check_placings(plan)
        now = context.clock()
        with context.engine.begin() as connection:
            before = floor_plan.read(connection)
            if request.form.get("version", "") != version_of(before):
                raise ChangedMeanwhile(
                    marked("Somebody else has changed this drawing meanwhile; please reload the page, and draw again.")
                )
            known = {each.name for each in stored_cameras.list_cameras(connection)}
            plan = msgspec.structs.replace(plan, cameras=tuple(each for each in plan.cameras if each.camera in known))
            if plan != before:
                floor_plan.write(connection, plan, now)
                details: dict[str, str | int] = {"parts": len(plan.shapes), "cameras": len(plan.cameras)}
                append(connection, Event(session.user, "plan-changed", "", "configuration", details=details), now)
    except ChangedMeanwhile as problem:
        return jsonify(problem=wording.told(problem)), 409
    except UsageError as problem:
        return jsonify(problem=wording.told(problem)), 400
    return jsonify(version=version_of(plan), changed=plan != before), 200


def version_of(plan: FloorPlan) -> str:
    """Tells one state of the plan from another."""
    return hashlib.sha256(json.dumps(msgspec.to_builtins(plan)).encode()).hexdigest()[:32]


def check_placings(plan: FloorPlan) -> None:
    """Raises `PlanUnusable` for corners that are none, or a camera that is placed twice."""
    names = [each.camera for each in plan.cameras]
    if len(set(names)) < len(names):
        raise PlanUnusable(marked("A camera is placed on the plan twice; please remove one of them."))
    for each in plan.cameras:
        try:
            projection_of(each)
        except GeometryError as error:
            raise PlanUnusable(f"{each.camera}: {error}") from error
