"""Explore's views of the floor: durations, ways and heat as they are told, over a plan that somebody drew."""

import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from appliance.metrics.floor import DWELL_BINS
from appliance.reports.floor import SHADES, shade
from appliance.storage import cameras, floor_plan, measurements
from appliance.storage.cameras import ZoneSetting
from appliance.storage.measurements import MeasurementRow
from appliance.web.context import WebContext
from appliance.web.floor_view import bin_labels
from tests.web.conftest import ENTRANCE, NOON, Browser, audit_entries

NBSP = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
ROOM = ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9))
PLAN = {
    "shapes": [
        {"kind": "wall", "points": [[0.1, 0.1], [0.9, 0.1]]},
        {"kind": "area", "points": [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4]], "text": "Shelf <1>"},
    ],
    "cameras": [{"camera": "entrance", "corners": [[0, 0], [1, 0], [1, 1], [0, 1]], "top": 0.5}],
    "proportion": 2.0,
}


@pytest.fixture
def shop(context: WebContext) -> WebContext:
    """The entrance has a queue beside its hall, and a heat map."""
    queue = ZoneSetting("till", ROOM, queue=True)
    with context.engine.begin() as connection:
        cameras.update(connection, replace(ENTRANCE, zones=(*ENTRANCE.zones, queue), heat_map=True))
    return context


def store(context: WebContext, measure: str, place: str, direction: str, value: float, **more: object) -> None:
    fields = {"kind": "person", "variance": 0.0} | more
    row = MeasurementRow(
        NOON - timedelta(hours=5),
        900,
        "entrance",
        measure,
        place,
        direction=direction,
        value=value,
        **fields,  # type: ignore[arg-type]
    )
    with context.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def page(browser: Browser, view: str, **arguments: str) -> str:
    response = browser.get(f"/explore/{view}?{urlencode(arguments)}")
    assert response.status_code == 200
    return response.text


def test_bins_are_told_as_durations() -> None:
    assert len(bin_labels()) == len(DWELL_BINS)
    assert bin_labels()[3] == f"30{DASH}60{NBSP}s"
    assert bin_labels()[4] == f"1{DASH}2{NBSP}min"
    assert bin_labels()[-1] == f"10{NBSP}min{NBSP}+"


def test_how_long_people_stay_and_wait(browser: Browser, shop: WebContext) -> None:
    for name, value in (("15-30", 60), ("120-300", 40)):
        store(shop, "dwell", "till", name, value)
    store(shop, "dwell", "hall", "30-60", 7, variance=2.0, mode="differential", epsilon=2.0)
    text = page(browser, "stays")
    assert f"100 visits. The usual wait is 15{DASH}30{NBSP}s; 40% wait for two minutes or more." in text
    assert f"The usual stay is 30{DASH}60{NBSP}s." in text
    assert re.search(rf'<th scope="row">2{DASH}5{NBSP}min</th><td class="number">40</td><td class="number">40%', text)
    assert f"7{NBSP}±{NBSP}4" in text
    assert "Queue" in text
    assert "17 to 23 November 2026" in text


@pytest.mark.usefixtures("shop")
def test_a_zone_where_nothing_ended_says_so(browser: Browser) -> None:
    assert page(browser, "stays").count("No visit has ended here in this time.") == 2


def test_vehicles_that_stayed_are_parked(browser: Browser, shop: WebContext) -> None:
    store(shop, "dwell", "hall", "0-5", 3, kind="vehicle")
    store(shop, "dwell", "hall", "600+", 9, kind="vehicle")
    text = page(browser, "stays", kind="vehicle")
    assert "9 parked, for a minute or more, of 12 that came" in text
    assert "No visit has ended here" in page(browser, "stays")


def test_ways_are_told_from_each_zone_to_each(browser: Browser, shop: WebContext) -> None:
    store(shop, "flows", "hall>till", "", 45)
    store(shop, "flows", "till>hall", "", 3, variance=100.0, mode="differential", epsilon=2.0)
    text = page(browser, "ways")
    assert '<td class="number shade-5">45</td>' in text
    assert f'<td class="number shade-0">3{NBSP}±{NBSP}' in text
    assert "No camera has two zones" not in text


def test_without_two_zones_there_are_no_ways(browser: Browser) -> None:
    assert "No camera has two zones" in page(browser, "ways")
    assert "No heat map yet" in page(browser, "heat")


def test_shades_tell_more_from_less_and_noise_from_both() -> None:
    exact = [shade(True, value, 100.0) for value in (0, 1, 10, 30, 60, 100)]
    assert exact == sorted(exact)
    assert (exact[0], exact[1], exact[-1]) == (0, 1, SHADES)
    assert shade(False, 5.0, 100.0) == 0


def draw(context: WebContext) -> None:
    with context.engine.begin() as connection:
        floor_plan.write(connection, floor_plan.parse(json.dumps(PLAN)))


def test_heat_lies_over_the_plan_where_the_floor_was_put(browser: Browser, shop: WebContext) -> None:
    draw(shop)
    store(shop, "heat_seconds", "0,11", "", 7200)
    store(shop, "heat_seconds", "15,2", "", 7000)
    text = page(browser, "heat")
    # The lowest of twelve rows is the last sixth of the floor, which begins in the middle; a column of sixteen is 125.
    assert '<polygon class="heat shade-5" points="0,833.3 125,833.3 125,1000 0,1000">' in text
    assert f"<title>entrance: 2{NBSP}h{NBSP}00{NBSP}min</title>" in text
    assert text.count('<polygon class="heat') == 1 + 2, "what is above the floor is not on the plan"
    assert '<polygon class="area" points="400,200 800,200 800,400"/>' in text
    assert "Shelf &lt;1&gt;" in text
    assert "3% from the left, 96% from the top" in text


def test_without_a_place_on_the_plan_somebody_is_told_what_to_do(browser: Browser, shop: WebContext) -> None:
    with shop.engine.begin() as connection:
        floor_plan.write(connection, floor_plan.parse(json.dumps(PLAN | {"cameras": []})))
    store(shop, "heat_seconds", "0,11", "", 7200)
    assert "No camera is placed on the plan yet" in page(browser, "heat")


@pytest.mark.usefixtures("shop")
def test_choices_that_make_no_sense_are_explained(browser: Browser) -> None:
    assert "choose 31 at most" in page(browser, "heat", **{"from": "2026-01-01"})
    assert "is not a date" in page(browser, "stays", to="tomorrow")
    assert "hall" in page(browser, "stays", camera="gone", kind="cats")


@pytest.mark.parametrize(
    ("view", "measure", "place", "direction", "found"),
    [
        ("stays", "dwell", "till", "30-60", {"zone": "till", "kind": "person", "seconds": "30-60"}),
        ("ways", "flows", "hall>till", "", {"from_zone": "hall", "to_zone": "till"}),
        ("heat", "heat_seconds", "4,6", "", {"left": "0.25", "top": "0.5", "right": "0.3125"}),
    ],
)
def test_what_is_taken_away_is_written_down(
    browser: Browser, shop: WebContext, view: str, measure: str, place: str, direction: str, found: dict[str, str]
) -> None:
    store(shop, measure, place, direction, 1234)
    response = browser.get(f"/explore/{view}.csv?from=2026-11-20&to=2026-11-23")
    rows = [row for row in csv.DictReader(io.StringIO(response.text)) if row["value"] == "1234"]
    assert len(rows) == 1
    assert rows[0].items() >= ({"camera": "entrance", "anonymity": "off", "withheld": ""} | found).items()
    (entry,) = audit_entries(shop, "counts-downloaded")
    assert entry.event.subject == f"{view}-2026-11-20-to-2026-11-23.csv"
    assert browser.get(f"/explore/{view}.csv?to=2999-01-01").status_code == 302
    sheet = browser.get(f"/explore/{view}.pdf?from=2026-11-20&to=2026-11-23")
    assert sheet.data.startswith(b"%PDF-")
    assert [each.event.sha256 for each in audit_entries(shop, "counts-downloaded")] == [
        hashlib.sha256(each.data).hexdigest() for each in (response, sheet)
    ]


def test_an_empty_store_can_be_taken_away_as_well(browser: Browser, context: WebContext) -> None:
    for view in ("stays", "ways", "heat"):
        assert browser.get(f"/explore/{view}.pdf").data.startswith(b"%PDF-")
    draw(context)
    assert browser.get("/explore/heat.pdf").data.startswith(b"%PDF-")
