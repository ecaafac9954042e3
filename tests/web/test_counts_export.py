"""Counts that are taken away: as they may be shown, and written into the log."""

import csv
import hashlib
import io
from datetime import timedelta

from appliance.storage import measurements
from appliance.storage.measurements import MeasurementRow
from appliance.web.context import WebContext
from tests.web.conftest import NOON, Browser, audit_entries

TODAY = f"{NOON:%Y-%m-%d}"
YESTERDAY = f"{NOON - timedelta(days=1):%Y-%m-%d}"


def store(context: WebContext, value: float, mode: str, variance: float = 0.0, place: str = "door") -> None:
    epsilon = 2.0 if mode == "differential" else 0.0
    key = ("entrance", "crossings", place, "person", "in")
    row = MeasurementRow(NOON - timedelta(days=1), 900, *key, value, mode, epsilon, variance)
    with context.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def table(browser: Browser, first: str = YESTERDAY, last: str = YESTERDAY) -> list[dict[str, str]]:
    response = browser.get(f"/counts.csv?from={first}&to={last}")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.text)))


def test_noisy_numbers_have_their_error_and_are_not_clamped(browser: Browser, context: WebContext) -> None:
    store(context, -3.0, "differential", 9.0)
    (row,) = table(browser)
    assert (row["camera"], row["measure"], row["place"], row["direction"]) == ("entrance", "crossings", "door", "in")
    assert (row["value"], row["error_95_percent"], row["withheld"]) == ("-3", "7", "")
    assert row["anonymity"] == "differential (epsilon 2)"
    assert row["from"] == f"{YESTERDAY}T13:00:00+01:00"


def test_vehicles_by_label_are_rows_of_their_own(browser: Browser, context: WebContext) -> None:
    key = ("entrance", "crossings_by_label", "door", "vehicle")
    with context.engine.begin() as connection:
        for name in ("car-in", "truck-out"):
            start = NOON - timedelta(days=1)
            measurements.add_bucket(connection, [MeasurementRow(start, 900, *key, name, 8.0, "differential", 2.0, 9.0)])
    rows = [(row["measure"], row["kind"], row["direction"], row["value"]) for row in table(browser)]
    assert rows == [("crossings_by_label", "vehicle", name, "8") for name in ("car-in", "truck-out")]
    assert all(int(row["error_95_percent"]) > 0 for row in table(browser))


def test_small_numbers_are_withheld(browser: Browser, context: WebContext) -> None:
    store(context, 4.0, "threshold")
    (row,) = table(browser)
    assert (row["value"], row["withheld"], row["anonymity"]) == ("0", "yes", "threshold")
    by_day = table(browser, YESTERDAY, TODAY)
    assert [(each["value"], each["withheld"]) for each in by_day] == [("0", "yes")]


def test_it_is_written_into_the_log_what_was_taken(browser: Browser, context: WebContext) -> None:
    store(context, 9.0, "off")
    content = browser.get(f"/counts.csv?from={YESTERDAY}&to={YESTERDAY}").data
    event = next(entry.event for entry in audit_entries(context) if entry.event.action == "counts-downloaded")
    assert (event.actor, event.data_class, event.destination) == ("ada", "metric", "browser")
    assert (event.byte_count, event.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert YESTERDAY in event.subject


def test_no_name_is_a_formula(browser: Browser, context: WebContext) -> None:
    store(context, 9.0, "off", place='=HYPERLINK("http://x")')
    (row,) = table(browser)
    assert row["place"].startswith("'=")


def test_a_period_that_makes_no_sense_is_explained(browser: Browser) -> None:
    for dates in ("from=2026-13-01&to=2026-10-01", "from=&to=", "from=2999-01-01&to=2999-01-02"):
        response = browser.get(f"/counts.csv?{dates}")
        assert response.status_code == 302
    assert "is in the future" in browser.get("/reports").text
