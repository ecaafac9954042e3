"""Adds up the site's days that are over, so that long times are read quickly (`storage.daily_sums`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from appliance.metrics.floor import DWELL_BINS, PARKED_BINS
from appliance.reports.period import Period
from appliance.storage import daily_sums, hourly_sums, measurements
from appliance.storage.daily_sums import Day, Known, Total
from appliance.storage.database import reading

# A bucket may be stored late; a day that is added up too early is only added up twice.
SETTLED = timedelta(hours=1)
# A minute's work or a few; the rest waits for the next hour.
MOST_DAYS = 500
# The sums of days that follow each other are neighbours in the file. Others wait for a second or two meanwhile.
DAYS_AT_ONCE = 7
# What is asked for over years and has many bins.
LEFT = Total("dwell_of_all", "dwell", "vehicle", DWELL_BINS)
PARKED = Total("dwell_of_parked", "dwell", "vehicle", PARKED_BINS)
TOTALS = (LEFT, PARKED)


def days_of(period: Period) -> list[Day]:
    """The site's days of the period, each from midnight to midnight in UTC."""
    return [(day.start, day.end) for day in period.each_day()]


def sum_days(engine: Engine, zone: ZoneInfo, now: datetime, most: int = MOST_DAYS) -> int:
    """Add up the days that are over and have no sums, the newest first, a few in each transaction; returns how many."""
    with reading(engine) as connection:
        first = daily_sums.first_bucket(connection)
        if first is None:
            return 0
        begin, last = first.astimezone(zone).date(), (now.astimezone(UTC) - SETTLED).astimezone(zone).date()
        days = days_of(Period(begin, last - timedelta(days=1), zone)) if begin < last else []
        known = daily_sums.known(connection, days)
    missing = [day for day in reversed(days) if day not in known][:most]
    for number in range(0, len(missing), DAYS_AT_ONCE):
        with engine.begin() as connection:
            for day in missing[number : number + DAYS_AT_ONCE]:
                daily_sums.add_up(connection, day, TOTALS)
    return len(missing)


@dataclass(frozen=True)
class Marks:
    """The site's days of a period, in order, and what is known of those that are added up."""

    days: tuple[Day, ...]
    known: Mapping[Day, Known]

    @property
    def unknown(self) -> list[Day]:
        return [day for day in self.days if day not in self.known]


def read_marks(connection: Connection, period: Period) -> Marks:
    days = tuple(days_of(period))
    return Marks(days, daily_sums.known(connection, days))


def modes_of(connection: Connection, period: Period, marks: Marks | None = None) -> frozenset[tuple[str, float]]:
    """The modes of the period's numbers, each with its epsilon. `marks` are the period's, where they are known."""
    marks = marks or read_marks(connection, period)
    found = frozenset[tuple[str, float]]().union(*{each.modes for each in marks.known.values()})
    for start, end in joined(marks.unknown):
        found |= frozenset(measurements.modes(connection, start, end))
    return found


def longest_bucket(connection: Connection, period: Period, marks: Marks | None = None) -> int:
    """The longest bucket of the period in seconds; 0 where nothing is stored."""
    marks = marks or read_marks(connection, period)
    found = [each.longest for each in marks.known.values()]
    found += [measurements.longest(connection, *span) for span in joined(marks.unknown)]
    return max(found, default=0)


def cameras_of(connection: Connection, spans: Iterable[Day], measure: str) -> frozenset[str]:
    """The cameras that have counts in the spans, which are in order, and the measure at any time."""
    found = frozenset[str]().union(*(measurements.cameras(connection, *span) for span in joined(spans)))
    return found & hourly_sums.cameras_with(connection, measure)


def joined(days: Iterable[Day]) -> list[Day]:
    """Days in order, those that follow each other made one span."""
    spans: list[Day] = []
    for start, end in days:
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans
