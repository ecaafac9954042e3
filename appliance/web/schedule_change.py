"""Report schedules are added, changed and removed on the page, where the settings file says nothing of them.

They are kept beside the answers of the guided set-up. Destinations stay in the settings file: they say what may leave
the site, and whoever may use the page shall not be able to add one.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import msgspec
from flask import Blueprint, redirect, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.errors import UsageError
from appliance.language import marked
from appliance.report_schedule import ReportSchedule, parse_cron
from appliance.reports.delivery import for_reports
from appliance.settings import Settings
from appliance.storage import answers
from appliance.storage.answers import answered, schedules_text
from appliance.web.context import WebContext, this_context
from appliance.web.reports import page
from appliance.web.roles import Permission, allows
from appliance.web.schedule_list import CRON, ONLY, RULE_WORDS, ScheduleForm, is_fixed
from appliance.web.security import this_session
from appliance.web.wording import gettext, told

blueprint = Blueprint("schedule_change", __name__, url_prefix="/reports/schedules")

SUBJECT = "report schedules"
NAME = re.compile("[a-z0-9-]{1,40}")

Schedules = tuple[ReportSchedule, ...]


class ScheduleUnusable(UsageError):
    """What was typed makes no schedule; the message says what to type."""


@blueprint.post("")
@allows(Permission.ADMINISTRATION)
def save() -> Response | str | tuple[str, int]:
    """Add the schedule, or change the one of this name."""
    context = this_context()
    form = read_form(request.form)
    try:
        schedule = make(form, context.settings)
        _change(context, lambda before: _with(before, schedule, form.is_new), f"{describe(schedule)}")
    except UsageError as problem:
        return page(replace(form, problem=told(problem))), 400
    this_session().say("good", gettext("The schedule %(name)s is kept.", name=schedule.name))
    return redirect(url_for("reports.show", _anchor="schedules"))


@blueprint.post("/remove")
@allows(Permission.ADMINISTRATION)
def remove() -> Response:
    """What it has built stays."""
    context, session, name = this_context(), this_session(), request.form.get("name", "")
    try:
        _change(context, lambda before: _without(before, name), f"removed {name}")
    except UsageError as problem:
        session.say("warn", told(problem))
    else:
        session.say("good", gettext("The schedule %(name)s is removed.", name=name))
    return redirect(url_for("reports.show", _anchor="schedules"))


def read_form(form: MultiDict[str, str]) -> ScheduleForm:
    def text(name: str) -> str:
        return form.get(name, "").strip()

    return ScheduleForm(
        text("name"),
        text("rule"),
        " ".join(text("cron").split()),
        text("language"),
        text("to"),
        tuple(form.getlist("destination")),
        is_new=text("change") != "yes",
    )


def make(form: ScheduleForm, settings: Settings) -> ReportSchedule:
    """The schedule of what was typed. Raises `ScheduleUnusable`."""
    if not NAME.fullmatch(form.name):
        raise ScheduleUnusable(marked("A schedule's name has small letters, digits and hyphens, 40 at most."))
    if form.rule not in RULE_WORDS:
        raise ScheduleUnusable(marked("Please choose when the report is built."))
    places = {each.name for each in for_reports(settings.destinations)}
    destinations = tuple(each for each in dict.fromkeys(form.destinations) if each in places)
    if form.to == ONLY and not destinations:
        # None would mean all of them.
        raise ScheduleUnusable(marked("Please tick a destination, or choose all of them."))
    rule = {"cron": _cron(form.cron)} if form.rule == CRON else {"every": form.rule}
    given = {"name": form.name, "language": form.language, **rule}
    try:
        return msgspec.convert({**given, "destinations": destinations if form.to == ONLY else ()}, ReportSchedule)
    except msgspec.ValidationError as error:
        raise ScheduleUnusable(f"This is no schedule: {error}.") from error


def _cron(line: str) -> str:
    """Raises `ScheduleUnusable`."""
    try:
        parse_cron(line, ZoneInfo("UTC"))
    except ValueError as error:
        raise ScheduleUnusable(
            marked(
                "This is no cron line: write minute, hour, day of the month, month and day of the week, such as "
                "30 6 * * 1 for Mondays at half past six."
            )
        ) from error
    return line


def describe(schedule: ReportSchedule) -> str:
    """For the audit log."""
    when = f"each {schedule.every}" if schedule.every else f"at {schedule.cron}"
    language = f", in {schedule.language}" if schedule.language else ""
    return f"{schedule.name} {when}{language}, to {', '.join(schedule.destinations) or 'all destinations'}"


def _with(before: Sequence[ReportSchedule], schedule: ReportSchedule, is_new: bool) -> Schedules:
    """Raises `ScheduleUnusable` for a new one whose name is taken; one that has gone meanwhile is added again."""
    names = [each.name for each in before]
    if schedule.name not in names:
        return (*before, schedule)
    if is_new:
        raise ScheduleUnusable(marked("There is a schedule of this name already; choose another name."))
    return tuple(schedule if each.name == schedule.name else each for each in before)


def _without(before: Schedules, name: str) -> Schedules:
    """Raises `ScheduleUnusable` where somebody else has removed it meanwhile."""
    left = tuple(each for each in before if each.name != name)
    if left == before:
        raise ScheduleUnusable(marked("There is no schedule of this name any more."))
    return left


def _change(context: WebContext, work: Callable[[Schedules], Schedules], change: str) -> None:
    """Keep what the work makes of the present schedules, write it down, and work with it from now on.

    Raises a `UsageError`, and changes nothing then.
    """
    if is_fixed(context):
        raise ScheduleUnusable(marked("The settings file says which reports are built; change it there."))
    with context.engine.begin() as connection:
        given = answers.read(connection)
        before = answered(context.filed or context.settings, given).reports
        now = replace(given, schedules=schedules_text(work(before)))
        answers.write(connection, now)
        details: dict[str, str | int] = {"change": change}
        event = Event(this_session().user, "settings-changed", SUBJECT, "configuration", details=details)
        append(connection, event, context.clock())
    context.take_answers(now)
