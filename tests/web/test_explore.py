"""Explore: every choice is in the address, the page tells it, and what is taken away is written down."""

import csv
import hashlib
import io
import re
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.opening_hours import Opening
from appliance.reports.exploration import SUBJECTS, Point, Told, Unit
from appliance.storage import cameras, measurements
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.measurements import MeasurementRow
from appliance.web.application import create_app
from appliance.web.choice import Against, options, places, read_choice
from appliance.web.context import WebContext
from appliance.web.counts import CameraPlaces
from appliance.web.plot import plot
from tests.web.conftest import NOON, Browser, audit_entries, open_browser

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 11, 23)
NBSP = "\N{NO-BREAK SPACE}"
HOUSE = [
    CameraPlaces("door/1", ("in > out", "back"), ("hall", "till"), (), ("till",)),
    CameraPlaces("yard", ("gate",), ()),
]


def store(context: WebContext, value: float, days_ago: float = 1, **more: object) -> None:
    fields = {"measure": "crossings", "place": "door", "kind": "person", "direction": "in"} | more
    row = MeasurementRow(NOON - timedelta(days=days_ago), 900, "entrance", value=value, **fields)  # type: ignore[arg-type]
    with context.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def page(browser: Browser, **arguments: str) -> str:
    response = browser.get(f"/explore?{urlencode(arguments)}")
    assert response.status_code == 200
    return response.text


def test_the_page_tells_what_is_asked_for(browser: Browser, context: WebContext) -> None:
    store(context, 1234, variance=50.0, mode="differential", epsilon=2.0)
    text = page(browser, measure="in", where="entrance/door", unit="day", **{"from": "2026-11-20", "to": "2026-11-23"})
    assert "People in, by the day" in text
    assert f'<th scope="row">Sun, 22 Nov 2026</th><td class="number">1,234{NBSP}±{NBSP}' in text
    assert "the 95 % interval" in text
    assert 'value="entrance/door" selected' in text
    assert 'value="2026-11-20"' in text


def test_two_periods_are_compared(browser: Browser, context: WebContext) -> None:
    store(context, 150)
    store(context, 100, days_ago=8)
    text = page(browser, against="before", unit="day", **{"from": "2026-11-17", "to": "2026-11-23"})
    assert f"50{NBSP}% more" in text
    assert "10 to 16 November 2026" in text
    assert 'class="other"' in text


def test_each_change_has_an_interval_of_its_own(browser: Browser, context: WebContext) -> None:
    noisy = {"mode": "differential", "epsilon": 2.0, "variance": 8.0}
    for days_ago, value in ((1, 150), (8, 100), (2, 50), (9, 51)):
        store(context, value, days_ago=days_ago, **noisy)
    store(context, 4, days_ago=3, mode="threshold")
    text = page(browser, against="before", unit="day", **{"from": "2026-11-17", "to": "2026-11-23"})
    row = r'<tr><th scope="row">([^<]+)</th>.*?<td class="number">([^/]*?(?:</strong>)?)</td></tr>'
    changes = dict(re.findall(row, text, re.DOTALL))
    assert changes["Sun, 22 Nov 2026"] == f"<strong>+50{NBSP}±{NBSP}10</strong>"
    assert changes["Sat, 21 Nov 2026"] == f"\N{MINUS SIGN}1{NBSP}±{NBSP}10"
    assert changes["Fri, 20 Nov 2026"] == "\N{EN DASH}", "withheld"
    assert changes["Wed, 18 Nov 2026"] == "\N{EN DASH}", "not counted"


def test_every_measure_and_unit_has_a_page(browser: Browser, context: WebContext) -> None:
    store(context, 5)
    for measure in SUBJECTS:
        assert "Explore" in page(browser, measure=measure, **{"from": "2026-11-22", "to": "2026-11-23"})
    for unit in Unit:
        assert "by the" in page(browser, unit=unit.value, **{"from": "2026-11-22", "to": "2026-11-23"})


def test_vehicles_can_be_asked_for_by_label_where_a_camera_counts_them_so(
    browser: Browser, context: WebContext
) -> None:
    assert 'value="bus-in"' not in page(browser, measure="in")
    assert "ask for it" in page(browser, measure="bus-in")
    gate = (LineSetting("gate", 0, 0, 1, 1),)
    with context.engine.begin() as connection:
        cameras.add(connection, Camera("yard", "/clips/yard.avi", lines=gate, vehicle_labels=True))
        start = NOON - timedelta(days=1)
        for name, value in (("bus-in", 3.0), ("car-in", 40.0)):
            row = MeasurementRow(start, 900, "yard", "crossings_by_label", "gate", "vehicle", name, value)
            measurements.add_bucket(connection, [row])
    text = page(browser, measure="in")
    assert 'value="bus-in"' in text
    arguments = {"measure": "bus-in", "where": "yard/gate", "from": "2026-11-22", "to": "2026-11-22"}
    assert "Buses in" in page(browser, **arguments)
    rows = csv.DictReader(io.StringIO(browser.get(f"/explore/numbers.csv?{urlencode(arguments)}").text))
    assert [(row["measure"], row["where"], row["value"]) for row in rows] == [("bus-in", "gate", "3")]


def test_of_parked_vehicles_it_is_said_when_they_are_told(browser: Browser, context: WebContext) -> None:
    store(context, 7, measure="dwell", place="hall", kind="vehicle", direction="60-120")
    store(context, 5, measure="dwell", place="hall", kind="vehicle", direction="15-30")
    arguments = {"from": "2026-11-22", "to": "2026-11-22"}
    text = page(browser, measure="vehicles-parked", **arguments)
    assert '<td class="number">7</td>' in text
    assert "is told when it has left" in text
    assert '<td class="number">12</td>' in page(browser, measure="vehicles-left", **arguments)


def test_choices_that_make_no_sense_are_explained(browser: Browser) -> None:
    assert "is in the future" in page(browser, to="2999-01-01")
    assert "is not a date" in page(browser, **{"from": "yesterday"})
    assert "choose fewer days or a longer unit" in page(browser, unit="hour", **{"from": "2025-11-22"})
    assert "every place is shown" in page(browser, where="gone/door")
    assert "People in, by the day" in page(browser, measure="faces", unit="second")


def test_opening_hours_are_shaded(context: WebContext) -> None:
    hours = msgspec.structs.replace(context.settings, opening=Opening(sunday=("09:00-19:00",)))
    opened = replace(context, settings=hours)
    browser = open_browser(create_app(opened), opened)
    store(opened, 5)
    text = page(browser, unit="hour", **{"from": "2026-11-22", "to": "2026-11-22"})
    assert '<path class="shade" d="M375 0H791.7V1000H375z"/>' in text
    assert "Shaded: opening hours." in text


def test_what_is_taken_away_is_written_down(browser: Browser, context: WebContext) -> None:
    store(context, 40)
    store(context, 4, days_ago=2, mode="threshold")
    arguments = urlencode({"measure": "in", "unit": "day", "from": "2026-11-21", "to": "2026-11-22"})
    content = browser.get(f"/explore/numbers.csv?{arguments}")
    rows = list(csv.DictReader(io.StringIO(content.text)))
    assert [(row["value"], row["withheld"]) for row in rows] == [("", "yes"), ("40", "")]
    assert rows[1]["from"] == "2026-11-22T00:00:00+01:00"
    sheet = browser.get(f"/explore/numbers.pdf?{arguments}")
    assert sheet.data.startswith(b"%PDF-")
    taken = [entry.event for entry in audit_entries(context, "counts-downloaded")]
    assert [(each.actor, each.sha256) for each in taken] == [
        ("ada", hashlib.sha256(each.data).hexdigest()) for each in (content, sheet)
    ]
    assert browser.get("/explore/numbers.csv?to=2999-01-01").status_code == 302


def test_a_camera_with_places_is_offered_in_groups(context: WebContext, browser: Browser) -> None:
    camera = Camera(
        "tills",
        "/clips/tills.avi",
        lines=(LineSetting("a", 0, 0, 1, 1), LineSetting("b", 0, 0.5, 1, 1)),
        zones=(ZoneSetting("till", ((0, 0), (1, 0), (1, 1)), queue=True),),
    )
    with context.engine.begin() as connection:
        cameras.add(connection, camera)
    assert '<optgroup label="tills">' in page(browser, measure="in")
    assert 'value="tills/till"' in page(browser, measure="waiting")


def test_places_are_what_the_address_names() -> None:
    by_label = {option.label: option.value for option in options("in", HOUSE)}
    assert places("in", by_label["in > out"], HOUSE) == {("door/1", "in > out")}
    assert places("in", by_label["All of door/1"], HOUSE) == {("door/1", "in > out"), ("door/1", "back")}
    assert places("in", "", HOUSE) is None
    assert places("queue", "", HOUSE) == {("door/1", "till")}
    assert {each.value for each in options("flows", HOUSE)} == {
        "",
        "door%2F1",
        "door%2F1/hall%3Etill",
        "door%2F1/till%3Ehall",
    }


@given(
    st.sampled_from(list(SUBJECTS)),
    st.sampled_from(list(Unit)),
    st.sampled_from(list(Against)),
    st.dates(date(2023, 1, 1), TODAY),
    st.integers(0, 300),
)
def test_the_address_holds_the_whole_choice(measure: str, unit: Unit, against: Against, last: date, days: int) -> None:
    arguments = {"measure": measure, "unit": unit.value, "against": against.value, "to": last.isoformat()}
    arguments |= {"from": (last - timedelta(days=days)).isoformat(), "other": "2021-05-01"}
    choice = read_choice(arguments, TODAY, PARIS)
    assert read_choice(choice.arguments(), TODAY, PARIS) == choice


def test_a_year_earlier_has_the_same_weekdays_or_the_same_months() -> None:
    week = read_choice({"from": "2026-11-02", "to": "2026-11-08", "against": "year"}, TODAY, PARIS)
    assert week.other is not None
    assert week.other.first == date(2025, 11, 3)
    months = read_choice({"from": "2024-02-29", "to": "2024-12-31", "against": "year", "unit": "month"}, TODAY, PARIS)
    assert months.other is not None
    assert (months.other.first, months.other.last) == (date(2023, 2, 28), date(2023, 12, 31))


@example([(5e-324, 5e-324)])
@given(st.lists(st.tuples(st.none() | st.floats(-50, 1e6), st.floats(0, 1e3)), min_size=1, max_size=60))
def test_nothing_is_drawn_outside_the_chart(numbers: list[tuple[float | None, float]]) -> None:
    points = [
        Point(NOON + timedelta(hours=index), NOON + timedelta(hours=index + 1), Told(value, margin))
        for index, (value, margin) in enumerate(numbers)
    ]
    drawn = plot(points, ["x"] * len(points), [point.told for point in points], [(NOON, NOON + timedelta(hours=1))])
    for path in (drawn.errors, drawn.line):
        coordinates = [float(each) for each in path.translate(str.maketrans("MLV", "   ")).split()]
        assert all(0 <= each <= 1000 for each in coordinates)
    assert drawn.rows
    assert all(0 <= tick.at <= 100 for tick in (*drawn.rows, *drawn.columns))


@pytest.mark.parametrize("highest", [0.04, 0.9, 3, 17, 990, 123_456])
def test_the_axis_has_a_few_round_numbers(highest: float) -> None:
    drawn = plot([Point(NOON, NOON + timedelta(hours=1), Told(highest))], ["x"])
    assert 2 <= len(drawn.rows) <= 6


def test_only_time_that_both_periods_have_is_compared(browser: Browser, context: WebContext) -> None:
    store(context, 300, days_ago=2)
    store(context, 150)
    store(context, 900, days_ago=0)
    store(context, 100, days_ago=8)
    text = page(browser, against="before", unit="day", **{"from": "2026-11-17", "to": "2026-11-23"})
    assert f"50{NBSP}% more, over the time that is over and was counted in both periods." in text
    whole = page(browser, against="own", other="2026-11-15", unit="day", **{"from": "2026-11-22", "to": "2026-11-22"})
    assert f"50{NBSP}% more than in the other period." in whole
    apart = page(browser, against="own", other="2026-11-10", unit="day", **{"from": "2026-11-22", "to": "2026-11-22"})
    assert "The two periods have no time in common" in apart
