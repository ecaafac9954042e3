"""Durations, ways and heat of two periods of the same length beside each other: what changed, and how surely."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from appliance.metrics.comparison import Change
from appliance.metrics.publishing import Published, total
from appliance.reports.floor import (
    AMONG_MANY,
    MOST_HEAT_DAYS,
    Grid,
    Stays,
    Ways,
    check_length,
    clearest,
    heat_grid,
    merge,
    read_cells,
)
from appliance.reports.period import Period

# Cameras that watched for so different a part of the two periods are named: a change may come from that.
UNEQUAL = 0.05


@dataclass(frozen=True)
class StaysChange:
    """One zone's visits in both periods, in the same order of bins."""

    now: Stays
    before: Stays

    @property
    def is_counted(self) -> bool:
        return self.now.is_counted and self.before.is_counted

    @property
    def bins(self) -> tuple[Change, ...]:
        pairs = zip(self.now.bins, self.before.bins, strict=True)
        return tuple(Change(now, before, self.is_counted) for now, before in pairs)

    @property
    def whole(self) -> Change:
        return Change(self.now.whole, self.before.whole, self.is_counted)

    def longer_than(self, seconds: int) -> Change:
        """The visits of so many seconds or more."""
        return Change(self.now.longer_than(seconds), self.before.longer_than(seconds), self.is_counted)


def compare_ways(now: Ways, before: Ways) -> tuple[tuple[Change | None, ...], ...]:
    """From each of a camera's zones, a row, to each; None where both are the same. Both are of the same zones."""
    missing = now.not_counted | before.not_counted
    return tuple(
        tuple(
            None if first is None or second is None else Change(first, second, (begin, end) not in missing)
            for end, first, second in zip(now.zones, row, other, strict=True)
        )
        for begin, row, other in zip(now.zones, now.numbers, before.numbers, strict=True)
    )


@dataclass(frozen=True)
class HeatChange:
    """What changed in each cell of a camera's picture: rows from the top, of columns; `merged` as in `floor.Heat`."""

    camera: str
    merged: int
    rows: tuple[tuple[Change, ...], ...]

    @property
    def is_counted(self) -> bool:
        """Whether both periods have a heat map at all."""
        return all(each.is_counted for row in self.rows for each in row)

    @property
    def is_known(self) -> bool:
        """Whether any change is more than noise."""
        return any(has_changed(each) for row in self.rows for each in row)


def has_changed(change: Change) -> bool:
    """Whether one among many cells changed by more than noise; as `floor.stands_out`, in either direction."""
    difference = change.difference
    return difference is not None and _differs(difference)


def read_heat_change(
    connection: Connection, period: Period, other: Period, cameras: Iterable[str], now: datetime, k: int
) -> list[HeatChange]:
    """Of each of the cameras. Raises `TooLong`."""
    for each in (period, other):
        check_length(each, MOST_HEAT_DAYS)
    first, second = (read_cells(connection, each, "heat_seconds", "person", ("",), now, k) for each in (period, other))
    counted = [{camera for camera, _, _ in cells} for cells in (first, second)]
    return [
        heat_change(
            camera, heat_grid(first, camera), heat_grid(second, camera), all(camera in each for each in counted)
        )
        for camera in cameras
    ]


def heat_change(camera: str, now: Grid, before: Grid, is_counted: bool = True) -> HeatChange:
    """On the finest of the heat map's grids in which most of what differs is more than noise, else the coarsest."""
    differences = [[one - two for one, two in zip(*rows, strict=True)] for rows in zip(now, before, strict=True)]
    merged = clearest(camera, differences, _differs).merged
    pairs = zip(merge(now, merged), merge(before, merged), strict=True)
    return HeatChange(
        camera,
        merged,
        tuple(tuple(Change(one, two, is_counted) for one, two in zip(*rows, strict=True)) for rows in pairs),
    )


def unequal_hours(
    connection: Connection, period: Period, other: Period, cameras: Sequence[str], now: datetime, k: int
) -> Mapping[str, tuple[float, float]]:
    """For how many hours each camera watched in the two periods, where that is not about equal."""
    found = {}
    first, second = (read_cells(connection, each, "observed_seconds", "", ("",), now, k) for each in (period, other))
    for camera in cameras:
        one, two = (_hours(cells, camera) for cells in (first, second))
        if abs(one - two) > UNEQUAL * max(one, two):
            found[camera] = (one, two)
    return found


def _hours(cells: Mapping[tuple[str, str, str], Published], camera: str) -> float:
    return total(number for (name, _, _), number in cells.items() if name == camera).value / 3600


def _differs(difference: Published) -> bool:
    return abs(difference.value) > AMONG_MANY * difference.noise.margin
