"""Cameras: how each is, and setting up, changing, testing and removing them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance.camera_changes import add_camera, change_camera, remove_camera
from appliance.camera_search import SearchUnavailable
from appliance.errors import UsageError
from appliance.language import marked
from appliance.storage import cameras, counting_checks
from appliance.storage.cameras import Camera, CameraExists, shown_source
from appliance.storage.database import reading
from appliance.web.camera_chart import SPANS, read_chart
from appliance.web.camera_form import (
    MOUNTINGS,
    TRANSPORTS,
    CameraForm,
    changed_camera,
    describe_change,
    form_of,
    new_camera,
    typed_form,
)
from appliance.web.camera_health import (
    describe_checks,
    describe_health,
    describe_history,
    describe_places,
    read_history,
)
from appliance.web.camera_search import need_found, with_stream
from appliance.web.context import WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.status import read_status
from appliance.web.views import CHECKING
from appliance.web.wording import gettext

blueprint = Blueprint("cameras", __name__)

# Of the checks by eye, how far back and how many are shown.
CHECKED, MOST_CHECKS = timedelta(days=400), 12


@blueprint.get("/cameras")
@allows(Permission.CAMERAS)
def show() -> str:
    context = this_context()
    status = read_status(context.live)
    with reading(context.engine) as connection:
        known = cameras.list_cameras(connection)
    rows = [
        {
            "health": describe_health(camera, status),
            "source": shown_source(camera.source),
            "places": describe_places(camera),
            "enabled": camera.enabled,
        }
        for camera in known
    ]
    return render_template("cameras.html", rows=rows, running=status is not None, structure=structure_of(known))


@blueprint.get("/cameras/state")
@allows(Permission.CAMERAS)
def state() -> Response:
    """How each camera is now, for the page's script."""
    context = this_context()
    with reading(context.engine) as connection:
        known = cameras.list_cameras(connection)
    status = read_status(context.live)
    found = {camera.name: describe_health(camera, status) for camera in known}
    return jsonify(cameras=found, structure=structure_of(known))


@blueprint.get("/cameras/add")
@allows(Permission.CAMERAS)
def add() -> str:
    found = need_found(request.args.get("found", ""))
    return add_page(CameraForm(found=found.address if found else ""))


@blueprint.post("/cameras/add")
@allows(Permission.CAMERAS)
def do_add() -> BaseResponse | tuple[str, int]:
    context, session = this_context(), this_session()
    try:
        camera = new_camera(with_stream(request.form))
        with context.engine.begin() as connection:
            add_camera(connection, session.user, camera)
    except CameraExists:
        taken = UsageError(marked("There is a camera of this name already; please choose another name."))
        return add_page(typed_form(request.form, taken)), 400
    except (UsageError, SearchUnavailable) as problem:
        return add_page(typed_form(request.form, problem)), 400
    session.say(
        "good", gettext("%(camera)s is set up. Draw a line where people come in, and it counts.", camera=camera.name)
    )
    return redirect(url_for("cameras.settings", name=camera.name))


@blueprint.get("/cameras/<name>/settings")
@allows(Permission.CAMERAS)
def settings(name: str) -> str:
    camera = need_camera(this_context(), name)
    return settings_page(camera, form_of(camera))


@blueprint.post("/cameras/<name>/settings")
@allows(Permission.CAMERAS)
def change(name: str) -> BaseResponse | tuple[str, int]:
    context, session = this_context(), this_session()
    before = need_camera(context, name)
    try:
        told = describe_change(before, changed_camera(before, request.form))
        if told:
            with context.engine.begin() as connection:
                fields = request.form
                change_camera(
                    connection, session.user, name, f"changed: {told}", lambda camera: changed_camera(camera, fields)
                )
    except UsageError as problem:
        return settings_page(before, typed_form(request.form, problem, before)), 400
    changed = gettext("%(camera)s is changed.", camera=name) if told else gettext("Nothing was changed.")
    session.say("good", changed)
    return redirect(url_for("cameras.settings", name=name))


@blueprint.post("/cameras/<name>/switch")
@allows(Permission.CAMERAS)
def switch(name: str) -> BaseResponse:
    """Switch the camera on or off."""
    context, session = this_context(), this_session()
    need_camera(context, name)
    on = request.form.get("on") == "1"
    with context.engine.begin() as connection:
        told = "enabled" if on else "disabled"
        change_camera(connection, session.user, name, told, lambda camera: replace(camera, enabled=on))
    switched_on = marked("%(camera)s is switched on.")
    switched_off = marked("%(camera)s is switched off; nothing is counted there.")
    session.say("good", gettext(switched_on if on else switched_off, camera=name))
    return redirect(url_for("cameras.show"))


@blueprint.post("/cameras/<name>/remove")
@allows(Permission.CAMERAS)
def remove(name: str) -> BaseResponse:
    context, session = this_context(), this_session()
    need_camera(context, name)
    with context.engine.begin() as connection:
        remove_camera(connection, session.user, name)
    session.say("good", gettext("%(camera)s is removed. Its counts stay.", camera=name))
    return redirect(url_for("cameras.show"))


def add_page(form: CameraForm) -> str:
    found = need_found(form.found)
    return render_template("camera_add.html", form=form, found=found, mountings=MOUNTINGS, transports=TRANSPORTS)


def settings_page(camera: Camera, form: CameraForm) -> str:
    context = this_context()
    with reading(context.engine) as connection:
        now = context.clock()
        history = read_history(connection, now).get(camera.name, [])
        span = request.args.get("chart", "")
        times = read_chart(connection, context, camera.name, span if span in SPANS else "days")
        checks = [
            each for each in counting_checks.between(connection, now - CHECKED, now) if each.camera == camera.name
        ]
    return render_template(
        "camera.html",
        form=form,
        mountings=MOUNTINGS,
        transports=TRANSPORTS,
        health=describe_health(camera, read_status(context.live)),
        places=describe_places(camera),
        enabled=camera.enabled,
        source=shown_source(camera.source),
        structure=structure_of((camera,)),
        times=times,
        spans=SPANS,
        history=describe_history(history, context.settings.site.zone),
        checks=describe_checks(checks[-MOST_CHECKS:], context.settings.site.zone),
        checking=CHECKING,
    )


def need_camera(context: WebContext, name: str) -> Camera:
    """The camera of this name; without one the request ends with 404."""
    with reading(context.engine) as connection:
        camera = cameras.get(connection, name)
    if camera is None:
        abort(404)
    return camera


def structure_of(known: Sequence[Camera]) -> str:
    """Changes when the page itself has to be made anew."""
    return "|".join(f"{camera.name}={camera.enabled}" for camera in known)
