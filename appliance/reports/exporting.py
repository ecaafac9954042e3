"""Counts of a period as a table for spreadsheets, as they may be shown, each with its error."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import Connection

from appliance.metrics.publishing import Published
from appliance.reports.period import Interval, Period
from appliance.reports.sums import Key, Sums, read_sums
from appliance.storage import measurements

COLUMNS = (
    *("from", "to", "camera", "measure", "place", "kind", "direction"),
    *("value", "error_95_percent", "withheld", "anonymity"),
)
# A spreadsheet would take a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_counts(connection: Connection, period: Period, now: datetime, k: int) -> str:
    """CSV (RFC 4180): a row for each number of each hour, day or month of the period, after `Period.unit`.

    `value` is not clamped at zero, so that sums over rows stay right on average; plus and minus `error_95_percent` is
    its 95 % interval, 0 is exact. With `withheld` a part is left out because it is small, and the value is at least
    what is told. `anonymity` names the modes of the period's counts.
    """
    sums, _ = read_sums(connection, period, period.intervals(), now, k)
    return as_table(connection, period, sums)


def as_table(connection: Connection, period: Period, sums: Iterable[Sums]) -> str:
    """The same of sums that were read already, one for each of the period's intervals."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    intervals = period.intervals()
    modes = name_modes(measurements.modes(connection, period.start, period.end))
    for interval, each in zip(intervals, sums, strict=True):
        table.writerows(_rows(period, interval, sorted(each.numbers.items()), modes))
    return text.getvalue()


def _rows(
    period: Period, interval: Interval, numbers: Iterable[tuple[Key, Published]], modes: str
) -> Iterator[tuple[object, ...]]:
    for key, number in numbers:
        yield (
            period.local(interval.start),
            period.local(interval.end),
            *map(plain, key),
            f"{number.value:.10g}",
            number.margin,
            "yes" if number.withheld else "",
            modes,
        )


def name_modes(found: Iterable[tuple[str, float]]) -> str:
    """The modes of anonymity in one text."""
    return ", ".join(f"{mode} (epsilon {epsilon:g})" if epsilon else mode for mode, epsilon in found)


def plain(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(FORMULA) else name
