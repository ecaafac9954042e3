"""Durations, ways and heat of a period to take away: CSV (RFC 4180) for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from appliance.metrics.floor import DWELL_BINS
from appliance.metrics.publishing import Published
from appliance.reports.daily import modes_of
from appliance.reports.exporting import name_modes, plain
from appliance.reports.floor import Heat, Stays, Ways
from appliance.reports.period import Period

DIGITS = ".10g"
AROUND = ("from", "to", "camera")
NUMBERS = ("value", "error_95_percent", "withheld", "anonymity")

Row = tuple[str, tuple[object, ...], Published]
"""Camera, the columns of its own, number."""


def stays_csv(connection: Connection, period: Period, kind: str, found: Iterable[Stays]) -> str:
    """A row for each zone and duration in seconds: how many visits lasted so long."""
    rows: Iterator[Row] = (
        (stays.camera, (plain(stays.zone), kind, seconds), number)
        for stays in found
        for seconds, number in zip(DWELL_BINS, stays.bins, strict=True)
    )
    return _csv(connection, period, ("zone", "kind", "seconds"), rows)


def ways_csv(connection: Connection, period: Period, found: Iterable[Ways]) -> str:
    """A row for each pair of a camera's zones: how many persons went from the one to the other."""
    rows: Iterator[Row] = (
        (ways.camera, (plain(begin), plain(end)), number)
        for ways in found
        for begin, numbers in zip(ways.zones, ways.numbers, strict=True)
        for end, number in zip(ways.zones, numbers, strict=True)
        if number is not None
    )
    return _csv(connection, period, ("from_zone", "to_zone"), rows)


def heat_csv(connection: Connection, period: Period, found: Iterable[Heat]) -> str:
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
        for row, numbers in enumerate(heat.rows)
        for column, number in enumerate(numbers)
    )
    return _csv(connection, period, ("left", "top", "right", "bottom"), rows)


def _csv(connection: Connection, period: Period, names: tuple[str, ...], rows: Iterable[Row]) -> str:
    """`value` is not clamped at zero, so that sums stay right on average; columns as in `exporting.export_counts`."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow((*AROUND, *names, *NUMBERS))
    modes = name_modes(sorted(modes_of(connection, period)))
    begin, end = period.local(period.start), period.local(period.end)
    for camera, own, number in rows:
        withheld = "yes" if number.withheld else ""
        value = "" if number.withheld and number.value <= 0 else format(number.value, DIGITS)
        table.writerow((begin, end, plain(camera), *own, value, number.margin, withheld, modes))
    return text.getvalue()
