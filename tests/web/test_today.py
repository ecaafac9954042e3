"""Today's page and its data: stored buckets and the engine's open one, or the stored ones alone."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from appliance.language import parts_of, sentence
from appliance.opening_hours import Opening
from appliance.services.engine import Beginning
from appliance.settings import Alert
from appliance.storage import cameras, measurements
from appliance.storage.cameras import Camera, ZoneSetting
from appliance.storage.measurements import MeasurementRow
from appliance.storage.users import Role
from appliance.web.context import WebContext
from appliance.web.present import present_numbers
from tests.web.conftest import ENTRANCE, NOON, Browser, Clock, Engine

OPEN_START = NOON - timedelta(minutes=15)


def store(context: WebContext, direction: str, value: float, hours_ago: float = 3) -> None:
    row = MeasurementRow(
        NOON - timedelta(hours=hours_ago), 900, "entrance", "crossings", "door", "person", direction, value
    )
    with context.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def status(**changes: Any) -> dict[str, Any]:
    open_row = {"camera": "entrance", "measure": "crossings", "place": "door", "kind": "person", "direction": "in"}
    return {
        "started": "2026-11-23T08:00:00+00:00",
        "cameras": [
            {"name": "entrance", "state": "streaming", "last_error": None, "input_rate": 10.0, "analysed_rate": 9.8}
        ],
        "networks": [],
        "open_bucket": {"start": OPEN_START.isoformat(), "seconds": 900, "measurements": [open_row | {"value": 4.0}]},
        "present": {"entrance": {"hall": 6}},
    } | changes


def test_stored_and_open_buckets_are_added(browser: Browser, context: WebContext, engine: Engine) -> None:
    store(context, "in", 10)
    store(context, "out", 3)
    engine.status = status()
    data = browser.get("/api/today").get_json()
    assert (data["values"]["in"], data["values"]["out"], data["values"]["inside"]) == ("14", "3", "11")
    assert data["values"]["c0.z0.now"] == "6"
    assert data["values"]["c0.state"] == "running, 9.8 of 10.0 frames a second analysed"
    assert data["hours"]["in"][10] == 10  # 09:00 UTC in Paris
    assert data["hours"]["in"][12] == 4
    assert data["tone"] == "good"
    assert data["values"]["notice"] == ""


def test_without_the_engine_the_stored_numbers_are_shown_and_it_is_said(browser: Browser, context: WebContext) -> None:
    store(context, "in", 10)
    page = browser.get("/").text
    assert "The engine is not running" in page
    assert 'data-value="in">10<' in page
    data = browser.get("/api/today").get_json()
    assert data["tone"] == "warn"
    assert data["values"]["c0.z0.now"] == "\N{EN DASH}"


def test_an_engine_that_starts_is_said_to_start(browser: Browser, context: WebContext, engine: Engine) -> None:
    queue = ZoneSetting("till", ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)), queue=True)
    with context.engine.begin() as connection:
        cameras.update(connection, replace(ENTRANCE, zones=(*ENTRANCE.zones, queue)))
    context.settings = msgspec.structs.replace(context.settings, alerts=(Alert("full", people=5),))
    engine.status = dict(Beginning().status())
    data = browser.get("/api/today").get_json()
    for tile in ("queue", "alerts", "health"):
        assert data["values"][tile] == "\N{EN DASH}"
        assert data["values"][f"{tile}_note"] == "the engine is starting"
    assert (data["tones"]["alerts"], data["tones"]["health"]) == ("warn", "warn")
    assert data["values"]["c0.state"] == "not watched yet"
    assert "not running" not in browser.get("/").text
    assert data["values"]["notice"].startswith("The engine is starting.")
    assert data["values"]["state"] == "Engine starting"
    assert data["values"]["c0.z0.now"] == "\N{EN DASH}"
    assert "Starting" in browser.get("/cameras").text


def test_page_and_data_agree(browser: Browser, context: WebContext, engine: Engine) -> None:
    store(context, "in", 1234)
    engine.status = status()
    page, data = browser.get("/").text, browser.get("/api/today").get_json()
    assert f'data-structure="{data["structure"]}"' in page
    for name in ("in", "out", "inside", "c0.l0.in", "c0.z0.now"):
        assert f'data-value="{name}">{data["values"][name]}<' in page


def test_a_camera_in_trouble_is_named(browser: Browser, engine: Engine) -> None:
    engine.status = status(cameras=[{"name": "entrance", "state": "failed", "last_error": "No answer for 10 s."}])
    data = browser.get("/api/today").get_json()
    assert data["values"]["notice"] == "entrance: No answer for 10 s."
    assert data["values"]["c0.state"] == "no picture, trying again"


def test_what_the_engine_says_is_told_in_the_language_of_the_page(browser: Browser, engine: Engine) -> None:
    covered = sentence("the camera is covered")
    camera = {"name": "entrance", "state": "failed", "last_error": covered}
    engine.status = status(cameras=[camera], sentences={covered: parts_of(covered)})
    assert browser.get("/api/today").get_json()["values"]["notice"] == "entrance: the camera is covered"
    german = {"Accept-Language": "de"}
    notice = browser.get("/api/today", headers=german).get_json()["values"]["notice"]
    assert notice == "entrance: die Kamera ist abgedeckt"
    assert "die Kamera ist abgedeckt" in browser.get("/cameras", headers=german).text


def test_a_network_that_cannot_be_used_is_named(browser: Browser, engine: Engine) -> None:
    engine.status = status(failures={"face": "The network centerface is missing; run `veilsight models pull`."})
    assert "The network centerface is missing" in browser.get("/").text


def test_a_status_that_makes_no_sense_counts_as_no_engine(browser: Browser, engine: Engine) -> None:
    engine.status = {"cameras": "many"}
    assert "The engine is not running" in browser.get("/").text


def test_a_new_camera_changes_the_structure(browser: Browser, context: WebContext) -> None:
    before = browser.get("/api/today").get_json()["structure"]
    with context.engine.begin() as connection:
        cameras.add(connection, Camera("back door", "/clips/back.avi"))
    assert browser.get("/api/today").get_json()["structure"] != before


def test_what_a_camera_counted_stays_when_it_is_removed(browser: Browser, context: WebContext) -> None:
    store(context, "in", 10)
    with context.engine.begin() as connection:
        cameras.remove(connection, "entrance")
        cameras.add(connection, replace(ENTRANCE, name="back"))
    assert 'data-value="in">10<' in browser.get("/").text


def test_midnight_at_the_site_starts_a_new_day(browser: Browser, context: WebContext, clock: Clock) -> None:
    store(context, "in", 10)
    assert browser.get("/api/today").get_json()["values"]["in"] == "10"
    clock.now = NOON.replace(hour=23, minute=1)  # past midnight in Paris
    clock_session = context.sessions.open("ada", Role.MANAGER, clock.now)
    browser.client.set_cookie("__Host-veilsight", clock_session[0])
    data = browser.get("/api/today").get_json()
    assert data["values"]["in"] == "0"
    assert data["values"]["day"] == "Tuesday, 24 November 2026"


def test_without_cameras_the_page_says_what_to_do(browser: Browser, context: WebContext) -> None:
    with context.engine.begin() as connection:
        cameras.remove(connection, "entrance")
    assert "No cameras yet" in browser.get("/").text
    assert "No cameras yet" in browser.get("/live").text


def test_the_mode_of_anonymity_stands_on_every_page(browser: Browser) -> None:
    for page in ("/", "/live", "/reports", "/audit"):
        assert "Anonymity: differential, epsilon 2 a visit" in browser.get(page).text


def test_in_the_mode_threshold_the_open_bucket_is_left_out(
    browser: Browser, context: WebContext, engine: Engine
) -> None:
    store(context, "in", 10)
    engine.status = status()
    engine.status["open_bucket"]["mode"] = "threshold"
    assert browser.get("/api/today").get_json()["values"]["in"] == "10"


def test_a_limit_that_is_reached_is_told_on_the_page(context: WebContext, engine: Engine) -> None:
    limits = (Alert("second till", "entrance", "hall", people=4), Alert("full", people=100))
    alerted = replace(context, settings=msgspec.structs.replace(context.settings, alerts=limits))
    engine.status = {"present": {"entrance": {"hall": 3}}}
    assert present_numbers(alerted).tones["alerts"] == "good"
    engine.status = {"present": {"entrance": {"hall": 4}}, "waiting": {"entrance": {"hall": 30.0}}}
    numbers = present_numbers(alerted)
    assert numbers.values["alerts_note"] == "second till: 4 people in hall of entrance; the limit is 4."
    assert numbers.tones["alerts"] == "bad"


def test_people_who_are_too_small_are_told_of(context: WebContext, engine: Engine) -> None:
    engine.status = {"advice": {"entrance": ["People are too small."]}}
    assert "entrance: People are too small." in present_numbers(context).notice


def test_opening_hours_stand_beside_the_day(context: WebContext) -> None:
    opened = replace(
        context, settings=msgspec.structs.replace(context.settings, opening=Opening(monday=("09:00-19:00",)))
    )
    values = present_numbers(opened).values
    assert values["day"].endswith("open 09:00 to 19:00")
    assert "since opening at 09:00" in values["inside_note"]


def test_a_queue_tells_how_long_people_wait(context: WebContext, engine: Engine) -> None:
    till = Camera("tills", "/clips/tills.avi", zones=(ZoneSetting("till", ((0, 0), (1, 0), (1, 1)), queue=True),))
    with context.engine.begin() as connection:
        cameras.add(connection, till)
    engine.status = {
        "present": {"tills": {"till": 3}},
        "waiting": {"tills": {"till": 200.0}, "entrance": {"hall": 9.0}},
    }
    values = present_numbers(context).values
    assert [text for text in values.values() if "waiting" in text] == [values["c1.z0.note"], values["queue_note"]]
    assert (values["queue"], values["queue_note"]) == ("3", "waiting for 3 min at till")
    assert "waiting for 3 min now" in values["c1.z0.note"]


def test_today_stands_beside_the_same_day_last_week(browser: Browser, context: WebContext) -> None:
    store(context, "in", 60)
    store(context, "in", 40, hours_ago=3 + 7 * 24)
    store(context, "in", 500, hours_ago=7 * 24 - 3)
    data = browser.get("/api/today").get_json()
    assert data["values"]["in_compared"] == "50\N{NO-BREAK SPACE}% more than last Monday by 13:00 (40)"
    assert (data["hours"]["before"][10], data["hours"]["before"][16]) == (40, 500)
    assert "In, last Monday" in browser.get("/").text


def test_an_event_tells_the_same_as_the_page(browser: Browser, context: WebContext) -> None:
    store(context, "in", 10)
    event = browser.get("/api/today/events")
    assert event.content_type.startswith("text/event-stream")
    _, _, told = event.text.partition("data: ")
    assert json.loads(told) == browser.get("/api/today").get_json()


def test_a_camera_that_fails_makes_the_tile_bad(browser: Browser, engine: Engine) -> None:
    engine.status = status(cameras=[{"name": "entrance", "state": "failed"}])
    data = browser.get("/api/today").get_json()
    assert (data["values"]["health"], data["tones"]["health"]) == ("0 of 1", "bad")
