"""Adds up the site's days that are over, so that long times are read quickly (`storage.daily_sums`)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from appliance.reports.period import Period
from appliance.storage import daily_sums
from appliance.storage.daily_sums import Day
from appliance.storage.database import reading

# A bucket may be stored late; a day that is added up too early is only added up twice.
SETTLED = timedelta(hours=1)
# About a minute's work; the rest waits for the next hour.
MOST_DAYS = 500


def days_of(period: Period) -> list[Day]:
    """The site's days of the period, each from midnight to midnight in UTC."""
    return [(day.start, day.end) for day in period.each_day()]


def sum_days(engine: Engine, zone: ZoneInfo, now: datetime, most: int = MOST_DAYS) -> int:
    """Add up the days that are over and have no sums, the newest first; returns how many. One transaction a day."""
    with reading(engine) as connection:
        first = daily_sums.first_bucket(connection)
        if first is None:
            return 0
        begin, last = first.astimezone(zone).date(), (now.astimezone(UTC) - SETTLED).astimezone(zone).date()
        days = days_of(Period(begin, last - timedelta(days=1), zone)) if begin < last else []
        known = daily_sums.known(connection, days)
    missing = [day for day in reversed(days) if day not in known][:most]
    for day in missing:
        with engine.begin() as connection:
            daily_sums.add_up(connection, day)
    return len(missing)
