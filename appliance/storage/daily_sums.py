"""What each series adds up to in a day that is over: made once, so that long times are read quickly.

A day is one of the site's own, from `start` to before `end`. Its sums hold until a bucket of it is stored late, which
takes the day's mark away in the same transaction (`forget`); a day without its mark is added up anew, and read from
its hours or buckets until then. The mode `threshold` has no sums here: it is suppressed hour by hour.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from appliance.storage import hourly_sums
from appliance.storage.database import driver_rows
from appliance.storage.tables import measurement, summed_day

Day = tuple[datetime, datetime]
"""Start and end, UTC."""

ADD_UP = hourly_sums.ADD_UP.format(table="day_sum", start=":start", which="each.mode != 'threshold'")
NAME_TOTAL = """
INSERT OR IGNORE INTO series (measure, kind, direction, camera, place, mode)
SELECT DISTINCT :name, kind, '', camera, place, mode FROM series
WHERE measure = :measure AND kind = :kind AND direction IN (SELECT value FROM json_each(:directions))
"""
ADD_TOTAL = """
INSERT INTO day_sum (series, start, value, variance, squares, observed)
SELECT whole.number, :start, sum(each.value), sum(each.variance), sum(each.squares), sum(each.observed)
FROM series AS part CROSS JOIN day_sum AS each ON each.series = part.number AND each.start = :start
    CROSS JOIN series AS whole ON whole.measure = :name AND whole.kind = part.kind AND whole.direction = ''
        AND whole.camera = part.camera AND whole.place = part.place AND whole.mode = part.mode
WHERE part.measure = :measure AND part.kind = :kind AND part.direction IN (SELECT value FROM json_each(:directions))
GROUP BY whole.number
"""
OF_ALL = "series IN (SELECT number FROM series)"


@dataclass(frozen=True)
class Total:
    """Directions of a measure that have a sum of days together, as a measure of this name with no direction."""

    name: str
    measure: str
    kind: str
    directions: tuple[str, ...]


def add_up(connection: Connection, day: Day, totals: Iterable[Total] = ()) -> None:
    """Add the day up, in the caller's transaction, instead of whatever was added up of this time."""
    start, end = day
    overlapping = (summed_day.c.start < end) & (summed_day.c.end > start)
    connection.execute(summed_day.delete().where(overlapping))
    moments = {"start": _seconds(start), "end": _seconds(end)}
    removal = f"DELETE FROM day_sum WHERE {OF_ALL} AND start >= :start AND start < :end"  # noqa: S608 - names of our own
    connection.exec_driver_sql(removal, moments)
    connection.exec_driver_sql(ADD_UP, moments)
    for each in totals:
        names = {"name": each.name, "measure": each.measure, "kind": each.kind}
        values = moments | names | {"directions": json.dumps(each.directions)}
        connection.exec_driver_sql(NAME_TOTAL, values)
        connection.exec_driver_sql(ADD_TOTAL, values)
    within = (measurement.c.bucket_start >= start) & (measurement.c.bucket_start < end)
    kinds = select(measurement.c.mode, measurement.c.epsilon, func.max(measurement.c.bucket_seconds)).where(within)
    found = connection.execute(kinds.group_by(measurement.c.mode, measurement.c.epsilon)).all()
    modes, longest = [[mode, epsilon] for mode, epsilon, _ in found], max((row[2] for row in found), default=0)
    connection.execute(summed_day.insert().values(start=start, end=end, modes=modes, longest=longest))


@dataclass(frozen=True)
class Known:
    """What is known of a day that is added up: its modes, each with its epsilon, and its longest bucket in seconds."""

    modes: frozenset[tuple[str, float]]
    longest: int


def known(connection: Connection, days: Sequence[Day]) -> dict[Day, Known]:
    """Those of the days whose sums are complete."""
    if not days:
        return {}
    wanted = {(_seconds(start), _seconds(end)): (start, end) for start, end in days}
    # Plain SQL, and the same text of modes read once: years have thousands of days and one mode.
    query = "SELECT start, end, modes, longest FROM summed_day WHERE start >= ? AND start <= ?"
    rows = driver_rows(connection.exec_driver_sql(query, (_seconds(days[0][0]), _seconds(days[-1][0]))))
    modes = {
        text: frozenset((mode, epsilon) for mode, epsilon in json.loads(text)) for text in {row[2] for row in rows}
    }
    return {
        wanted[start, end]: Known(modes[text], longest) for start, end, text, longest in rows if (start, end) in wanted
    }


def forget(connection: Connection, moments: Iterable[datetime]) -> None:
    """Take away the marks of the days in which these moments lie."""
    for moment in set(moments):
        connection.execute(summed_day.delete().where(summed_day.c.start <= moment, summed_day.c.end > moment))


def remove_before(connection: Connection, moment: datetime) -> None:
    """Remove the sums of days that began before the moment."""
    connection.execute(summed_day.delete().where(summed_day.c.start < moment))
    removal = f"DELETE FROM day_sum WHERE {OF_ALL} AND start < :end"  # noqa: S608 - names of our own
    connection.exec_driver_sql(removal, {"end": _seconds(moment)})


def first_bucket(connection: Connection) -> datetime | None:
    """When the oldest bucket began that is stored."""
    query = select(measurement.c.bucket_start).order_by(measurement.c.bucket_start).limit(1)
    return connection.execute(query).scalar()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
