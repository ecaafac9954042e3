"""The application factory."""

import gc
from datetime import date

from flask import Flask, Response, current_app, g, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, Unauthorized

from appliance.errors import VeilsightError
from appliance.language import NAMES, marked
from appliance.resources import find_resource
from appliance.web import (
    account,
    anonymity,
    audit,
    audit_entry,
    authority,
    backup_copies,
    camera_search,
    camera_trial,
    cameras,
    checking,
    counts_export,
    destination_list,
    explore,
    floor,
    guide,
    language_choice,
    live,
    notice,
    own_account,
    places,
    plan,
    privacy,
    record,
    redacting,
    reports,
    schedule_change,
    security,
    system,
    today,
    user_list,
    wording,
)
from appliance.web.api import set_up_routes as api_routes
from appliance.web.api.describing import problem
from appliance.web.certificate import find_names
from appliance.web.context import EXTENSION, WebContext
from appliance.web.hosts import UnknownHost
from appliance.web.roles import NotInRole, Permission, may, pages_of
from appliance.web.server import LARGEST_REQUEST_BYTES

EXPLANATIONS = {
    400: (marked("That did not work"), marked("The request was not complete. Please go back and try again.")),
    401: (marked("Please log in"), marked("Your session is over.")),
    403: (
        marked("Not from here"),
        marked("The request did not come from a page of this session. Please go back and try again."),
    ),
    404: (marked("Nothing here"), marked("There is no page at this address.")),
    405: (marked("That did not work"), marked("This address is not for opening in this way.")),
    413: (marked("Too large"), marked("The request is larger than this appliance accepts.")),
}
UNKNOWN_HOST = (
    marked("Not under this name"),
    marked(
        "This appliance does not go by this name. Open it by its address, or add the name under [web] in the settings."
    ),
)
NOT_IN_ROLE = (
    marked("Not for your role"),
    marked("Your role does not include this page. If you need it, ask an administrator of this site."),
)
FAILURE = (
    marked("Something went wrong"),
    marked("It is not your fault. Please try again; `veilsight doctor` says what may be the matter."),
)


def create_app(context: WebContext) -> Flask:
    """The pages, working with `context` and nothing else."""
    app = Flask(
        "appliance.web",
        template_folder=str(find_resource("templates")),
        static_folder=str(find_resource("static")),
        static_url_path="/static",
    )
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_REQUEST_BYTES, MAX_FORM_PARTS=50)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions[EXTENSION] = context
    security.protect(app, find_names(context.settings.web.names).names)
    wording.speak(app)
    for page in (
        account,
        authority,
        own_account,
        user_list,
        api_routes,
        language_choice,
        today,
        counts_export,
        explore,
        floor,
        plan,
        live,
        checking,
        camera_search,
        cameras,
        camera_trial,
        places,
        guide,
        reports,
        record,
        notice,
        destination_list,
        schedule_change,
        audit,
        audit_entry,
        privacy,
        redacting,
        system,
        backup_copies,
    ):
        app.register_blueprint(page.blueprint)
    app.add_url_rule("/health", "health", health)
    app.register_error_handler(HTTPException, explain)
    app.register_error_handler(VeilsightError, explain_trouble)
    app.context_processor(lambda: page_values(context))
    return app


def make_ready(app: Flask) -> None:
    """Read all templates and what the site's language needs: otherwise whoever opens a page first waits for that.

    To be called once, as the program starts: what is in memory by then stays, and is left out of later searches for
    garbage, which would stop the pages for a tenth of a second now and then.
    """
    for name in app.jinja_env.list_templates(extensions=["html"]):
        app.jinja_env.get_template(name)
    with app.test_request_context():
        language, day = wording.this_language(), date(2026, 1, 1)
        " ".join((language.number(0.5, 1), language.percent(0.5), language.weekday(day), language.days(day, day)))
    gc.collect()
    gc.freeze()


def health() -> Response:
    """For the service manager: the pages answer. Says nothing else, since it needs no log-in."""
    return Response("ok\n", mimetype="text/plain")


def explain(error: HTTPException) -> tuple[str | Response, int]:
    """An error in plain words; a script of the pages gets the bare status."""
    status = error.code or 500
    if request.path.startswith(security.API):
        return tell_program(error, status), status
    if security.wants_data():
        return Response(status=status), status
    heading, explanation = EXPLANATIONS.get(status, FAILURE)
    if isinstance(error, NotInRole):
        heading, explanation = NOT_IN_ROLE
    elif isinstance(error, UnknownHost):
        heading, explanation = UNKNOWN_HOST
    texts = {"heading": wording.gettext(heading), "explanation": wording.gettext(explanation)}
    return render_template("error.html", **texts), status


def tell_program(error: HTTPException, status: int) -> Response:
    """The same for another program (RFC 9457), with the headers that the status asks for."""
    response = problem(status, error.name, error.description or "")
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(error.valid_methods)
    return response


def explain_trouble(error: VeilsightError) -> tuple[str | Response, int]:
    """A failure that somebody can mend, such as a full disk: its sentence, for those who are logged in."""
    current_app.logger.error("%s", error)
    if request.path.startswith(security.API):
        return problem(503, "Not now", str(error)), 503
    if security.wants_data():
        return Response(status=503), 503
    explanation = wording.told(error) if g.get("session") else wording.gettext(FAILURE[1])
    return render_template("error.html", heading=wording.gettext(FAILURE[0]), explanation=explanation), 503


def page_values(context: WebContext) -> dict[str, object]:
    """What every template may use."""
    session = g.get("session")
    return {
        "site": context.settings.site,
        "language": wording.this_language().code,
        "script_texts": wording.this_language().scripts,
        "languages": NAMES,
        "anonymity": anonymity.describe(context.settings),
        "session": session,
        "csrf_token": session.csrf if session else "",
        "pages": pages_of(session.role) if session else [],
        "steps_left": lambda: guide.steps_left(context),
        "may": lambda permission: bool(session) and may(session.role, Permission(permission)),
    }
