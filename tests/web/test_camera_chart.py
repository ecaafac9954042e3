"""A camera's page draws how it spent its time, and the API tells the same."""

import re
from datetime import timedelta

from appliance.audit.log import Event, append
from appliance.storage import measurements
from appliance.storage.measurements import MeasurementRow
from appliance.web.context import WebContext
from tests.web.conftest import NOON, Browser

PAGE = "/cameras/entrance/settings"


def watched(context: WebContext, hours_ago: float, quarters: int = 4) -> None:
    start = NOON - timedelta(hours=hours_ago)
    with context.engine.begin() as connection:
        for number in range(quarters):
            rows = [
                MeasurementRow(start + timedelta(minutes=15 * number), 900, "entrance", name, "", "", "", value)
                for name, value in (("observed_seconds", 900.0), ("unreliable_seconds", 90.0))
            ]
            measurements.add_bucket(connection, rows)


def test_without_anything_known_the_page_says_so(browser: Browser) -> None:
    text = browser.get(PAGE).text
    assert "Health, day by day" in text
    assert "Nothing is known of this camera in this time." in text


def test_each_hour_is_a_bar_and_a_row(browser: Browser, context: WebContext) -> None:
    watched(context, 2)
    with context.engine.begin() as connection:
        append(
            connection,
            Event("engine", "camera-state", "entrance", details={"state": "failed"}),
            NOON - timedelta(hours=1),
        )
    text = browser.get(PAGE, query_string={"chart": "hours"}).text
    assert "Health, hour by hour" in text
    # Twenty-four hours lie before noon, of which the last but one was watched and the last was not.
    assert re.search(r'<path class="streaming" d="M\d+\.\d 1000v-900h[\d.]+v900z"/>', text)
    assert re.search(r'<path class="unreliable" d="M\d+\.\d 100v-100h[\d.]+v100z"/>', text)
    assert re.search(r'<path class="away" d="M\d+\.\d 1000v-1000h[\d.]+v1000z"/>', text)
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>((?:<td class="number">[^<]+</td>)+)', text)
    told = {label: re.findall(r">([^<]+)</td>", cells) for label, cells in rows}
    assert len(told) == 24
    assert told["Mon, 23 Nov 2026, 11:00"] == ["90%", "10%", "0%", "0%", "0%"]
    assert told["Mon, 23 Nov 2026, 12:00"] == ["0%", "0%", "100%", "0%", "0%"]
    assert told["Mon, 23 Nov 2026, 10:00"] == ["0%", "0%", "0%", "0%", "100%"]


def test_days_are_drawn_at_first_and_a_word_that_is_none_counts_as_left_out(
    browser: Browser, context: WebContext
) -> None:
    watched(context, 26)
    for address in (PAGE, f"{PAGE}?chart=years"):
        text = browser.get(address).text
        assert "Health, day by day" in text
        assert '<th scope="row">Sun, 22 Nov 2026</th><td class="number">4%</td>' in text
    # A little is not said to be nothing.
    assert "Pictures came, and could be relied on, for 1% of this time." in browser.get(PAGE).text
