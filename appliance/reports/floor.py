"""How long visits to zones last, which ways people take between them, and where they stand: of a period, as it may be
shown. For the page Explore and the reports.

Whole days are read from their sums where there are any (`storage.daily_sums`), else from the buckets. In the mode
`threshold` the site's days are suppressed as everywhere (`sums`): of durations whole days are told or nothing, and of
the heat map nothing.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import permutations

from sqlalchemy import Connection

from appliance.errors import UsageError
from appliance.language import marked
from appliance.metrics.floor import DWELL_BINS, HEAT_GRID, PARKED_SECONDS, bin_begin, flow
from appliance.metrics.publishing import Published, total
from appliance.metrics.uncertainty import Noise
from appliance.reports.daily import cameras_of, joined, read_marks
from appliance.reports.period import Period
from appliance.reports.series import POINTS
from appliance.reports.sums import Sums, has_thresholds, suppressed_days
from appliance.storage.daily_sums import Day
from appliance.storage.database import driver_rows
from appliance.storage.measurements import seconds_of

# The longest periods that are read at once, in days: a heat map has 192 cells for each camera and day.
MOST_DAYS, MOST_HEAT_DAYS = 400, 31
# Three standard deviations, in halves of the 95 % interval's width.
AMONG_MANY = 1.5
# Shades of the heat map and of the table of ways, from the faintest on.
SHADES = 5

Cells = Mapping[tuple[str, str, str], Published]
"""What may be shown, by camera, place and direction."""
Grid = tuple[tuple[Published, ...], ...]
"""Numbers of the cells of a camera's picture: rows from the top, of columns."""

DAYS = """
SELECT camera, place, direction, (
    SELECT json_array(sum(value), sum(variance), sum(squares)) FROM day_sum AS each
    WHERE each.series = series.number AND each.start >= span.value ->> 0 AND each.start < span.value ->> 1
) AS added
FROM json_each(?) AS span CROSS JOIN series
WHERE measure = ? AND kind = ? AND direction IN (SELECT value FROM json_each(?))
"""
# The beginnings of the buckets one after the other, each found by a step in the primary key; so are a camera's numbers.
BUCKETS = f"""{POINTS}, part(number, start, end) AS (
    SELECT number, (SELECT min(bucket_start) FROM measurement WHERE bucket_start >= point.start), end FROM point
    UNION ALL
    SELECT number, (SELECT min(bucket_start) FROM measurement WHERE bucket_start > part.start), end
    FROM part WHERE part.start < part.end
)
SELECT each.camera, each.place, each.direction, sum(each.value), sum(each.variance), sum(each.variance * each.variance)
FROM part CROSS JOIN json_each(?) AS camera CROSS JOIN measurement AS each
WHERE part.start < part.end AND each.bucket_start = part.start AND each.camera = camera.value
    AND each.measure = ? AND each.kind = ? AND each.mode != 'threshold'
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own


class TooLong(UsageError):
    """More days than are read at once."""


@dataclass(frozen=True)
class Stays:
    """The visits to one zone by duration: a number for each of `floor.DWELL_BINS`, of visits that have ended.

    `is_counted` is whether anything is stored of the zone, be it zeros.
    """

    camera: str
    zone: str
    bins: tuple[Published, ...]
    is_counted: bool = True

    @property
    def whole(self) -> Published:
        return total(self.bins)

    def longer_than(self, seconds: int) -> Published:
        """The visits of so many seconds or more; one of the bins begins there."""
        return total(number for name, number in zip(DWELL_BINS, self.bins, strict=True) if bin_begin(name) >= seconds)

    @property
    def parked(self) -> Published:
        """Where vehicles are counted: those that stayed."""
        return self.longer_than(PARKED_SECONDS)

    @property
    def median_bin(self) -> int | None:
        """The bin that half of the visits do not exceed; None where the numbers are too few or too unsure to say."""
        if any(each.withheld for each in self.bins) or not self.whole.surely_some:
            return None
        # What noise made negative is nobody.
        seen = [max(0.0, each.value) for each in self.bins]
        so_far = 0.0
        for index, value in enumerate(seen):
            so_far += value
            if so_far >= sum(seen) / 2:
                return index
        return None


@dataclass(frozen=True)
class Ways:
    """How often persons went from each of a camera's zones to each other; None where both are the same.

    `not_counted` are the pairs of which nothing is stored, not even zeros.
    """

    camera: str
    zones: tuple[str, ...]
    numbers: tuple[tuple[Published | None, ...], ...]
    not_counted: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Heat:
    """For how many seconds persons stood in each cell of a camera's picture: rows from the top, of columns.

    `merged` cells of `floor.HEAT_GRID` in each direction are one here, so that noise does not hide everything.
    """

    camera: str
    merged: int
    rows: Grid

    @property
    def is_known(self) -> bool:
        """Whether anything is more than noise."""
        return any(stands_out(each) for row in self.rows for each in row)


def stands_out(cell: Published) -> bool:
    """Whether a cell among many holds more than noise: of 192 that hold nothing less than one would seem to."""
    return cell.value > AMONG_MANY * cell.noise.margin


def check_length(period: Period, most: int) -> None:
    """Raises `TooLong`."""
    if period.days > most:
        raise TooLong(
            marked("%(days)s days are too many to be shown here; choose %(most)s at most."),
            days=period.days,
            most=most,
        )


def read_stays(
    connection: Connection, period: Period, zones: Iterable[tuple[str, str]], kind: str, now: datetime, k: int
) -> list[Stays]:
    """Of each of the zones, by camera and name, in their order. Raises `TooLong`."""
    check_length(period, MOST_DAYS)
    cells = read_cells(connection, period, "dwell", kind, DWELL_BINS, now, k)
    return [stays_of(cells, camera, zone) for camera, zone in zones]


def read_ways(
    connection: Connection, period: Period, zones: Mapping[str, Sequence[str]], now: datetime, k: int
) -> list[Ways]:
    """Of each camera with two zones or more. Raises `TooLong`."""
    check_length(period, MOST_DAYS)
    cells = read_cells(connection, period, "flows", "person", ("",), now, k)
    return [ways_of(cells, camera, names) for camera, names in zones.items() if len(names) > 1]


def read_heat(connection: Connection, period: Period, cameras: Iterable[str], now: datetime, k: int) -> list[Heat]:
    """Of each of the cameras. Raises `TooLong`."""
    check_length(period, MOST_HEAT_DAYS)
    cells = read_cells(connection, period, "heat_seconds", "person", ("",), now, k)
    return [heat_of(cells, camera) for camera in cameras]


def stays_of(cells: Cells, camera: str, zone: str) -> Stays:
    found = [cells.get((camera, zone, each)) for each in DWELL_BINS]
    bins = tuple(Published() if each is None else each for each in found)
    return Stays(camera, zone, bins, any(each is not None for each in found))


def ways_of(cells: Cells, camera: str, zones: Sequence[str]) -> Ways:
    def row(begin: str) -> tuple[Published | None, ...]:
        return tuple(None if begin == end else cells.get((camera, flow(begin, end), ""), Published()) for end in zones)

    missing = (pair for pair in permutations(zones, 2) if (camera, flow(*pair), "") not in cells)
    return Ways(camera, tuple(zones), tuple(map(row, zones)), frozenset(missing))


def heat_of(cells: Cells, camera: str) -> Heat:
    return clearest(camera, heat_grid(cells, camera))


def heat_grid(cells: Cells, camera: str) -> Grid:
    """The camera's cells as they are stored: rows from the top, of columns."""
    columns, rows = HEAT_GRID
    return tuple(
        tuple(cells.get((camera, f"{column},{row}", ""), Published()) for column in range(columns))
        for row in range(rows)
    )


def cells_of(sums: Sums, measure: str, kind: str) -> Cells:
    """The cells of one measure and kind among sums that were read already."""
    return {
        (camera, place, direction): number
        for (camera, name, place, of_kind, direction), number in sums.numbers.items()
        if (name, of_kind) == (measure, kind)
    }


def shade(is_sure: bool, value: float, most: float) -> int:
    """0 for what may be noise alone, else 1 to `SHADES` by the root of the value's part of the most."""
    if not is_sure or most <= 0 or value <= 0:
        return 0
    return max(1, min(SHADES, math.ceil(SHADES * math.sqrt(value / most))))


def clearest(
    camera: str, grid: Sequence[Sequence[Published]], is_clear: Callable[[Published], bool] = stands_out
) -> Heat:
    """The finest of three grids in which most of the time is in cells that are more than noise, else the coarsest."""
    for merged in (1, 2, 4):
        rows = merge(grid, merged)
        everything = [each for row in rows for each in row]
        known = sum(abs(each.value) for each in everything if is_clear(each))
        if known > 0 and 2 * known >= sum(abs(each.value) for each in everything):
            break
    return Heat(camera, merged, rows)


def merge(grid: Sequence[Sequence[Published]], number: int) -> Grid:
    """The grid with so many cells in each direction made one; both of its sides are multiples of the number."""
    return tuple(
        tuple(
            total(grid[row + down][column + right] for down in range(number) for right in range(number))
            for column in range(0, len(grid[0]), number)
        )
        for row in range(0, len(grid), number)
    )


def read_cells(
    connection: Connection,
    period: Period,
    measure: str,
    kind: str,
    directions: Sequence[str],
    now: datetime,
    k: int,
) -> Cells:
    """Every cell of one measure and kind over the whole period. A cell that is not there was never stored."""
    marks = read_marks(connection, period)
    cells: dict[tuple[str, str, str], Published] = {}

    def add(cell: tuple[str, str, str], value: float, variance: float, squares: float) -> None:
        number = Published(value, Noise(variance, squares))
        before = cells.get(cell)
        cells[cell] = number if before is None else before + number

    summed = _spans(day for day in marks.days if day in marks.known)
    if summed:
        values = (json.dumps(summed), measure, kind, json.dumps(directions))
        for *names, added in driver_rows(connection.exec_driver_sql(DAYS, values)):
            amounts = json.loads(added)
            if amounts[0] is not None:
                add(tuple(names), *amounts)
    others = joined(marks.unknown)
    if others:
        cameras = json.dumps(sorted(cameras_of(connection, others, measure)))
        points = json.dumps([(0, seconds_of(start), seconds_of(end)) for start, end in others])
        for *names, value, variance, squares in driver_rows(
            connection.exec_driver_sql(BUCKETS, (points, cameras, measure, kind))
        ):
            add(tuple(names), value, variance, squares)
    if has_thresholds(connection, period, marks):
        for day in suppressed_days(connection, period, now, k):
            for (camera, name, place, of_kind, direction), number in day.whole.numbers.items():
                if (name, of_kind) == (measure, kind):
                    cell = (camera, place, direction)
                    cells[cell] = cells.get(cell, Published()) + number
    return cells


def _spans(days: Iterable[Day]) -> list[tuple[int, int]]:
    return [(seconds_of(start), seconds_of(end)) for start, end in joined(days)]
