"""One measure over time to take away: CSV for spreadsheets, and a sheet to print. Numbers and text only."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from appliance.reports.exploration import Answer
from appliance.reports.exporting import name_modes, plain
from appliance.reports.period import Period
from appliance.reports.rendering import typeset
from appliance.resources import find_resource

COLUMNS = ("from", "to", "measure", "where", "value", "error_95_percent", "withheld", "anonymity")
DIGITS = ".10g"


def as_csv(
    measure: str, where: str, answers: Iterable[tuple[Period, Answer]], modes: Sequence[tuple[str, float]]
) -> str:
    """CSV (RFC 4180): a row for each interval of each period, in the periods' order.

    `value` is empty where nothing may be told, and not clamped at zero; times are in seconds. Columns as in
    `exporting.export_counts`.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for period, answer in answers:
        for point in answer.points:
            told = point.told
            table.writerow(
                (
                    period.local(point.start),
                    period.local(point.end),
                    measure,
                    plain(where),
                    "" if told.value is None else format(told.value, DIGITS),
                    format(told.margin, DIGITS),
                    "yes" if told.at_least else "",
                    name_modes(modes),
                )
            )
    return text.getvalue()


def as_pdf(facts: Mapping[str, Any], now: datetime) -> bytes:
    """The sheet (`templates/numbers.typ`), PDF/A-3b. Raises `RenderingFailed`."""
    return typeset(find_resource("templates", "numbers.typ"), dict(facts), {}, int(now.timestamp()))
