"""Live: the redacted view of a camera, for a reason, for a while.

The browser asks for one picture after another (`frame`). Each request waits a moment for a newer picture and ends, so
that a browser that goes away leaves nothing behind: no thread, and after a time-out no connection to the engine.
"""

from urllib.parse import quote

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance.storage import cameras
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.web.context import WebContext, this_context
from appliance.web.feeds import Picture
from appliance.web.present import describe_camera, present_numbers
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.status import read_status
from appliance.web.viewing import close_view, open_view
from appliance.web.views import REASONS, TIME_LIMIT, TOO_MANY_VIEWS, TooManyViews
from appliance.web.wording import gettext

blueprint = Blueprint("live", __name__)

WAIT_SECONDS = 1.0


@blueprint.get("/live")
@allows(Permission.LIVE)
def choose() -> str:
    context = this_context()
    status = read_status(context.live)
    known = list_cameras(context)
    wanted = request.args.get("camera") or (known[0].name if len(known) == 1 else "")
    choices = [
        {"name": camera.name, "state": describe_camera(status, camera.name), "chosen": camera.name == wanted}
        for camera in known
    ]
    minutes = round(TIME_LIMIT.total_seconds() / 60)
    return render_template("live.html", cameras=choices, reasons=REASONS, running=status is not None, minutes=minutes)


@blueprint.post("/live")
@allows(Permission.LIVE)
def open() -> BaseResponse:
    context, session = this_context(), this_session()
    name, reason = request.form.get("camera", ""), request.form.get("reason", "")
    if find_camera(context, name) is None or reason not in REASONS:
        session.say("warn", gettext("Please choose a camera and a reason."))
        return redirect(url_for("live.choose"))
    try:
        view = open_view(context, session, name, reason)
    except TooManyViews:
        session.say("warn", gettext(TOO_MANY_VIEWS))
        return redirect(url_for("live.choose"))
    return redirect(url_for("live.show", identifier=view.identifier))


@blueprint.get("/live/<identifier>")
@allows(Permission.LIVE)
def show(identifier: str) -> str | BaseResponse:
    context, session = this_context(), this_session()
    view = context.views.touch(identifier, session, context.clock())
    camera = find_camera(context, view.camera) if view else None
    if view is None or camera is None:
        session.say("warn", gettext("That view has ended. If you still need to look, say why once more."))
        return redirect(url_for("live.choose"))
    today = present_numbers(context)
    return render_template(
        "view.html",
        view=view,
        camera=today.camera(camera.name),
        today=today,
        seconds_left=max(0, int((view.ends - context.clock()).total_seconds())),
        lines=[
            {"name": line.name, "x1": line.x1, "y1": line.y1, "x2": line.x2, "y2": line.y2} for line in camera.lines
        ],
        zones=[{"name": zone.name, "points": zone.points} for zone in camera.zones],
    )


@blueprint.get("/live/<identifier>/frame")
@allows(Permission.LIVE)
def frame(identifier: str) -> Response:
    """The newest picture if it is not number `after`; 204 if there is none yet, 410 when the view has ended."""
    context = this_context()
    view = context.views.touch(identifier, this_session(), context.clock())
    if view is None:
        abort(410)
    picture = next_picture(context, view.camera, request.args.get("after", 0, type=int))
    if picture is None:
        return Response(status=204)
    response = Response(picture.jpeg, mimetype="image/jpeg")
    response.headers["X-Picture"] = str(picture.number)
    if picture.header.get("whole_frame"):
        response.headers["X-Covered"] = quote(str(picture.header.get("reason") or "no reason was given"))
    return response


@blueprint.post("/live/close")
@allows(Permission.LIVE)
def close() -> BaseResponse:
    close_view(this_context(), request.form.get("view", ""), this_session())
    return redirect(url_for("live.choose"))


def next_picture(context: WebContext, camera: str, after: int) -> Picture | None:
    """Wait a moment for a picture; not at all when so many wait already that pages would lack threads."""
    feed = context.feeds.get(camera, context.live.view)
    may_wait = context.waiting.acquire(blocking=False)
    try:
        return feed.next_after(after, WAIT_SECONDS if may_wait else 0.0)
    finally:
        if may_wait:
            context.waiting.release()


def list_cameras(context: WebContext) -> list[Camera]:
    with reading(context.engine) as connection:
        return list(cameras.list_cameras(connection))


def find_camera(context: WebContext, name: str) -> Camera | None:
    return next((camera for camera in list_cameras(context) if camera.name == name), None)
