"""What each series adds up to in a day that is over: made once, so that long times are read quickly.

A day is one of the site's own, from `start` to before `end`. Its sums hold until a bucket of it is stored late, which
takes the day's mark away in the same transaction (`forget`); a day without its mark is added up anew, and read from
the buckets until then. The mode `threshold` has no sums here: it is suppressed hour by hour.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from appliance.storage.tables import day_sum, measurement, summed_day

Day = tuple[datetime, datetime]
"""Start and end, UTC."""

ADD_UP = """
INSERT INTO day_sum (measure, kind, direction, day_start, camera, place, value, variance, squares, observed)
SELECT each.measure, each.kind, each.direction, :start, each.camera, each.place,
    CASE WHEN each.measure LIKE '%\\_maximum' ESCAPE '\\' THEN max(each.value) ELSE sum(each.value) END,
    sum(each.variance), sum(each.variance * each.variance), coalesce(sum(whole.value), 0)
FROM measurement AS each LEFT JOIN measurement AS whole ON each.measure = 'occupancy_seconds'
    AND whole.bucket_start = each.bucket_start AND whole.camera = each.camera AND whole.measure = 'observed_seconds'
    AND whole.bucket_seconds = each.bucket_seconds AND whole.mode = each.mode AND whole.epsilon = each.epsilon
WHERE each.bucket_start >= :start AND each.bucket_start < :end AND each.mode != 'threshold'
GROUP BY each.measure, each.kind, each.direction, each.camera, each.place
"""


def add_up(connection: Connection, day: Day) -> None:
    """Add the day up, in the caller's transaction, instead of whatever was added up of this time."""
    start, end = day
    overlapping = (summed_day.c.start < end) & (summed_day.c.end > start)
    connection.execute(summed_day.delete().where(overlapping))
    connection.execute(day_sum.delete().where(day_sum.c.day_start >= start, day_sum.c.day_start < end))
    moments = {"start": _seconds(start), "end": _seconds(end)}
    connection.exec_driver_sql(ADD_UP, moments)
    connection.execute(summed_day.insert().values(start=start, end=end))


def known(connection: Connection, days: Sequence[Day]) -> frozenset[Day]:
    """Those of the days whose sums are complete."""
    if not days:
        return frozenset()
    query = select(summed_day).where(summed_day.c.start >= days[0][0], summed_day.c.start <= days[-1][0])
    return frozenset((start, end) for start, end in connection.execute(query)) & frozenset(days)


def forget(connection: Connection, moments: Iterable[datetime]) -> None:
    """Take away the marks of the days in which these moments lie."""
    for moment in set(moments):
        connection.execute(summed_day.delete().where(summed_day.c.start <= moment, summed_day.c.end > moment))


def remove_before(connection: Connection, moment: datetime) -> None:
    """Remove the sums of days that began before the moment."""
    connection.execute(summed_day.delete().where(summed_day.c.start < moment))
    connection.execute(day_sum.delete().where(day_sum.c.day_start < moment))


def first_bucket(connection: Connection) -> datetime | None:
    """When the oldest bucket began that is stored."""
    query = select(measurement.c.bucket_start).order_by(measurement.c.bucket_start).limit(1)
    return connection.execute(query).scalar()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
