"""Log-in and log-out, and the first user."""

import math
import secrets

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.storage import users
from appliance.storage.database import reading
from appliance.storage.users import Role, User
from appliance.web.context import WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import LOGIN_COOKIE, SESSION_COOKIE, safe_next, this_session
from appliance.web.sessions import LIFETIME, new_token, same
from appliance.web.viewing import end_views_of
from appliance.web.words import plural

blueprint = Blueprint("account", __name__)

ADMINISTRATOR = "admin"
# No letters or digits that look alike; 16 of 31 are 79 bits.
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
UNKNOWN_ACTOR = "unknown"


def ensure_administrator(connection: Connection) -> str | None:
    """Make the user `admin` if there is no user at all. Returns its random password, to be shown once, or None."""
    if users.list_users(connection):
        return None
    password = readable_password()
    users.add(connection, ADMINISTRATOR, password, Role.ADMINISTRATOR)
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
        return login_page("This page had been open for too long. Please try again.", name, 400)
    address = request.remote_addr or ""
    wait = context.failures.wait(name, address, context.clock())
    if wait:
        minutes = math.ceil(wait.total_seconds() / 60)
        text = f"Too many attempts. Please try again in {minutes} {plural(minutes, 'minute', 'minutes')}."
        response = login_page(text, name, 429)
        response.headers["Retry-After"] = str(math.ceil(wait.total_seconds()))
        return response
    # Counted before the password is checked, so that attempts at the same moment count as well.
    context.failures.add(name, address, context.clock())
    user = check_password(context, name, request.form.get("password", ""), address)
    if user is None:
        return login_page("The name or the password is wrong.", name, 401)
    context.failures.forget(name, address)
    return start_session(context, user)


def check_password(context: WebContext, name: str, password: str, address: str) -> User | None:
    """The user, if the password is right; the outcome is written into the audit log."""
    with context.password_checks, reading(context.engine) as connection:
        right = users.verify(connection, name, password)
    with context.engine.begin() as connection:
        user = users.find(connection, name)
        if right and user is not None:
            append(connection, Event(name, "login", name), context.clock())
            return user
        # People type their password into the wrong field: only names that exist are written down.
        actor = user.name if user else UNKNOWN_ACTOR
        append(connection, Event(actor, "login-failed", actor, details={"address": address}), context.clock())
    return None


def start_session(context: WebContext, user: User) -> Response:
    context.sessions.close(request.cookies.get(SESSION_COOKIE, ""))
    identifier, _ = context.sessions.open(user.name, user.role, context.clock())
    response = redirect(safe_next(request.args.get("next", "")))
    set_cookie(response, SESSION_COOKIE, identifier)
    response.delete_cookie(LOGIN_COOKIE, secure=True, httponly=True, samesite="Strict")
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
        "login.html", csrf_token=token, problem=problem, name=name, next_page=request.args.get("next", "")
    )
    response = make_response(page, status)
    set_cookie(response, LOGIN_COOKIE, token)
    return response


def set_cookie(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=LIFETIME, secure=True, httponly=True, samesite="Strict", path="/")
