"""Which reports are built by themselves, on the page of reports, and the form to change one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from appliance.language import NAMES, marked
from appliance.report_schedule import ReportSchedule
from appliance.reports.build import BuiltReport
from appliance.reports.delivery import for_reports
from appliance.reports.due import next_due
from appliance.settings import Settings
from appliance.web.context import WebContext
from appliance.web.guide import fixed_by
from appliance.web.wording import gettext, translated
from appliance.web.words import days, moment

EVERY_WORDS = {
    "day": marked("each day"),
    "week": marked("each week"),
    "month": marked("each month"),
    "quarter": marked("each quarter"),
}
CRON = "cron"
RULE_WORDS = {
    "day": marked("Each day"),
    "week": marked("Each week"),
    "month": marked("Each month"),
    "quarter": marked("Each quarter"),
    CRON: marked("At the times of a cron line"),
}
# To all destinations that take reports, whatever they are then; or to those that are ticked.
EVERYWHERE, ONLY = "all", "only"


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
    named = [
        each if each in everywhere else gettext("%(name)s (no longer there)", name=each)
        for each in schedule.destinations
    ]
    return ScheduleRow(
        name=schedule.name,
        when=gettext(EVERY_WORDS[schedule.every]) if schedule.every else schedule.cron,
        following=moment(following, zone) if following else "",
        language=NAMES[schedule.language or settings.site.language],
        to=", ".join(named or everywhere),
        newest=days(newest.first, newest.last) if newest else "",
    )


def is_fixed(context: WebContext) -> bool:
    """Whether the settings file says which reports are built, so that nothing can be changed here."""
    return "reports" in fixed_by(context.filed or context.settings)


@dataclass(frozen=True)
class ScheduleForm:
    """What somebody typed, or what a schedule is. `is_new` is one that is not there yet."""

    name: str = ""
    rule: str = "week"
    cron: str = ""
    language: str = ""
    to: str = EVERYWHERE
    destinations: tuple[str, ...] = ()
    is_new: bool = True
    problem: str = ""

    @classmethod
    def of(cls, schedule: ReportSchedule) -> Self:
        return cls(
            schedule.name,
            schedule.every or CRON,
            schedule.cron,
            schedule.language,
            ONLY if schedule.destinations else EVERYWHERE,
            schedule.destinations,
            is_new=False,
        )


def form_of(context: WebContext, name: str) -> ScheduleForm:
    """The schedule of this name to be changed, else an empty form for a new one."""
    found = (ScheduleForm.of(each) for each in context.settings.reports if each.name == name)
    return next(found, ScheduleForm())


def form_words(context: WebContext) -> dict[str, Any]:
    """What the form offers."""
    return {
        "rules": {name: translated(words) for name, words in RULE_WORDS.items()},
        "languages": {"": gettext("The site's language"), **NAMES},
        "places": [each.name for each in for_reports(context.settings.destinations)],
    }
