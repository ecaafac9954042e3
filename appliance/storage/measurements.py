"""The stored counts: whole buckets in, sums out. The sums of their hours are stored with them (`hourly_sums`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select
from sqlalchemy.dialects.sqlite import insert

from appliance.storage import daily_sums, hourly_sums
from appliance.storage.database import driver_rows
from appliance.storage.tables import EPOCH, measurement, stored_part


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """One number of one bucket; `bucket_start` in UTC. Measures are those of `appliance.metrics.measures`.

    `mode` and `epsilon` say how it was made anonymous (`appliance.metrics.anonymity`), `variance` is its noise's.
    Numbers of the mode `threshold` are exact: show them through `appliance.metrics.publishing` alone.
    """

    bucket_start: datetime
    bucket_seconds: int
    camera: str
    measure: str
    place: str
    kind: str
    direction: str
    value: float
    mode: str = "off"
    epsilon: float = 0.0
    variance: float = 0.0


class HourRow(NamedTuple):
    """What one series adds up to in an hour, or in one bucket of it: of maxima the largest. Moments are in UTC.

    `squares` is the sum of the squares of the numbers' variances.
    """

    start: datetime
    seconds: int
    camera: str
    measure: str
    place: str
    kind: str
    direction: str
    mode: str
    value: float
    variance: float
    squares: float


# About a second's work.
MOST_REMOVED = 200_000
SELECT = f"SELECT {', '.join(MeasurementRow.__slots__)} FROM measurement"  # noqa: S608 - names of our own
HOURS = """
SELECT CASE WHEN (bucket_start - ?) / 3600 IN ({fine}) THEN bucket_start
        ELSE bucket_start - (bucket_start - ?) % 3600 END AS start,
    CASE WHEN (bucket_start - ?) / 3600 IN ({fine}) THEN max(bucket_seconds) ELSE 3600 END,
    camera, measure, place, kind, direction, mode,
    CASE WHEN measure LIKE '%\\_maximum' ESCAPE '\\' THEN max(value) ELSE sum(value) END,
    sum(variance), sum(variance * variance)
FROM measurement
WHERE bucket_start >= ? AND bucket_start < ? AND measure IN ({measures}) AND kind IN ({kinds})
GROUP BY start, camera, measure, place, kind, direction, mode
"""
ORDER = f"ORDER BY {', '.join(column.name for column in measurement.primary_key)}"


def add_bucket(connection: Connection, rows: Iterable[MeasurementRow]) -> None:
    """Store a bucket, or merge it into the part of it that is stored: maxima by maximum, the rest by addition.

    A bucket comes in parts when a camera is changed in the middle of it; their noise adds up. Parts that were made
    anonymous in different ways stay apart.
    """
    rows = tuple(rows)
    values = [{column: getattr(row, column) for column in MeasurementRow.__slots__} for row in rows]
    if not values:
        return
    statement = insert(measurement)
    merged = case(
        (
            measurement.c.measure.like("%\\_maximum", escape="\\"),
            func.max(measurement.c.value, statement.excluded.value),
        ),
        else_=measurement.c.value + statement.excluded.value,
    )
    changed = {"value": merged, "variance": measurement.c.variance + statement.excluded.variance}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(measurement.primary_key), set_=changed), values
    )
    names = ((row.measure, row.kind, row.direction, row.camera, row.place, row.mode) for row in rows)
    hourly_sums.name_series(connection, names)
    for camera in sorted({row.camera for row in rows}):
        for start, end in hourly_sums.spans_of(seconds_of(row.bucket_start) for row in rows if row.camera == camera):
            hourly_sums.add_up(connection, start, end, camera)
    daily_sums.forget(connection, (row.bucket_start for row in rows))


def mark_stored(connection: Connection, camera: str, part: int) -> None:
    """Note, in the transaction that stores it, that the camera's part of this number is stored."""
    statement = insert(stored_part).values(camera=camera, number=part)
    connection.execute(statement.on_conflict_do_update(index_elements=["camera"], set_={"number": part}))


def last_stored(connection: Connection, camera: str) -> int:
    """The number of the camera's part that was stored last; 0 where none was."""
    query = select(stored_part.c.number).where(stored_part.c.camera == camera)
    return connection.execute(query).scalar_one_or_none() or 0


def modes(connection: Connection, start: datetime, end: datetime) -> list[tuple[str, float]]:
    """The modes, each with its epsilon, of the buckets that begin in [start, end)."""
    if hourly_sums.is_whole(start, end):
        return hourly_sums.modes(connection, seconds_of(start), seconds_of(end))
    query = select(measurement.c.mode, measurement.c.epsilon).distinct()
    query = query.where(measurement.c.bucket_start >= start, measurement.c.bucket_start < end)
    return [(mode, epsilon) for mode, epsilon in connection.execute(query.order_by("mode", "epsilon"))]


def longest(connection: Connection, start: datetime, end: datetime) -> int:
    """The longest bucket, in seconds, of those that begin in [start, end); 0 where there is none."""
    if hourly_sums.is_whole(start, end):
        return hourly_sums.longest(connection, seconds_of(start), seconds_of(end))
    query = select(func.max(measurement.c.bucket_seconds))
    query = query.where(measurement.c.bucket_start >= start, measurement.c.bucket_start < end)
    return connection.execute(query).scalar() or 0


def cameras(connection: Connection, start: datetime, end: datetime) -> frozenset[str]:
    """The cameras with buckets that begin in [start, end)."""
    if hourly_sums.is_whole(start, end):
        return hourly_sums.cameras(connection, seconds_of(start), seconds_of(end))
    query = select(measurement.c.camera).distinct()
    query = query.where(measurement.c.bucket_start >= start, measurement.c.bucket_start < end)
    return frozenset(connection.execute(query).scalars())


def read(
    connection: Connection,
    start: datetime | None = None,
    end: datetime | None = None,
    camera: str | None = None,
    measures: Sequence[str] | None = None,
) -> list[MeasurementRow]:
    """The rows of all buckets that begin in [start, end), oldest first; None leaves that side open."""
    conditions: list[tuple[str, tuple[object, ...]]] = [("?", (1,))]
    if start is not None:
        conditions.append(("bucket_start >= ?", (seconds_of(start),)))
    if end is not None:
        conditions.append(("bucket_start < ?", (seconds_of(end),)))
    if camera is not None:
        conditions.append(("camera = ?", (camera,)))
    if measures is not None:
        conditions.append((f"measure IN ({', '.join('?' * len(measures))})", tuple(measures)))
    where = " AND ".join(condition for condition, _ in conditions)
    values = tuple(value for _, some in conditions for value in some)
    # Plain SQL, and each moment made once: a day has ten thousand rows in a hundred buckets.
    rows = connection.exec_driver_sql(f"{SELECT} WHERE {where} {ORDER}", values)
    moment = cache(lambda seconds: datetime.fromtimestamp(seconds, UTC))
    return [MeasurementRow(moment(row[0]), *row[1:]) for row in driver_rows(rows)]


def read_hours(
    connection: Connection,
    start: datetime,
    end: datetime,
    measures: Sequence[str],
    kinds: Sequence[str],
    fine: Sequence[datetime] = (),
    camera: str = "",
) -> list[HourRow]:
    """The buckets that begin in [start, end), added up by the hour, each from `start` on; of all cameras or of one.

    Hours that hold a moment of `fine` are told by bucket.
    """
    first, last = seconds_of(start), seconds_of(end)
    hours = sorted({(seconds_of(moment) - first) // 3600 for moment in fine})
    moment = cache(lambda seconds: datetime.fromtimestamp(seconds, UTC))
    if not hourly_sums.is_whole(start):
        rows = _buckets_by_hour(connection, first, (first, last), hours, measures, kinds)
        return [HourRow(moment(row[0]), *row[1:]) for row in rows if camera in ("", row[2])]
    told_by_bucket = [first + hour * 3600 for hour in hours]
    whole = hourly_sums.read(connection, first, last, measures, kinds, camera, told_by_bucket)
    found = [HourRow(moment(row[0]), 3600, *row[1:]) for row in whole]
    for hour in told_by_bucket:
        span = (max(hour, first), min(hour + 3600, last))
        rows = _buckets_by_hour(connection, first, span, hours, measures, kinds)
        found += [HourRow(moment(row[0]), *row[1:]) for row in rows if camera in ("", row[2])]
    return found


def _buckets_by_hour(
    connection: Connection,
    first: int,
    span: tuple[int, int],
    fine: Sequence[int],
    measures: Sequence[str],
    kinds: Sequence[str],
) -> Sequence[tuple[int, int, str, str, str, str, str, str, float, float, float]]:
    """The buckets of the span added up by hours from `first` on, but by bucket where the hour's number is in `fine`."""
    marks = [", ".join("?" * len(each)) for each in (fine, measures, kinds)]
    query = HOURS.format(fine=marks[0], measures=marks[1], kinds=marks[2])
    values = (first, *fine, first, first, *fine, *span, *measures, *kinds)
    rows: Sequence[tuple[int, int, str, str, str, str, str, str, float, float, float]] = driver_rows(
        connection.exec_driver_sql(query, values)
    )
    return rows


def count_buckets(connection: Connection) -> int:
    """How many different buckets are stored, over all cameras."""
    buckets = select(measurement.c.camera, measurement.c.bucket_start).distinct().subquery()
    return connection.execute(select(func.count()).select_from(buckets)).scalar_one()


def remove_before(connection: Connection, moment: datetime, most: int = MOST_REMOVED) -> int:
    """Remove the buckets that began before the moment; return how many rows went.

    Of more than about `most` rows the oldest go and the rest is left for another transaction: others wait meanwhile.
    """
    oldest = select(measurement.c.bucket_start).order_by(measurement.c.bucket_start).offset(most).limit(1)
    beyond = connection.execute(oldest).scalar()
    if beyond is not None:
        # At least one bucket, however many rows it has.
        first = connection.execute(select(func.min(measurement.c.bucket_start))).scalar_one()
        moment = min(moment, max(beyond, first + timedelta(seconds=1)))
    daily_sums.remove_before(connection, moment)
    removed = connection.execute(measurement.delete().where(measurement.c.bucket_start < moment)).rowcount
    hourly_sums.remove_before(connection, seconds_of(moment))
    return removed


def seconds_of(moment: datetime) -> int:
    """The moment as the database stores it."""
    return (moment - EPOCH) // timedelta(seconds=1)
