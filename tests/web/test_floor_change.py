"""Explore's views of the floor compare two periods: on the page, as CSV and on paper."""

import csv
import io
import json
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from appliance.reports.period import PeriodError
from appliance.storage import cameras, floor_plan, measurements
from appliance.storage.cameras import ZoneSetting
from appliance.storage.measurements import MeasurementRow
from appliance.web.choice import Against
from appliance.web.context import WebContext
from appliance.web.floor_choice import presets, read_floor_choice
from tests.web.conftest import ENTRANCE, NOON, Browser
from tests.web.test_floor import PLAN, ROOM

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 11, 23)
WEEK = {"from": "2026-11-16", "to": "2026-11-22", "against": "before"}


@pytest.fixture
def shop(context: WebContext) -> WebContext:
    queue = ZoneSetting("till", ROOM, queue=True)
    with context.engine.begin() as connection:
        cameras.update(connection, replace(ENTRANCE, zones=(*ENTRANCE.zones, queue), heat_map=True))
        floor_plan.write(connection, floor_plan.parse(json.dumps(PLAN)))
    return context


def store(context: WebContext, days_ago: int, measure: str, place: str, direction: str, value: float) -> None:
    row = MeasurementRow(
        NOON - timedelta(days=days_ago),
        900,
        "entrance",
        measure,
        place,
        "person" if place else "",
        direction,
        value,
        "differential",
        epsilon=2.0,
        variance=8.0 if place else 0.0,
    )
    with context.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def page(browser: Browser, view: str, **arguments: str) -> str:
    response = browser.get(f"/explore/{view}?{urlencode(WEEK | arguments)}")
    assert response.status_code == 200
    return response.text


def test_visits_are_told_beside_those_of_the_other_time(browser: Browser, shop: WebContext) -> None:
    for days_ago, short, long in ((2, 300, 90), (9, 260, 20)):
        store(shop, days_ago, "dwell", "till", "15-30", short)
        store(shop, days_ago, "dwell", "till", "120-300", long)
    text = page(browser, "stays")
    assert "16 to 22 November 2026, compared with 9 to 15 November 2026" in text
    assert f"39{NBSP}% more visits than in the other period. 70 more waited for two minutes or longer." in text
    assert f"In the other time: 280{NBSP}±" in text
    assert f'<td class="number">260{NBSP}±{NBSP}7</td><td class="number"><strong>+40{NBSP}±{NBSP}9</strong>' in text
    assert '<path class="other" d="M' in text


def test_a_zone_without_a_past_is_not_compared(browser: Browser, shop: WebContext) -> None:
    store(shop, 2, "dwell", "till", "15-30", 300)
    text = page(browser, "stays")
    assert "This was not counted in both times, so they are not compared." in text
    assert "In the other time" not in text


def test_what_is_no_more_than_noise_is_no_difference(browser: Browser, shop: WebContext) -> None:
    store(shop, 2, "dwell", "till", "15-30", 103)
    store(shop, 9, "dwell", "till", "15-30", 100)
    text = page(browser, "stays")
    assert "No clear difference between the two periods." in text
    assert f"+3{NBSP}±{NBSP}9" in text
    assert f"<strong>+3{NBSP}±" not in text


def test_ways_tell_what_was_before(browser: Browser, shop: WebContext) -> None:
    store(shop, 2, "flows", "hall>till", "", 45)
    store(shop, 9, "flows", "hall>till", "", 95)
    text = page(browser, "ways")
    assert f"then 95{NBSP}±{NBSP}7" in text
    assert f"<strong>{MINUS}50{NBSP}±{NBSP}9</strong>" in text


def test_heat_is_drawn_where_it_became_more_and_less(browser: Browser, shop: WebContext) -> None:
    for days_ago, near, far in ((2, 7200, 600), (9, 600, 7200)):
        store(shop, days_ago, "heat_seconds", "0,11", "", near)
        store(shop, days_ago, "heat_seconds", "5,11", "", far)
    text = page(browser, "heat")
    assert f"<title>entrance: +1{NBSP}h{NBSP}50{NBSP}min ±{NBSP}9 s</title>" in text
    assert f"<title>entrance: {MINUS}1{NBSP}h{NBSP}50{NBSP}min ±{NBSP}9 s</title>" in text
    assert text.count('class="heat less shade-5"') == 1 + 1 + 1, "plan, camera and legend"
    assert text.count('class="sign"') == 2
    assert "Where most changed" in text


def test_a_camera_that_did_not_watch_as_long_is_named(browser: Browser, shop: WebContext) -> None:
    store(shop, 2, "observed_seconds", "", "", 900)
    assert "entrance watched for 0 h in this time and for 0 h in the other" in page(browser, "stays")
    store(shop, 9, "observed_seconds", "", "", 900)
    assert "watched for" not in page(browser, "stays")


def test_the_table_holds_both_times_and_the_change(browser: Browser, shop: WebContext) -> None:
    for days_ago, value in ((2, 300), (9, 260)):
        store(shop, days_ago, "dwell", "till", "15-30", value)
        store(shop, days_ago, "flows", "hall>till", "", value)
        store(shop, days_ago, "heat_seconds", "3,4", "", value)
    for view in ("stays", "ways", "heat"):
        response = browser.get(f"/explore/{view}.csv?{urlencode(WEEK)}")
        (row,) = [each for each in csv.DictReader(io.StringIO(response.text)) if each["value"] == "300"]
        expected = {
            "other_from": "2026-11-09T00:00:00+01:00",
            "other_to": "2026-11-16T00:00:00+01:00",
            "other_value": "260",
            "other_error_95_percent": "7",
            "other_withheld": "",
            "other_anonymity": row["anonymity"],
            "change": "40",
            "change_error_95_percent": "9",
        }
        assert row.items() >= expected.items()
        assert browser.get(f"/explore/{view}.pdf?{urlencode(WEEK)}").data.startswith(b"%PDF-")


def test_a_change_that_cannot_be_told_is_an_empty_cell(browser: Browser, shop: WebContext) -> None:
    store(shop, 2, "dwell", "till", "15-30", 300)
    response = browser.get(f"/explore/stays.csv?{urlencode(WEEK)}")
    assert {(row["change"], row["change_error_95_percent"]) for row in csv.DictReader(io.StringIO(response.text))} == {
        ("", "")
    }


def read(**arguments: str) -> tuple[str, str, str, str]:
    choice = read_floor_choice({name.rstrip("_"): value for name, value in arguments.items()}, TODAY, PARIS)
    assert choice.other is not None
    days = (choice.period.first, choice.period.last, choice.other.first, choice.other.last)
    first, last, other, end = (f"{each:%m-%d}" for each in days)
    return first, last, other, end


def test_today_is_left_out_of_a_comparison_and_the_same_weekdays_are_compared() -> None:
    assert read(from_="2026-11-17", to="2026-11-23", against="before") == ("11-17", "11-22", "11-10", "11-15")
    assert read(from_="2026-11-16", to="2026-11-22", against="before") == ("11-16", "11-22", "11-09", "11-15")
    assert read(from_="2026-11-16", to="2026-11-22", against="own", other="2026-11-02") == (
        "11-16",
        "11-22",
        "11-02",
        "11-08",
    )
    assert read(from_="2026-11-16", to="2026-11-22", against="year")[2:] == ("11-17", "11-23")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"from": "2026-11-23", "against": "before"}, "Today is not over"),
        ({"from": "2026-11-16", "to": "2026-11-20", "against": "own", "other": "2026-11-19"}, "not over yet"),
        ({"from": "2026-11-16", "to": "2026-11-20", "against": "own", "other": "2026-11-13"}, "overlap"),
        ({"from": "2026-11-16", "to": "2026-11-20", "against": "own", "other": "soon"}, "is not a date"),
    ],
)
def test_times_that_cannot_be_compared_are_refused(arguments: dict[str, str], problem: str) -> None:
    with pytest.raises(PeriodError, match=problem):
        read_floor_choice(arguments, TODAY, PARIS)


def test_the_address_keeps_what_was_asked_for() -> None:
    arguments = {"from": "2026-11-17", "to": "2026-11-23", "against": "before"}
    assert read_floor_choice(arguments, TODAY, PARIS).arguments() == arguments
    own = {"from": "2026-11-10", "to": "2026-11-12", "against": "own", "other": "2026-11-03", "kind": "vehicle"}
    choice = read_floor_choice(own, TODAY, PARIS)
    assert choice.arguments() == own
    # A period that is asked for often keeps the comparison, but not a day of one's own choice; today has none.
    assert [each.get("against") for _, each in presets(read_floor_choice(arguments, TODAY, PARIS), TODAY)] == [
        None,
        "before",
        "before",
    ]
    assert all("against" not in each and "other" not in each for _, each in presets(choice, TODAY))


def test_half_a_choice_compares_with_nothing(browser: Browser, shop: WebContext) -> None:
    store(shop, 2, "dwell", "till", "15-30", 300)
    assert "compared with" not in page(browser, "stays", against=Against.OWN.value)
    assert "compared with" not in page(browser, "stays", against="never")


@pytest.mark.parametrize("view", ["stays", "ways", "heat"])
def test_days_at_the_ends_of_the_calendar_are_explained(browser: Browser, view: str) -> None:
    """They made an error of the server once."""
    for first, last in (("0001-01-01", "0001-01-05"), ("", "0001-01-02")):
        arguments = {name: value for name, value in (("from", first), ("to", last)) if value}
        for against in ({}, {"against": "before"}, {"against": "year"}):
            response = browser.get(f"/explore/{view}?{urlencode(arguments | against)}")
            assert response.status_code == 200
            assert "is not between 2000 and 2999" in response.text
