"""Log-in, in one step or two, log-out, and the first user."""

import math
import secrets
from datetime import UTC, datetime, timedelta

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.storage import second_factor, users
from appliance.storage.database import reading
from appliance.storage.users import Role, User
from appliance.web.context import WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import LOGIN_COOKIE, SESSION_COOKIE, safe_next, this_session
from appliance.web.sessions import LIFETIME, Awaits, Session, new_token, same
from appliance.web.viewing import end_views_of
from appliance.web.wording import gettext, ngettext

blueprint = Blueprint("account", __name__)

ADMINISTRATOR = "admin"
# No letters or digits that look alike; 16 of 31 are 79 bits.
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
UNKNOWN_ACTOR = "unknown"


def ensure_administrator(connection: Connection) -> str | None:
    """Make the user `admin` if there is no user at all. Returns its random password, to be shown once, or None.

    It opens the page once: whoever logs in with it chooses another before anything else opens.
    """
    if users.list_users(connection):
        return None
    password = readable_password()
    users.add(connection, ADMINISTRATOR, password, Role.ADMINISTRATOR)
    users.set_password(connection, ADMINISTRATOR, password, datetime.now(UTC) + users.ONE_TIME)
    append(connection, Event("setup", "user-added", ADMINISTRATOR))
    return password


def readable_password() -> str:
    """A random password that can be read out and typed in."""
    return "-".join("".join(secrets.choice(READABLE) for _ in range(4)) for _ in range(4))


@blueprint.get("/login")
def log_in() -> Response:
    if g.session is not None:
        return redirect(safe_next(request.args.get("next", "")))
    return login_page()


@blueprint.post("/login")
def check_log_in() -> Response:
    context = this_context()
    name = request.form.get("name", "").strip()[:64]
    cookie = request.cookies.get(LOGIN_COOKIE, "")
    if not cookie or not same(request.form.get("csrf", ""), cookie):
        return login_page(gettext("This page had been open for too long. Please try again."), name, 400)
    address = request.remote_addr or ""
    wait = context.failures.wait(name, address, context.clock())
    if wait:
        return told_to_wait(login_page(must_wait(wait), name, 429), wait)
    # Counted before the password is checked, so that attempts at the same moment count as well.
    context.failures.add(name, address, context.clock())
    user = check_password(context, name, request.form.get("password", ""), address)
    if user is None:
        return login_page(gettext("The name or the password is wrong."), name, 401)
    if user.has_second_factor:
        # The attempt goes on counting until the code is right: the password alone is no success.
        return start_session(context, user, url_for("account.ask_code", next=request.args.get("next", "")), "code")
    context.failures.forget(name, address)
    return let_in(context, user)


@blueprint.get("/login/code")
def ask_code() -> Response:
    """The second step of a log-in, for those who set up a second factor."""
    if g.waiting is None:
        return redirect(url_for("account.log_in"))
    return code_page(g.waiting)


@blueprint.post("/login/code")
def check_code() -> Response:
    context, waiting, address = this_context(), g.waiting, request.remote_addr or ""
    if waiting is None:
        return redirect(url_for("account.log_in"))
    if not same(request.form.get("csrf", ""), waiting.csrf):
        raise Forbidden
    wait = context.failures.wait(waiting.user, address, context.clock())
    if wait:
        return told_to_wait(code_page(waiting, must_wait(wait), 429), wait)
    context.failures.add(waiting.user, address, context.clock())
    code = request.form.get("code", "").strip()[:64]
    with context.engine.begin() as connection:
        used = second_factor.use(connection, waiting.user, code, context.clock())
        user = users.find(connection, waiting.user)
        if used is None or user is None:
            details: dict[str, str | int] = {"address": address, "reason": "wrong code"}
            append(connection, Event(waiting.user, "login-failed", waiting.user, details=details), context.clock())
    if used is None or user is None:
        problem = gettext("That code is wrong, or was used already. Please wait for the next one.")
        return code_page(waiting, problem, 401)
    context.failures.forget(user.name, address, attempts=2)
    return let_in(context, user, used)


def check_password(context: WebContext, name: str, password: str, address: str) -> User | None:
    """The user, if the password is right and good still; a failure is written into the audit log."""
    with context.password_checks, reading(context.engine) as connection:
        right = users.verify(connection, name, password)
        user = users.find(connection, name)
    if right and user is not None and not is_past(context, user):
        return user
    with context.engine.begin() as connection:
        # People type their password into the wrong field: only names that exist are written down.
        actor = user.name if user else UNKNOWN_ACTOR
        append(connection, Event(actor, "login-failed", actor, details={"address": address}), context.clock())
    return None


def is_past(context: WebContext, user: User) -> bool:
    return user.password_expires is not None and context.clock() >= user.password_expires


def let_in(context: WebContext, user: User, second: str = "") -> Response:
    """Log the user in, who has shown everything that is needed; `second` is what was shown beside the password."""
    details: dict[str, str | int] = {"second_factor": second} if second else {}
    with context.engine.begin() as connection:
        append(connection, Event(user.name, "login", user.name, details=details), context.clock())
    awaits: Awaits = "password" if user.password_expires is not None else ""
    return start_session(context, user, safe_next(request.args.get("next", "")), awaits)


def start_session(context: WebContext, user: User, target: str, awaits: Awaits) -> Response:
    """A new session with a new identifier at each step, so that none from before the step is worth anything."""
    context.sessions.close(request.cookies.get(SESSION_COOKIE, ""))
    address = request.remote_addr or ""
    identifier, _ = context.sessions.open(user.name, user.role, context.clock(), user.stamp, address, awaits)
    response = redirect(target)
    set_cookie(response, SESSION_COOKIE, identifier)
    response.delete_cookie(LOGIN_COOKIE, secure=True, httponly=True, samesite="Strict")
    return response


def must_wait(wait: timedelta) -> str:
    minutes = math.ceil(wait.total_seconds() / 60)
    return ngettext(
        "Too many attempts. Please try again in %(num)s minute.",
        "Too many attempts. Please try again in %(num)s minutes.",
        minutes,
    )


def told_to_wait(response: Response, wait: timedelta) -> Response:
    response.headers["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


@blueprint.post("/logout")
@allows(Permission.OWN_ACCOUNT)
def log_out() -> Response:
    context, session = this_context(), this_session()
    end_views_of(context, session)
    context.sessions.close(request.cookies.get(SESSION_COOKIE, ""))
    with context.engine.begin() as connection:
        append(connection, Event(session.user, "logout", session.user), context.clock())
    response = redirect(url_for("account.log_in"))
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="Strict")
    return response


def login_page(problem: str = "", name: str = "", status: int = 200) -> Response:
    """The log-in form; its CSRF token is also in a cookie of its own, since there is no session yet."""
    token = request.cookies.get(LOGIN_COOKIE) or new_token()
    page = render_template(
        "login.html",
        csrf_token=token,
        problem=problem,
        name=name,
        next_page=request.args.get("next", ""),
        own_certificate=bool(this_context().settings.web.certificate),
    )
    response = make_response(page, status)
    set_cookie(response, LOGIN_COOKIE, token)
    return response


def code_page(waiting: Session, problem: str = "", status: int = 200) -> Response:
    next_page = request.args.get("next", "")
    page = render_template("login_code.html", csrf_token=waiting.csrf, problem=problem, next_page=next_page)
    return make_response(page, status)


def set_cookie(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=LIFETIME, secure=True, httponly=True, samesite="Strict", path="/")
