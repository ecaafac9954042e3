"""The first start: five steps that lead an administrator from an empty site to the first count.

How far it has come is seen from the site itself, so that it can be left and resumed at any time, on any device.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import available_timezones

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.errors import UsageError
from appliance.language import marked
from appliance.settings import Settings, Site
from appliance.storage import answers, cameras, users
from appliance.storage.answers import Answers
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.web.context import WebContext, this_context
from appliance.web.roles import Permission, allows, may
from appliance.web.security import this_session
from appliance.web.wording import gettext, told, translated

blueprint = Blueprint("guide", __name__)

SUBJECT = "first start"
SCHEDULE_WORDS = {
    "month": marked("Each month"),
    "week": marked("Each week"),
    "quarter": marked("Each quarter"),
    "none": marked("Not by themselves"),
}


@dataclass(frozen=True)
class Step:
    """One step: `done` says so, and `found` what there is."""

    key: str
    title: str
    done: bool
    found: str = ""


@blueprint.get("/first-start")
@allows(Permission.ADMINISTRATION)
def show() -> str:
    context, session = this_context(), this_session()
    with reading(context.engine) as connection:
        given, known = answers.read(connection), cameras.list_cameras(connection)
        factor = users.need(connection, session.user).has_second_factor
    steps = steps_of(context.settings, given, known, session.user)
    return render_template(
        "guide.html",
        steps=steps,
        present=next((step.key for step in steps if not step.done), ""),
        known=known,
        bare=next((camera.name for camera in known if not camera.lines), known[0].name if known else ""),
        factor=factor,
        zones=sorted(available_timezones()),
        name="" if context.settings.site.name == Site().name else context.settings.site.name,
        timezone=context.settings.site.timezone,
        reports=given.reports or "month",
        own_schedules=bool(given.schedules),
        schedules={key: translated(words) for key, words in SCHEDULE_WORDS.items()},
        fixed=fixed_by(context.filed or context.settings),
    )


@blueprint.post("/first-start/site")
@allows(Permission.ADMINISTRATION)
def name_site() -> Response:
    form = request.form
    return answer(name=form.get("name", "").strip(), timezone=form.get("timezone", "").strip())


@blueprint.post("/first-start/reports")
@allows(Permission.ADMINISTRATION)
def choose_reports() -> Response:
    return answer(reports=request.form.get("reports", ""))


@blueprint.post("/first-start/finish")
@allows(Permission.ADMINISTRATION)
def finish() -> Response:
    """Nobody is led here any more; the page itself stays."""
    answer(finished="yes")
    return redirect(url_for("today.show"))


def answer(**given: str) -> Response:
    keep_answer(**given)
    return redirect(url_for("guide.show"))


def keep_answer(**given: str) -> None:
    """Keep the answers, write them down, and work with them from now on; the session is told what is wrong with one."""
    context, session = this_context(), this_session()
    try:
        with context.engine.begin() as connection:
            now = replace(answers.read(connection), **given)
            answers.write(connection, now)
            details: dict[str, str | int] = {"change": ", ".join(f"{key} {value}" for key, value in given.items())}
            append(connection, Event(session.user, "settings-changed", SUBJECT, "configuration", details=details))
    except UsageError as problem:
        session.say("warn", told(problem))
    else:
        context.take_answers(now)


def steps_of(settings: Settings, given: Answers, known: Sequence[Camera], user: str) -> tuple[Step, ...]:
    """The steps in their order; `user` is who is logged in, with a password of their own."""
    site, drawn = settings.site, [camera.name for camera in known if camera.lines or camera.zones]
    named = bool(given.timezone) or site != Site()
    scheduled = bool(given.reports or given.schedules) or settings.reports != Settings().reports
    return (
        Step("site", gettext("Site and time zone"), named, f"{site.name}, {site.timezone}" if named else ""),
        Step("administrator", gettext("Administrator"), True, user),
        Step("camera", gettext("First camera"), bool(known), ", ".join(camera.name for camera in known)),
        Step("line", gettext("First line"), bool(drawn), ", ".join(drawn)),
        Step("reports", gettext("Report schedule"), scheduled, describe_reports(settings) if scheduled else ""),
    )


def fixed_by(filed: Settings) -> frozenset[str]:
    """Which answers would change nothing, since the settings file says something else than the default."""
    default, found = Site(), set[str]()
    if filed.site.name != default.name:
        found.add("name")
    if filed.site.timezone != default.timezone:
        found.add("timezone")
    if filed.reports != Settings().reports:
        found.add("reports")
    return frozenset(found)


def describe_reports(settings: Settings) -> str:
    names = ", ".join(schedule.name for schedule in settings.reports)
    return names or translated(SCHEDULE_WORDS["none"])


def steps_left(context: WebContext) -> int:
    """How many steps are to be done; 0 for whoever may not do them, and once somebody has said that it is enough."""
    session = this_session()
    if context.guided.is_set() or not may(session.role, Permission.ADMINISTRATION):
        return 0
    with reading(context.engine) as connection:
        given, known = answers.read(connection), cameras.list_cameras(connection)
    left = sum(not step.done for step in steps_of(context.settings, given, known, session.user))
    if given.finished or not left:
        context.guided.set()
        return 0
    return left
