"""What somebody answered on the page when the site was set up. It holds where the settings file says nothing else."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args
from zoneinfo import available_timezones

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from appliance.errors import UsageError
from appliance.language import marked
from appliance.report_schedule import ReportSchedule
from appliance.settings import Processing, Settings, Site
from appliance.storage.tables import site as site_table

Reports = Literal["", "none", "week", "month", "quarter"]
REPORTS: tuple[Reports, ...] = get_args(Reports)
SCHEDULES = {
    "none": (),
    "week": (ReportSchedule(name="weekly", every="week"),),
    "month": (ReportSchedule(name="monthly", every="month"),),
    "quarter": (ReportSchedule(name="quarterly", every="quarter"),),
}
MOST_SCHEDULES = 20
LONGEST_NAME = 120
LONGEST_TEXT = 500
# What the site states of its processing; the settings' names, in [site] and in [processing].
STATED_SITE = ("controller", "contact")
STATED = ("data_protection_officer", "purposes", "legal_basis", "recipients", "notice_url")
# How the answers are called among the site's facts.
PREFIX = "answer:"


class AnswerUnusable(UsageError):
    """An answer that makes no sense; the message says what to give."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Empty is not answered. `finished` is "yes" when nobody is to be guided any more.

    `schedules` are those that were set up on the page of reports, as JSON (`schedules_text`); they go before `reports`,
    the choice of the guided set-up.
    """

    name: str = ""
    timezone: str = ""
    reports: str = ""
    finished: str = ""
    controller: str = ""
    contact: str = ""
    data_protection_officer: str = ""
    purposes: str = ""
    legal_basis: str = ""
    recipients: str = ""
    notice_url: str = ""
    schedules: str = ""


def schedules_text(schedules: tuple[ReportSchedule, ...]) -> str:
    """For `Answers.schedules`."""
    return msgspec.json.encode(schedules).decode()


def read(connection: Connection) -> Answers:
    query = select(site_table.c.name, site_table.c.value).where(site_table.c.name.startswith(PREFIX))
    found = {row.name.removeprefix(PREFIX): row.value for row in connection.execute(query)}
    return Answers(**{name: found[name] for name in Answers.__slots__ if name in found})


def write(connection: Connection, answers: Answers) -> None:
    """Raises `AnswerUnusable`."""
    if len(answers.name) > LONGEST_NAME or not answers.name.isprintable() or answers.name != answers.name.strip():
        raise AnswerUnusable(f"A site's name has at most {LONGEST_NAME} printable characters.")
    if answers.timezone and answers.timezone not in available_timezones():
        raise AnswerUnusable("There is no such time zone; use one like Europe/Paris.")
    if answers.reports not in REPORTS:
        raise AnswerUnusable("Reports are built each week, month or quarter, or not at all.")
    if answers.schedules:
        _check_schedules(answers.schedules)
    for name in (*STATED_SITE, *STATED):
        text = getattr(answers, name)
        if len(text) > LONGEST_TEXT or not text.isprintable() or text != text.strip():
            raise AnswerUnusable(
                marked("Please use at most %(number)s printable characters in one line."), number=LONGEST_TEXT
            )
    try:
        Processing(notice_url=answers.notice_url)
    except ValueError as error:
        raise AnswerUnusable(marked("The notice's address begins with %(beginning)s."), beginning="https://") from error
    for name, value in asdict(answers).items():
        statement = insert(site_table).values(name=PREFIX + name, value=value)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def _check_schedules(text: str) -> None:
    """Raises `AnswerUnusable`."""
    try:
        schedules = _schedules(text)
    except ValueError as error:
        raise AnswerUnusable(f"These schedules can't be kept: {error}.") from error
    if len(schedules) > MOST_SCHEDULES:
        raise AnswerUnusable(marked("There are %(number)s schedules at most."), number=MOST_SCHEDULES)
    if len({each.name for each in schedules}) < len(schedules):
        raise AnswerUnusable(marked("There is a schedule of this name already; choose another name."))


def _schedules(text: str) -> tuple[ReportSchedule, ...]:
    """Raises `ValueError`."""
    return msgspec.json.decode(text, type=tuple[ReportSchedule, ...])


def answered(settings: Settings, answers: Answers) -> Settings:
    """The settings with the answers, each where the settings file leaves its field at the default."""
    default, site = Site(), settings.site
    if answers.name and site.name == default.name:
        site = msgspec.structs.replace(site, name=answers.name)
    if answers.timezone and site.timezone == default.timezone:
        site = msgspec.structs.replace(site, timezone=answers.timezone)
    said = {name: text for name in STATED_SITE if (text := getattr(answers, name)) and not getattr(site, name)}
    site = msgspec.structs.replace(site, **said)
    processing = settings.processing
    said = {name: text for name in STATED if (text := getattr(answers, name)) and not getattr(processing, name)}
    processing = msgspec.structs.replace(processing, **said)
    schedules = settings.reports
    if schedules == Settings().reports:
        if answers.schedules:
            # A destination that has gone since is named still: without its name the report would go to all of them.
            schedules = _schedules(answers.schedules)
        elif answers.reports:
            schedules = SCHEDULES[answers.reports]
    return msgspec.structs.replace(settings, site=site, processing=processing, reports=schedules)
