"""Which reports are built by themselves, on the page of reports, and a choice where the settings file says nothing."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance.language import NAMES, marked
from appliance.report_schedule import ReportSchedule
from appliance.reports.build import BuiltReport
from appliance.reports.delivery import for_reports
from appliance.reports.due import next_due
from appliance.settings import Settings
from appliance.storage.answers import SCHEDULES
from appliance.web.context import WebContext
from appliance.web.guide import SCHEDULE_WORDS, fixed_by, keep_answer
from appliance.web.roles import Permission, allows
from appliance.web.wording import gettext, translated
from appliance.web.words import days, moment

blueprint = Blueprint("schedule_list", __name__)

EVERY_WORDS = {
    "day": marked("each day"),
    "week": marked("each week"),
    "month": marked("each month"),
    "quarter": marked("each quarter"),
}


@dataclass(frozen=True)
class ScheduleRow:
    """One schedule: when it builds, when next, in which language, for whom, and the period of its newest report."""

    name: str
    when: str
    following: str
    language: str
    to: str
    newest: str


def schedule_rows(context: WebContext, built: tuple[BuiltReport, ...]) -> list[ScheduleRow]:
    """`built` are the reports, the newest first."""
    settings, now = context.settings, context.clock()
    return [_describe(settings, schedule, built, now) for schedule in settings.reports]


def _describe(
    settings: Settings, schedule: ReportSchedule, built: tuple[BuiltReport, ...], now: datetime
) -> ScheduleRow:
    zone = settings.site.zone
    following = next_due(schedule, now, zone)
    newest = next((each for each in built if each.schedule == schedule.name), None)
    everywhere = tuple(each.name for each in for_reports(settings.destinations))
    return ScheduleRow(
        name=schedule.name,
        when=gettext(EVERY_WORDS[schedule.every]) if schedule.every else schedule.cron,
        following=moment(following, zone) if following else "",
        language=NAMES[schedule.language or settings.site.language],
        to=", ".join(schedule.destinations or everywhere),
        newest=days(newest.first, newest.last) if newest else "",
    )


def choices(context: WebContext) -> dict[str, str]:
    """What may be chosen on the page; nothing where the settings file says when."""
    if "reports" in fixed_by(context.filed or context.settings):
        return {}
    return {key: translated(words) for key, words in SCHEDULE_WORDS.items()}


def chosen(context: WebContext) -> str:
    """What holds, of `choices`."""
    present = context.settings.reports
    return next((key for key, schedules in SCHEDULES.items() if schedules == present), "month")


@blueprint.post("/reports/schedule")
@allows(Permission.ADMINISTRATION)
def choose() -> Response:
    keep_answer(reports=request.form.get("reports", ""))
    return redirect(url_for("reports.show", _anchor="schedules"))
