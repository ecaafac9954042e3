"""What each series adds up to in an hour, and its buckets by themselves: stored in the same transaction as the buckets.

A series is what is counted at one place: of one camera, measure, place, kind, direction and mode. Its number stands
for these names in the sums. An hour is one of UTC, and has the buckets that begin in it. What is asked for by the time
is one series after another here, where `measurement` has everything of one bucket together. Durations of people's
visits and heat maps have series and days, but neither hours nor buckets here: they have most of the numbers, and nobody
asks for them by the hour.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from appliance.storage.database import driver_rows

SECONDS = 3600
# Measure and kind.
DAYS_ONLY = (("dwell", "person"), ("heat_seconds", "person"))
SERIES = ("measure", "kind", "direction", "camera", "place", "mode")

NAME = f"INSERT OR IGNORE INTO series ({', '.join(SERIES)}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - names of our own
NAME_ALL = f"""
INSERT OR IGNORE INTO series ({", ".join(SERIES)})
SELECT DISTINCT {", ".join(SERIES)} FROM measurement WHERE bucket_start >= :start AND bucket_start < :end
"""  # noqa: S608 - names of our own
# Grouped before their numbers are looked up, which is done once for each series and hour then.
ADD_UP = """
INSERT OR REPLACE INTO {table} (series, start, value, variance, squares, observed)
SELECT series.number, added.start, added.value, added.variance, added.squares, added.observed
FROM (
    SELECT {start} AS start, each.measure, each.kind, each.direction, each.camera, each.place, each.mode,
        CASE WHEN each.measure LIKE '%\\_maximum' ESCAPE '\\' THEN max(each.value) ELSE sum(each.value) END AS value,
        sum(each.variance) AS variance, sum(each.variance * each.variance) AS squares,
        coalesce(sum(whole.value), 0) AS observed
    FROM measurement AS each LEFT JOIN measurement AS whole ON each.measure = 'occupancy_seconds'
        AND whole.bucket_start = each.bucket_start AND whole.camera = each.camera
        AND whole.measure = 'observed_seconds' AND whole.bucket_seconds = each.bucket_seconds
        AND whole.mode = each.mode AND whole.epsilon = each.epsilon
    WHERE each.bucket_start >= :start AND each.bucket_start < :end AND {which}
    GROUP BY 1, 2, 3, 4, 5, 6, 7
) AS added CROSS JOIN series ON series.measure = added.measure AND series.kind = added.kind
    AND series.direction = added.direction AND series.camera = added.camera AND series.place = added.place
    AND series.mode = added.mode
"""
WHICH = f"""(each.measure, each.kind) NOT IN (VALUES {", ".join(map(str, DAYS_ONLY))})
        AND (:camera = '' OR each.camera = :camera)"""
STARTS = {"hour_sum": "each.bucket_start - each.bucket_start % 3600", "bucket_sum": "each.bucket_start"}
NOTE = """
INSERT OR REPLACE INTO hour_made (camera, start, mode, epsilon, longest)
SELECT camera, bucket_start - bucket_start % 3600, mode, epsilon, max(bucket_seconds) FROM measurement
WHERE bucket_start >= :start AND bucket_start < :end AND (:camera = '' OR camera = :camera)
GROUP BY 1, 2, 3, 4
"""
MADE = "FROM hour_made WHERE camera IN (SELECT camera FROM series) AND start >= ? AND start < ?"
REMOVE = (
    "DELETE FROM bucket_sum WHERE series IN (SELECT number FROM series) AND start < :end",
    "DELETE FROM hour_sum WHERE series IN (SELECT number FROM series) AND start < :end",
    "DELETE FROM hour_made WHERE camera IN (SELECT camera FROM series) AND start < :end",
)
FORGET = """
DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM hour_made WHERE hour_made.camera = series.camera)
    AND NOT EXISTS (SELECT 1 FROM day_sum WHERE day_sum.series = series.number)
"""


def name_series(connection: Connection, names: Iterable[tuple[str, ...]]) -> None:
    """Give each series that has none a number; names in the order of `SERIES`."""
    rows = sorted(set(names))
    if rows:
        connection.exec_driver_sql(NAME, rows)


def name_all(connection: Connection, start: int, end: int) -> None:
    """The same for all that is stored of [start, end)."""
    connection.exec_driver_sql(NAME_ALL, {"start": start, "end": end})


def add_up(connection: Connection, start: int, end: int, camera: str = "") -> None:
    """Add up the hours of [start, end), of one camera or of all, whose series have numbers, and their buckets.

    Moments are seconds since 1970, of whole hours.
    """
    values = {"start": start, "end": end, "camera": camera}
    for table, begin in STARTS.items():
        connection.exec_driver_sql(ADD_UP.format(table=table, start=begin, which=WHICH), values)
    connection.exec_driver_sql(NOTE, values)


def spans_of(moments: Iterable[int]) -> list[tuple[int, int]]:
    """The hours of the moments, in order, those that follow each other as one span."""
    spans: list[tuple[int, int]] = []
    for start in sorted({moment - moment % SECONDS for moment in moments}):
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], start + SECONDS)
        else:
            spans.append((start, start + SECONDS))
    return spans


def is_whole(*moments: datetime) -> bool:
    """Whether all of the moments are beginnings of hours here; where clocks differ by half hours they are not."""
    return all(moment.timestamp() % SECONDS == 0 for moment in moments)


def modes(connection: Connection, start: int, end: int) -> list[tuple[str, float]]:
    """The modes, each with its epsilon, of the buckets of the hours in [start, end), in order."""
    query = f"SELECT DISTINCT mode, epsilon {MADE} ORDER BY 1, 2"
    return [(mode, epsilon) for mode, epsilon in driver_rows(connection.exec_driver_sql(query, (start, end)))]


def longest(connection: Connection, start: int, end: int) -> int:
    """The longest bucket, in seconds, of the hours in [start, end); 0 where there is none."""
    query = f"SELECT max(longest) {MADE}"
    return driver_rows(connection.exec_driver_sql(query, (start, end)))[0][0] or 0


def cameras(connection: Connection, start: int, end: int) -> frozenset[str]:
    """The cameras with buckets in the hours of [start, end)."""
    query = f"SELECT DISTINCT camera {MADE}"
    return frozenset(camera for (camera,) in driver_rows(connection.exec_driver_sql(query, (start, end))))


def cameras_with(connection: Connection, measure: str) -> frozenset[str]:
    """The cameras that have a series of the measure."""
    query = "SELECT DISTINCT camera FROM series WHERE measure = ?"
    return frozenset(camera for (camera,) in driver_rows(connection.exec_driver_sql(query, (measure,))))


def read(
    connection: Connection,
    start: int,
    end: int,
    measures: Sequence[str],
    kinds: Sequence[str],
    camera: str = "",
    without: Sequence[int] = (),
) -> Sequence[tuple[int, str, str, str, str, str, str, float, float, float]]:
    """Start, names, value, variance and squares of each series' hours of [start, end), but of those `without`.

    Of one camera, or of all.
    """
    query = """
        SELECT start, camera, measure, place, kind, direction, mode, value, variance, squares
        FROM series CROSS JOIN hour_sum ON hour_sum.series = series.number
        WHERE measure IN (SELECT value FROM json_each(?)) AND kind IN (SELECT value FROM json_each(?))
            AND camera = coalesce(nullif(?, ''), camera)
            AND start >= ? AND start < ? AND start NOT IN (SELECT value FROM json_each(?))
    """
    values = (json.dumps(measures), json.dumps(kinds), camera, start, end, json.dumps(without))
    rows: Sequence[tuple[int, str, str, str, str, str, str, float, float, float]] = driver_rows(
        connection.exec_driver_sql(query, values)
    )
    return rows


def remove_before(connection: Connection, moment: int) -> None:
    """Remove the sums of hours that began before the moment, and add up anew what is left of the hour that it is in.

    For after the buckets were removed. A camera that nothing is left of leaves no name behind.
    """
    hour = moment - moment % SECONDS
    end = moment if hour == moment else hour + SECONDS
    for statement in REMOVE:
        connection.exec_driver_sql(statement, {"end": end})
    if hour < moment:
        add_up(connection, hour, end)
    connection.exec_driver_sql(FORGET)
