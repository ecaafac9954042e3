"""The manager's check: somebody counts who comes in on the live view, and the system's count stands beside it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, jsonify, request

from appliance.audit.log import Event, append
from appliance.storage import counting_checks
from appliance.storage.counting_checks import CountingCheck
from appliance.web.context import WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.status import read_status
from appliance.web.views import View

blueprint = Blueprint("checking", __name__)

# With fewer people a single one would decide, and the difference would tell of them.
LEAST_PEOPLE = 10
MOST_PEOPLE = 10_000
# A check is forgotten after this; a view is over long before.
KEPT = timedelta(hours=1)


@dataclass(frozen=True)
class Begun:
    """A check that goes on: when it began, and how many had come in by then."""

    at: datetime
    entered: int


@blueprint.post("/live/<identifier>/check")
@allows(Permission.CAMERAS)
def begin(identifier: str) -> Response:
    context, view = this_context(), this_view(identifier)
    now = context.clock()
    for key, begun in list(context.checks.items()):
        if now - begun.at > KEPT:
            context.checks.pop(key, None)
    context.checks[identifier] = Begun(now, entered(context, view.camera))
    return jsonify(system=0)


@blueprint.get("/live/<identifier>/check")
@allows(Permission.CAMERAS)
def so_far(identifier: str) -> Response:
    """How many the system has counted in since the check began."""
    return jsonify(system=counted(this_context(), this_view(identifier)))


@blueprint.post("/live/<identifier>/check/end")
@allows(Permission.CAMERAS)
def end(identifier: str) -> Response:
    """Compare, and keep the difference where enough people came in to tell."""
    context, view = this_context(), this_view(identifier)
    mine = request.form.get("mine", -1, type=int)
    if not 0 <= mine <= MOST_PEOPLE:
        abort(400)
    system, begun = counted(context, view), context.checks.pop(identifier, None)
    if begun is None:
        abort(409)
    if mine < LEAST_PEOPLE:
        return jsonify(mine=mine, system=system, kept=False, least=LEAST_PEOPLE)
    now = context.clock()
    check = CountingCheck(
        view.camera, now, view.user, round((now - begun.at).total_seconds()), round((system - mine) / mine, 2)
    )
    details: dict[str, str | int] = {"difference": f"{check.difference:+.0%}", "seconds": check.seconds}
    with context.engine.begin() as connection:
        counting_checks.add(connection, check)
        append(connection, Event(view.user, "counting-checked", view.camera, details=details))
    return jsonify(mine=mine, system=system, kept=True, accuracy=f"{check.accuracy:.0%}")


def this_view(identifier: str) -> View:
    """The open view of this session; otherwise the request ends with 410."""
    context = this_context()
    view = context.views.touch(identifier, this_session(), context.clock())
    if view is None:
        abort(410)
    return view


def counted(context: WebContext, view: View) -> int:
    """Ends the request with 409 where no check goes on, or the system's count has begun anew since."""
    begun = context.checks.get(view.identifier)
    now = entered(context, view.camera)
    if begun is None or now < begun.entered:
        context.checks.pop(view.identifier, None)
        abort(409)
    return now - begun.entered


def entered(context: WebContext, camera: str) -> int:
    """How many persons came in through the camera's entrances since the engine began to count it; 503 if unknown."""
    status = read_status(context.live)
    if status is None or camera not in status.entered:
        abort(503)
    return status.entered[camera]
