"""Which periods a schedule reports: whole days of the site, one after the other, each due once it is over.

Nothing is remembered between two calls: what is due follows from the schedule and the present alone.
"""

import itertools
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appliance.report_schedule import ReportSchedule, parse_cron

DAY = timedelta(days=1)
# When in the first day after a period its report is built.
HOUR = time(0, 30)
# How far back a cron line's past times are looked for.
CRON_DAYS = 400
MONTHS_OF = {"month": 1, "quarter": 3}


def finished_periods(schedule: ReportSchedule, now: datetime, zone: ZoneInfo) -> Iterator[tuple[date, date]]:
    """First and last days of the periods that are due at `now`, the newest first, without end or to a year ago.

    Weeks begin on Monday (ISO 8601), quarters in January, April, July and October. At each time of a cron line the days
    since its last time are reported, up to the day before; several times on one day are one.
    """
    if schedule.every is None:
        return _between(_cron_days(schedule.cron, now, zone))
    return _every(schedule.every, now.astimezone(zone).date())


def next_due(schedule: ReportSchedule, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the next report is due; None where a cron line has no time any more."""
    if schedule.every is None:
        due: datetime | None = parse_cron(schedule.cron, zone).get_next_fire_time(None, now)
        return due
    today = now.astimezone(zone).date()
    days = (today + DAY * number for number in itertools.count())
    due_at = (datetime.combine(day, HOUR, zone) for day in days if _begin(schedule.every, day) == day)
    return next(each for each in due_at if each > now)


def _every(every: str, today: date) -> Iterator[tuple[date, date]]:
    """From the period before today's backwards."""
    begin = _begin(every, today)
    while True:
        last = begin - DAY
        begin = _begin(every, last)
        yield begin, last


def _begin(every: str, day: date) -> date:
    """The first day of the period that holds `day`."""
    if every == "day":
        return day
    if every == "week":
        return day - DAY * day.weekday()
    months = MONTHS_OF[every]
    return day.replace(month=(day.month - 1) // months * months + 1, day=1)


def _cron_days(line: str, now: datetime, zone: ZoneInfo) -> list[date]:
    """The site's days with a time of the cron line that is not after `now`, in order."""
    trigger = parse_cron(line, zone)
    days: list[date] = []
    since = now.astimezone(zone) - DAY * CRON_DAYS
    while (due := trigger.get_next_fire_time(None, since)) is not None and due <= now:
        day = due.astimezone(zone).date()
        days.append(day)
        since = datetime.combine(day + DAY, time(), zone)
    return days


def _between(days: list[date]) -> Iterator[tuple[date, date]]:
    for first, following in reversed(list(itertools.pairwise(days))):
        yield first, following - DAY
