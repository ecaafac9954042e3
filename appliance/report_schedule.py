"""When reports are built by themselves: the settings' `[[reports]]`.

Cron lines are those of crontab(5): minute, hour, day of the month, month, day of the week.
"""

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from msgspec import Meta

# Cron's numbers of the days of the week; APScheduler's begin with Monday.
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


class ReportSchedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reports that are built by themselves: `every` day, week, month or quarter, or at the times of a `cron` line.

    `language` is that of the report, empty for the site's. `destinations` are where it is sent; empty for all that take
    reports.
    """

    name: Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}$")] = "monthly"
    every: Literal["day", "week", "month", "quarter"] | None = None
    cron: str = ""
    language: Literal["", "en", "de", "fr", "es"] = ""
    destinations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.every is None) == (not self.cron):
            raise ValueError(f"the reports {self.name} need either every or cron")
        if self.cron:
            parse_cron(self.cron, ZoneInfo("UTC"))


def parse_cron(line: str, zone: ZoneInfo) -> Any:
    """An APScheduler trigger; where both the day of the month and that of the week are restricted, either will do.

    Raises `ValueError` for what is no cron line.
    """
    fields = line.split()
    if len(fields) != 5:
        raise ValueError(f"{line!r} is no cron line: it has five fields, such as 30 6 * * 1")
    minute, hour, day, month, weekday = fields
    try:
        times = {"minute": minute, "hour": hour, "month": month, "timezone": zone}
        by_day = CronTrigger(day=day, **times)
        by_weekday = CronTrigger(day_of_week=_weekdays(weekday.lower()), **times)
    except ValueError as error:
        raise ValueError(f"{line!r} is no cron line: {error}") from error
    if weekday == "*":
        return by_day
    return by_weekday if day == "*" else OrTrigger([by_day, by_weekday])


def _weekdays(field: str) -> str:
    """The days by name, each by itself: `1-5` is `mon,tue,wed,thu,fri`."""
    if field == "*":
        return field
    found: list[str] = []
    for part in field.split(","):
        ends = re.fullmatch(r"([0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?", part)
        if not ends:
            raise ValueError(f"{part!r} is no day of the week")
        first, last = _number(ends[1]), _number(ends[2] or ends[1])
        if last < first:
            # Sunday is the seventh day, too.
            last += 7
        found += [WEEKDAYS[number % 7] for number in range(first, last + 1)]
    return ",".join(dict.fromkeys(found))


def _number(day: str) -> int:
    if day.isdigit():
        return int(day)
    if day not in WEEKDAYS:
        raise ValueError(f"{day!r} is no day of the week")
    return WEEKDAYS.index(day)
