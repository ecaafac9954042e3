"""Durations, ways and heat of a period to take away: CSV (RFC 4180) for spreadsheets; or of two, with what changed."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection

from appliance.metrics.comparison import Change
from appliance.metrics.floor import DWELL_BINS
from appliance.metrics.publishing import Published
from appliance.reports.daily import modes_of
from appliance.reports.exporting import name_modes, plain
from appliance.reports.floor import Heat, Stays, Ways
from appliance.reports.floor_comparison import HeatChange, StaysChange, compare_ways
from appliance.reports.period import Period

DIGITS = ".10g"
AROUND = ("from", "to", "camera")
NUMBERS = ("value", "error_95_percent", "withheld", "anonymity")
OTHER_NUMBERS = (
    "other_from",
    "other_to",
    "other_value",
    "other_error_95_percent",
    "other_withheld",
    "other_anonymity",
    "change",
    "change_error_95_percent",
)

Row = tuple[str, tuple[object, ...], Published | Change]
"""Camera, the columns of its own, number."""


def stays_csv(
    connection: Connection, period: Period, kind: str, found: Iterable[Stays | StaysChange], other: Period | None = None
) -> str:
    """A row for each zone and duration in seconds: how many visits lasted so long."""
    rows: Iterator[Row] = (
        (stays.camera, (plain(stays.zone), kind, seconds), number)
        for each in found
        for stays in [each.now if isinstance(each, StaysChange) else each]
        for seconds, number in zip(DWELL_BINS, _bins(each), strict=True)
    )
    return _csv(connection, period, ("zone", "kind", "seconds"), rows, other)


def ways_csv(
    connection: Connection,
    period: Period,
    found: Iterable[Ways],
    other: Period | None = None,
    before: Iterable[Ways] = (),
) -> str:
    """A row for each pair of a camera's zones: how many persons went from the one to the other."""
    numbers: Iterable[tuple[Ways, Sequence[Sequence[Published | Change | None]]]]
    if other is None:
        numbers = ((ways, ways.numbers) for ways in found)
    else:
        numbers = ((ways, compare_ways(ways, then)) for ways, then in zip(found, before, strict=True))
    rows: Iterator[Row] = (
        (ways.camera, (plain(begin), plain(end)), number)
        for ways, table in numbers
        for begin, line in zip(ways.zones, table, strict=True)
        for end, number in zip(ways.zones, line, strict=True)
        if number is not None
    )
    return _csv(connection, period, ("from_zone", "to_zone"), rows, other)


def heat_csv(
    connection: Connection, period: Period, found: Iterable[Heat | HeatChange], other: Period | None = None
) -> str:
    """A row for each cell of a camera's picture, as parts of it from the left and the top: seconds that persons stood
    there."""
    rows: Iterator[Row] = (
        (
            heat.camera,
            (
                format(column / len(numbers), DIGITS),
                format(row / len(heat.rows), DIGITS),
                format((column + 1) / len(numbers), DIGITS),
                format((row + 1) / len(heat.rows), DIGITS),
            ),
            number,
        )
        for heat in found
        for row, numbers in enumerate(_grid(heat))
        for column, number in enumerate(numbers)
    )
    return _csv(connection, period, ("left", "top", "right", "bottom"), rows, other)


def _bins(found: Stays | StaysChange) -> Sequence[Published | Change]:
    return found.bins


def _grid(found: Heat | HeatChange) -> Sequence[Sequence[Published | Change]]:
    return found.rows


def _csv(
    connection: Connection, period: Period, names: tuple[str, ...], rows: Iterable[Row], other: Period | None
) -> str:
    """`value` is not clamped at zero, so that sums stay right on average; columns as in `exporting.export_counts`.

    Beside another period the rows hold changes. A change that can't be told is left empty.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow((*AROUND, *names, *NUMBERS, *(OTHER_NUMBERS if other else ())))
    begin, end, modes = _about(connection, period)
    then = () if other is None else _about(connection, other)
    for camera, own, number in rows:
        if isinstance(number, Change):
            other_begin, other_end, other_modes = then
            cells = (*_cells(number.now), modes, other_begin, other_end, *_cells(number.before), other_modes)
            table.writerow((begin, end, plain(camera), *own, *cells, *_changed(number)))
        else:
            table.writerow((begin, end, plain(camera), *own, *_cells(number), modes))
    return text.getvalue()


def _about(connection: Connection, period: Period) -> tuple[str, ...]:
    """When the period begins and ends, and the modes of its numbers."""
    modes = name_modes(sorted(modes_of(connection, period)))
    return period.local(period.start), period.local(period.end), modes


def _cells(number: Published) -> tuple[object, ...]:
    value = "" if number.withheld and number.value <= 0 else format(number.value, DIGITS)
    return value, number.margin, "yes" if number.withheld else ""


def _changed(change: Change) -> tuple[object, ...]:
    difference = change.difference
    return ("", "") if difference is None else (format(difference.value, DIGITS), difference.margin)
