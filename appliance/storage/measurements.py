"""The stored counts: whole buckets in, sums out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, case, func, select
from sqlalchemy.dialects.sqlite import insert

from appliance.storage.tables import measurement


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """One number of one bucket; `bucket_start` in UTC. Measures are those of `appliance.metrics.buckets`."""

    bucket_start: datetime
    bucket_seconds: int
    camera: str
    measure: str
    place: str
    kind: str
    direction: str
    value: float


def add_bucket(connection: Connection, rows: Iterable[MeasurementRow]) -> None:
    """Store a bucket, or merge it into the part of it that is stored: maxima by maximum, the rest by addition.

    A bucket comes in parts when the engine restarts in the middle of it.
    """
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
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(measurement.primary_key), set_={"value": merged}), values
    )


def read(
    connection: Connection,
    start: datetime | None = None,
    end: datetime | None = None,
    camera: str | None = None,
    measures: Sequence[str] | None = None,
) -> list[MeasurementRow]:
    """The rows of all buckets that begin in [start, end), oldest first; None leaves that side open."""
    query = select(measurement)
    if start is not None:
        query = query.where(measurement.c.bucket_start >= start)
    if end is not None:
        query = query.where(measurement.c.bucket_start < end)
    if camera is not None:
        query = query.where(measurement.c.camera == camera)
    if measures is not None:
        query = query.where(measurement.c.measure.in_(measures))
    return [_as_row(row) for row in connection.execute(query.order_by(*measurement.primary_key))]


def count_buckets(connection: Connection) -> int:
    """How many different buckets are stored, over all cameras."""
    buckets = select(measurement.c.camera, measurement.c.bucket_start).distinct().subquery()
    return connection.execute(select(func.count()).select_from(buckets)).scalar_one()


def remove_before(connection: Connection, moment: datetime) -> int:
    """Remove every bucket that began before the moment; return how many rows went."""
    return connection.execute(measurement.delete().where(measurement.c.bucket_start < moment)).rowcount


def _as_row(row: Row[tuple[object, ...]]) -> MeasurementRow:
    return MeasurementRow(**row._mapping)
