"""The days that a report is about, in the site's time zone."""

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appliance.errors import UsageError
from appliance.language import marked

# A single day is shown by the hour, a period longer than this by the month.
MOST_DAYS_BY_DAY = 92
LONGEST_DAYS = 366 * 5
# Days beyond these are a slip of the pen, and may not be computed with.
FIRST_YEAR, LAST_YEAR = 2000, 2999

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class PeriodError(UsageError):
    """The dates make no period that can be reported."""


@dataclass(frozen=True)
class Interval:
    """One row of a table of counts: from `start` to before `end`, both UTC."""

    label: str
    short: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Period:
    """From the first day to the last, both included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """The first moment, UTC."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment after the period, UTC."""
        return _midnight(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def hours(self) -> float:
        """Its true length: a day on which the clocks change has 23 or 25."""
        return (self.end - self.start).total_seconds() / 3600

    @property
    def unit(self) -> str:
        """`hour`, `day` or `month`: what one row of the counts stands for."""
        return "hour" if self.days == 1 else "day" if self.days <= MOST_DAYS_BY_DAY else "month"

    def local(self, moment: datetime) -> str:
        """The moment in the site's time zone, ISO 8601 to the second with the offset from UTC."""
        return moment.astimezone(self.zone).isoformat(timespec="seconds")

    def intervals(self) -> tuple[Interval, ...]:
        """The period cut into its units, in order, without gap or overlap."""
        edges = [*self._edges(), self.end]
        return tuple(self._interval(start, end) for start, end in itertools.pairwise(edges))

    def each_day(self) -> tuple[Interval, ...]:
        """The site's days, in order, each from midnight to midnight."""
        edges = [_midnight(self.first + timedelta(days=number), self.zone) for number in range(self.days + 1)]
        return tuple(Interval("", "", start, end) for start, end in itertools.pairwise(edges))

    def _edges(self) -> list[datetime]:
        if self.unit == "hour":
            return [self.start + timedelta(hours=hour) for hour in range(max(1, round(self.hours)))]
        days = [self.first + timedelta(days=number) for number in range(self.days)]
        if self.unit == "month":
            days = [day for number, day in enumerate(days) if number == 0 or day.day == 1]
        return [_midnight(day, self.zone) for day in days]

    def _interval(self, start: datetime, end: datetime) -> Interval:
        local = start.astimezone(self.zone)
        if self.unit == "hour":
            return Interval(local.strftime("%H:%M"), str(local.hour), start, end)
        if self.unit == "day":
            return Interval(local.date().isoformat(), str(local.day), start, end)
        return Interval(local.strftime("%Y-%m"), MONTHS[local.month - 1], start, end)


def make_period(first: date, last: date, zone: ZoneInfo, today: date) -> Period:
    """Check the dates. `today` is the day at the site; a report may be about it, though it isn't over.

    Raises `PeriodError`.
    """
    if last < first:
        raise PeriodError(
            marked("The period ends on %(last)s, before it begins on %(first)s; swap the two dates."),
            last=last,
            first=first,
        )
    if last > today:
        raise PeriodError(
            marked("The period ends on %(last)s, which is in the future; today is %(today)s at the site."),
            last=last,
            today=today,
        )
    if (last - first).days >= LONGEST_DAYS:
        raise PeriodError(
            marked("The period from %(first)s to %(last)s is longer than five years; choose a shorter one."),
            first=first,
            last=last,
        )
    return Period(first, last, zone)


def parse_date(text: str) -> date:
    """A date such as 2026-10-01. Raises `PeriodError`, also for years that nothing is counted in."""
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise PeriodError(marked("%(text)s is not a date; write it as 2026-10-01."), text=repr(text)) from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise PeriodError(
            marked("The year of %(text)s is not between %(first)s and %(last)s."),
            text=text,
            # As texts: a year has no comma among its digits.
            first=str(FIRST_YEAR),
            last=str(LAST_YEAR),
        )
    return found


def last_month(today: date) -> tuple[date, date]:
    """The first and last day of the month before that of `today`."""
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of the day, UTC. Where clocks jump over midnight the day begins at the jump."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
