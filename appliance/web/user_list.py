"""The page of users: who may log in and as what, for administrators."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.language import marked
from appliance.storage import second_factor, users
from appliance.storage.database import reading
from appliance.storage.users import ONE_TIME, Role, User
from appliance.web.account import readable_password
from appliance.web.context import WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.sessions import Tone
from appliance.web.wording import gettext
from appliance.web.words import moment

blueprint = Blueprint("user_list", __name__)

ROLE_WORDS = {
    Role.MANAGER: marked("numbers and reports"),
    Role.VIEWER: marked("live pictures, and whether the cameras work"),
    Role.INSTALLER: marked("cameras and live pictures"),
    Role.AUDITOR: marked("the audit log and the reports"),
    Role.ADMINISTRATOR: marked("everything"),
}


@dataclass(frozen=True)
class UserRow:
    name: str
    role: Role
    since: str
    expires: str
    has_second_factor: bool
    sessions: int
    is_self: bool


@dataclass(frozen=True)
class Fresh:
    """A password that was just made, to be shown this once."""

    name: str
    password: str


@blueprint.get("/system/users")
@allows(Permission.ADMINISTRATION)
def show() -> str:
    return page()


@blueprint.post("/system/users")
@allows(Permission.ADMINISTRATION)
def add() -> Response | str:
    """A new user with a password that is good for one log-in within a week."""
    context = this_context()
    name, role = request.form.get("name", "").strip(), request.form.get("role", "")
    if role not in set(Role):
        return back("warn", gettext("Please choose a role."))
    password = readable_password()

    def work(connection: Connection) -> Event:
        users.add(connection, name, password, Role(role), context.clock())
        users.set_password(connection, name, password, context.clock() + ONE_TIME)
        return Event(this_session().user, "user-added", name, details={"role": role})

    return change(work, lambda: page(Fresh(name, password)))


@blueprint.post("/system/users/role")
@allows(Permission.ADMINISTRATION)
def change_role() -> Response | str:
    name, role = request.form.get("name", ""), request.form.get("role", "")
    if role not in set(Role):
        return back("warn", gettext("Please choose a role."))

    def work(connection: Connection) -> Event:
        users.set_role(connection, name, Role(role))
        return Event(this_session().user, "role-changed", name, details={"role": role})

    def done() -> Response:
        for session in this_context().sessions.of_user(name, this_context().clock()):
            session.role = Role(role)
        return back("good", gettext("The role of %(name)s is %(role)s now.", name=name, role=gettext(role)))

    return change(work, done)


@blueprint.post("/system/users/password")
@allows(Permission.ADMINISTRATION)
def renew_password() -> Response | str:
    """A new password for somebody who forgot theirs, good for one log-in within a week."""
    context, name, password = this_context(), request.form.get("name", ""), readable_password()
    if name == this_session().user:
        return back("warn", gettext("Change your own password on the page of your account."))

    def work(connection: Connection) -> Event:
        users.set_password(connection, name, password, context.clock() + ONE_TIME)
        return Event(this_session().user, "password-changed", name)

    def done() -> str:
        context.sessions.close_all_of(name)
        return page(Fresh(name, password))

    return change(work, done)


@blueprint.post("/system/users/second-factor")
@allows(Permission.ADMINISTRATION)
def end_second_factor() -> Response | str:
    """For somebody who lost the device and the recovery codes."""
    name = request.form.get("name", "")

    def work(connection: Connection) -> Event:
        users.need(connection, name)
        second_factor.turn_off(connection, name)
        return Event(this_session().user, "second-factor-off", name)

    return change(work, lambda: signed_out(name, gettext("%(name)s logs in by the password alone now.", name=name)))


@blueprint.post("/system/users/sign-out")
@allows(Permission.ADMINISTRATION)
def sign_out() -> Response | str:
    """End every session of a user."""
    name = request.form.get("name", "")

    def work(connection: Connection) -> Event:
        users.need(connection, name)
        return Event(this_session().user, "sessions-ended", name)

    return change(work, lambda: signed_out(name, gettext("%(name)s is logged out everywhere.", name=name)))


@blueprint.post("/system/users/remove")
@allows(Permission.ADMINISTRATION)
def remove() -> Response | str:
    name = request.form.get("name", "")
    if name == this_session().user:
        return back("warn", gettext("You can't remove yourself; ask another administrator."))

    def work(connection: Connection) -> Event:
        users.remove(connection, name)
        return Event(this_session().user, "user-removed", name)

    return change(work, lambda: signed_out(name, gettext("%(name)s may no longer log in.", name=name)))


def change(work: Callable[[Connection], Event], done: Callable[[], Response | str]) -> Response | str:
    """Do it and write it down in one transaction; what can't be done is said, and nothing is changed."""
    context = this_context()
    try:
        with context.engine.begin() as connection:
            event = work(connection)
            append(connection, event, context.clock())
    except (users.UserExists, users.UserUnknown, users.UserNameUnusable, users.LastAdministrator) as error:
        return back("warn", str(error))
    return done()


def signed_out(name: str, text: str) -> Response:
    session, sessions = this_session(), this_context().sessions
    sessions.close_all_of(name, session)
    return back("good", text)


def back(tone: Tone, text: str) -> Response:
    this_session().say(tone, text)
    return redirect(url_for("user_list.show"))


def page(fresh: Fresh | None = None) -> str:
    context = this_context()
    with reading(context.engine) as connection:
        found = users.list_users(connection)
    return render_template(
        "users.html",
        rows=[describe(context, user) for user in found],
        roles=ROLE_WORDS,
        fresh=fresh,
        days=ONE_TIME.days,
    )


def describe(context: WebContext, user: User) -> UserRow:
    zone = context.settings.site.zone
    expires = moment(user.password_expires, zone) if user.password_expires else ""
    open_sessions = len(context.sessions.of_user(user.name, context.clock()))
    since = moment(user.created, zone)
    is_self = user.name == this_session().user
    return UserRow(user.name, user.role, since, expires, user.has_second_factor, open_sessions, is_self)
