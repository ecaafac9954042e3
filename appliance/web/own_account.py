"""What everybody may do with their own account: change the password, see and end sessions, set up a second factor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from appliance.audit.log import Action, Event, append
from appliance.language import marked
from appliance.storage import second_factor, users
from appliance.storage.database import reading
from appliance.web.context import WebContext, this_context
from appliance.web.guide import steps_left
from appliance.web.roles import Permission, allows, may
from appliance.web.security import this_session
from appliance.web.sessions import Session, Tone
from appliance.web.wording import gettext
from appliance.web.words import moment

T = TypeVar("T")

blueprint = Blueprint("own_account", __name__)

WRONG_PASSWORD = marked("Your present password is wrong; nothing was changed.")


@dataclass(frozen=True)
class SessionRow:
    key: str
    opened: str
    last_used: str
    address: str
    is_this: bool


@blueprint.get("/account")
@allows(Permission.OWN_ACCOUNT)
def show() -> str:
    return page()


@blueprint.post("/account/password")
@allows(Permission.OWN_ACCOUNT)
def change_password() -> Response | str:
    context, session = this_context(), this_session()
    if not knows_password(context, session):
        return back("bad", gettext(WRONG_PASSWORD))
    password = request.form.get("new", "")
    if password != request.form.get("again", ""):
        return back("bad", gettext("The two new passwords differ; nothing was changed."))
    if password == request.form.get("password", ""):
        return back("bad", gettext("The new password is the old one; choose another."))
    try:
        change(context, "password-changed", lambda connection: users.set_password(connection, session.user, password))
    except (users.PasswordTooShort, users.PasswordGuessable) as error:
        return back("bad", str(error))
    first, session.awaits = session.awaits == "password", ""
    if first and may(session.role, Permission.ADMINISTRATION) and steps_left(context):
        return redirect(url_for("guide.show"))
    return back("good", gettext("Your password is changed. Other browsers were logged out."))


@blueprint.post("/account/session/end")
@allows(Permission.OWN_ACCOUNT)
def end_session() -> Response:
    """One of one's own other sessions, or all of them."""
    context, session = this_context(), this_session()
    key = request.form.get("key", "")
    if key == session.key:
        return back("warn", gettext("That is this browser; log out instead."))
    sessions = context.sessions
    ended = sessions.close_one_of(session.user, key) if key else sessions.close_all_of(session.user, session)
    with context.engine.begin() as connection:
        append(
            connection, Event(session.user, "sessions-ended", session.user, details={"times": ended}), context.clock()
        )
    return back(
        "good", gettext("The other browser is logged out.") if key else gettext("All other browsers are logged out.")
    )


@blueprint.post("/account/second-factor")
@allows(Permission.OWN_ACCOUNT)
def begin_second_factor() -> Response | str:
    """Show the secret; nothing changes until a code proves that the device has it."""
    context, session = this_context(), this_session()
    if not knows_password(context, session):
        return back("bad", gettext(WRONG_PASSWORD))
    session.secret = second_factor.new_secret()
    return page()


@blueprint.post("/account/second-factor/confirm")
@allows(Permission.OWN_ACCOUNT)
def confirm_second_factor() -> Response | str:
    context, session = this_context(), this_session()
    if not session.secret:
        return back("warn", gettext("Please begin again."))
    step = second_factor.matching_step(session.secret, request.form.get("code", ""), context.clock())
    if step is None:
        return page(gettext("That code is wrong. Look whether the device's clock is right, and try the next code."))
    secret, session.secret = session.secret, ""
    user = session.user
    codes = change(
        context, "second-factor-on", lambda connection: second_factor.turn_on(connection, user, secret, step)
    )
    return page(codes=codes)


@blueprint.post("/account/second-factor/off")
@allows(Permission.OWN_ACCOUNT)
def end_second_factor() -> Response:
    context, session = this_context(), this_session()
    if not knows_password(context, session):
        return back("bad", gettext(WRONG_PASSWORD))
    session.secret = ""
    change(context, "second-factor-off", lambda connection: second_factor.turn_off(connection, session.user))
    return back("good", gettext("The second factor is off. Other browsers were logged out."))


def page(problem: str = "", codes: tuple[str, ...] = ()) -> str:
    context, session = this_context(), this_session()
    with reading(context.engine) as connection:
        user = users.need(connection, session.user)
        left = second_factor.codes_left(connection, session.user)
    return render_template(
        "account.html",
        user=user,
        sessions=describe_sessions(context, session),
        one_time=session.awaits == "password",
        shortest=users.SHORTEST_PASSWORD,
        secret=" ".join(session.secret[at : at + 4] for at in range(0, len(session.secret), 4)),
        drawing=draw_code(context, session) if session.secret else "",
        problem=problem,
        codes=codes,
        codes_left=left,
    )


def describe_sessions(context: WebContext, session: Session) -> list[SessionRow]:
    zone = context.settings.site.zone
    return [
        SessionRow(each.key, moment(each.opened, zone), moment(each.last_used, zone), each.address, each is session)
        for each in context.sessions.of_user(session.user, context.clock())
        if each.awaits != "code"
    ]


def draw_code(context: WebContext, session: Session) -> Markup:
    """The QR code of the secret as SVG within the page, dark on light in either theme, for cameras need that."""
    address = second_factor.address_of(session.secret, session.user, f"Veilsight {context.settings.site.name}")
    drawing = segno.make(address, micro=False).svg_inline(omitsize=True, light="#fff", border=3, svgclass="qr")
    return Markup(drawing)  # noqa: S704 - drawn by segno, which puts no text into it


def knows_password(context: WebContext, session: Session) -> bool:
    """Whether the form has the user's present password; guesses count as failed log-ins do."""
    address = request.remote_addr or ""
    if context.failures.wait(session.user, address, context.clock()):
        return False
    context.failures.add(session.user, address, context.clock())
    with context.password_checks, reading(context.engine) as connection:
        right = users.verify(connection, session.user, request.form.get("password", ""))
    if right:
        context.failures.forget(session.user, address)
    return right


def change(context: WebContext, action: Action, work: Callable[[Connection], T]) -> T:
    """Change what one logs in with, write it down, and end every other session that began with what was before."""
    session = this_session()
    with context.engine.begin() as connection:
        result = work(connection)
        append(connection, Event(session.user, action, session.user), context.clock())
        session.stamp = users.need(connection, session.user).stamp
    context.sessions.close_all_of(session.user, session)
    return result


def back(tone: Tone, text: str) -> Response:
    this_session().say(tone, text)
    return redirect(url_for("own_account.show"))
