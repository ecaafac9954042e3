"""Looking for cameras on the local network when somebody asks for it, and asking one of them for its best stream.

The searcher does it, a process that knows nothing else (appliance/camera_search.py). What was found is kept with the
session: only what it has been shown may be asked.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.camera_search import Answer, Found, Request, SearchUnavailable, search
from appliance.language import marked
from appliance.storage import cameras
from appliance.storage.database import reading
from appliance.web.camera_form import FormProblem
from appliance.web.context import this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, ngettext

blueprint = Blueprint("camera_search", __name__)

SUBJECT = "local network"
BUSY = marked("Cameras are being looked for already; please try again in a few seconds.")
UNKNOWN = marked("Please look for cameras once more, and choose one of them.")


@blueprint.get("/cameras/search")
@allows(Permission.CAMERAS)
def show() -> str:
    """What was found last, in this session."""
    with reading(this_context().engine) as connection:
        known = {urlsplit(camera.source).hostname: camera.name for camera in cameras.list_cameras(connection)}
    found = this_session().found
    rows = [(camera, host_of(camera), known.get(host_of(camera), "")) for camera in found or ()]
    return render_template("camera_search.html", rows=rows, looked=found is not None)


@blueprint.post("/cameras/search")
@allows(Permission.CAMERAS)
def look() -> Response:
    session = this_session()
    try:
        found = ask(Request()).cameras
    except (SearchUnavailable, FormProblem) as error:
        session.say("warn", gettext(error.message))
    else:
        session.found = found
        told = ngettext("%(num)s camera answered.", "%(num)s cameras answered.", len(found))
        session.say("good" if found else "warn", told)
    return redirect(url_for("camera_search.show"))


def with_stream(fields: Mapping[str, str]) -> Mapping[str, str]:
    """The fields of a new camera that was found by a search, with the address of its best stream as its source.

    Others stay as they are. Raises `FormProblem` and `SearchUnavailable`.
    """
    address = fields.get("found", "")
    if not address:
        return fields
    if need_found(address) is None:
        raise FormProblem("found", UNKNOWN)
    answer = ask(Request(address, fields.get("username", "").strip(), fields.get("password", "")))
    if answer.problem:
        raise FormProblem("username", answer.problem, **answer.values)
    return {**fields, "source": answer.stream}


def need_found(address: str) -> Found | None:
    """The camera of this address among what the session was shown."""
    return next((each for each in this_session().found or () if each.address == address), None)


def ask(request: Request) -> Answer:
    """Ask the searcher, one at a time, and write it down. Raises `FormProblem` and `SearchUnavailable`."""
    context, user = this_context(), this_session().user
    if not context.searching.acquire(blocking=False):
        raise FormProblem("found", BUSY)
    try:
        with context.engine.begin() as connection:
            event = Event(user, "cameras-searched", host_of(Found(request.address)) if request.address else SUBJECT)
            append(connection, event, context.clock())
        return search(context.paths.search_socket, request)
    finally:
        context.searching.release()


def host_of(camera: Found) -> str:
    return urlsplit(camera.address).hostname or ""
