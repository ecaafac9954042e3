"""The sums of buckets, hours and days as the database has them, and as they follow from the buckets."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select

from appliance.storage import measurements
from appliance.storage.daily_sums import Total
from appliance.storage.hourly_sums import DAYS_ONLY
from appliance.storage.measurements import MeasurementRow
from appliance.storage.tables import bucket_sum, day_sum, hour_made, hour_sum, series

Sums = dict[tuple[object, ...], object]


def check_sums(
    connection: Connection, days: Iterable[tuple[datetime, datetime]] = (), totals: Iterable[Total] = ()
) -> None:
    """Every sum is what the buckets give, and there is none beside; of days those that are given, with the totals."""
    rows = measurements.read(connection)
    hourly = [row for row in rows if (row.measure, row.kind) not in DAYS_ONLY]
    assert sums_of(connection, hour_sum) == expected(hourly, rows, hour_of)
    assert sums_of(connection, bucket_sum) == expected(hourly, rows, lambda moment: moment)
    made: dict[tuple[object, ...], int] = defaultdict(int)
    for row in rows:
        key = (row.camera, hour_of(row.bucket_start), row.mode, row.epsilon)
        made[key] = max(made[key], row.bucket_seconds)
    assert {tuple(row[:4]): row[4] for row in connection.execute(select(hour_made))} == made
    for start, end in days:
        within = [row for row in rows if start <= row.bucket_start < end and row.mode != "threshold"]
        within += [
            replace(row, measure=total.name, direction="")
            for row, total in itertools.product(within, totals)
            if (row.measure, row.kind) == (total.measure, total.kind) and row.direction in total.directions
        ]
        found = {key: value for key, value in sums_of(connection, day_sum).items() if key[0] == start}
        assert found == expected(within, rows, lambda _moment, start=start: start)  # type: ignore[misc]


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0)


def sums_of(connection: Connection, table: Table) -> Sums:
    names = (series.c.camera, series.c.measure, series.c.place, series.c.kind, series.c.direction, series.c.mode)
    amounts = (table.c.value, table.c.variance, table.c.squares, table.c.observed)
    query = select(table.c.start, *names, *amounts).join(series, series.c.number == table.c.series)
    return {tuple(row[:7]): tuple(row[7:]) for row in connection.execute(query)}


def expected(
    rows: Iterable[MeasurementRow], every: Iterable[MeasurementRow], begin: Callable[[datetime], datetime]
) -> Sums:
    """By beginning and series: value, variance, sum of the variances' squares, seconds observed."""
    seen = {bucket_of(row): row.value for row in every if row.measure == "observed_seconds"}
    groups: dict[tuple[object, ...], list[MeasurementRow]] = defaultdict(list)
    for row in rows:
        names = (row.camera, row.measure, row.place, row.kind, row.direction, row.mode)
        groups[begin(row.bucket_start), *names].append(row)
    return {key: added(each, seen) for key, each in groups.items()}


def added(rows: list[MeasurementRow], seen: dict[Any, float]) -> object:
    values = [row.value for row in rows]
    is_zone = rows[0].measure == "occupancy_seconds"
    return pytest.approx(
        (
            max(values) if rows[0].measure.endswith("_maximum") else sum(values),
            sum(row.variance for row in rows),
            sum(row.variance**2 for row in rows),
            sum(seen.get(bucket_of(row), 0.0) for row in rows) if is_zone else 0.0,
        )
    )


def bucket_of(row: MeasurementRow) -> tuple[object, ...]:
    return row.bucket_start, row.bucket_seconds, row.camera, row.mode, row.epsilon
