"""The API tells what the pages of the floor, of deliveries and of a camera show."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from flask import Flask

from appliance.audit.log import Event, append
from appliance.report_schedule import ReportSchedule
from appliance.settings import Alert, Destination
from appliance.storage import cameras, counting_checks, measurements
from appliance.storage.cameras import ZoneSetting
from appliance.storage.counting_checks import CountingCheck
from appliance.storage.measurements import MeasurementRow
from appliance.storage.users import Role
from appliance.web.context import WebContext
from tests.web.api.conftest import Ask
from tests.web.conftest import ENTRANCE, NOON, Engine

PERIOD = "first=2026-11-23&last=2026-11-23"


def store(context: WebContext, measure: str, place: str, direction: str, value: float) -> None:
    start = NOON - timedelta(hours=2)
    row = MeasurementRow(start, 900, "entrance", measure, place, "person", direction, value, "off", 0.0)
    with context.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def test_stays_are_told_by_duration(ask: Ask, context: WebContext) -> None:
    store(context, "dwell", "hall", "60-120", 3)
    (zone,) = ask(f"floor/stays?{PERIOD}").json["zones"]
    assert (zone["camera"], zone["zone"]) == ("entrance", "hall")
    assert [each["visits"]["value"] for each in zone["bins"] if each["begin_seconds"] == 60] == [3.0]
    assert sum(each["visits"]["value"] for each in zone["bins"]) == 3


def test_a_camera_without_a_second_zone_has_no_ways_and_without_a_heat_map_no_heat(ask: Ask) -> None:
    assert ask(f"floor/ways?{PERIOD}").json == {"cameras": []}
    assert ask(f"floor/heat?{PERIOD}").json == {"cameras": []}


def test_a_camera_that_is_not_there_or_a_period_that_is_too_long_is_a_bad_request(ask: Ask) -> None:
    assert ask(f"floor/stays?{PERIOD}&camera=nowhere").status_code == 400
    assert ask("floor/heat?first=2020-01-01&last=2026-11-23").status_code == 400


def test_alerts_are_told_with_whether_they_are_reached(ask: Ask, context: WebContext, engine: Engine) -> None:
    limits = (Alert("full", "entrance", "hall", people=5), Alert("packed", "entrance", "hall", people=9))
    context.settings = msgspec.structs.replace(context.settings, alerts=limits)
    engine.status = {"present": {"entrance": {"hall": 7}}}
    assert [(each["name"], each["reached"]) for each in ask("alerts").json["alerts"]] == [
        ("full", True),
        ("packed", False),
    ]


def test_without_an_engine_nobody_knows_whether_an_alert_is_reached(ask: Ask, context: WebContext) -> None:
    context.settings = msgspec.structs.replace(context.settings, alerts=(Alert("full", people=5),))
    assert ask("alerts").json["alerts"][0]["reached"] is None


def test_schedules_and_destinations_are_told_without_a_secret(
    app: Flask, ask: Ask, context: WebContext, tmp_path: Path
) -> None:
    assert app is not None
    context.settings = msgspec.structs.replace(
        context.settings,
        reports=(ReportSchedule(name="weekly", every="week"),),
        destinations=(Destination("portal", url="https://portal.example.org/token-in-path"),),
    )
    (schedule,) = ask("schedules", Role.AUDITOR).json["schedules"]
    assert (schedule["name"], schedule["following"]) == ("weekly", "2026-11-30T00:30:00+01:00")
    answer = ask("destinations", Role.AUDITOR)
    (place,) = answer.json["destinations"]
    assert (place["to"], place["delivered"], place["test"]) == ("https://portal.example.org:443", 0, None)
    assert "token-in-path" not in answer.text
    assert str(tmp_path) not in answer.text


def test_a_cameras_history_holds_its_own_events_and_checks_alone(ask: Ask, context: WebContext) -> None:
    with context.engine.begin() as connection:
        for camera in ("entrance", "street"):
            append(connection, Event("ada", "camera-changed", camera, details={"change": "rate"}), NOON)
            counting_checks.add(connection, CountingCheck(camera, NOON - timedelta(days=1), "ada", 300, -0.25))
    history = ask("cameras/entrance/history").json
    assert [(each["action"], each["details"]) for each in history["events"]] == [("camera-changed", {"change": "rate"})]
    assert [each["difference"] for each in history["checks"]] == [-0.25]
    assert ask("cameras/nowhere/history").status_code == 404


def stored_on(context: WebContext, day: int, measure: str, place: str, direction: str, value: float) -> None:
    start = NOON.replace(day=day)
    row = MeasurementRow(
        start, 900, "entrance", measure, place, "person", direction, value, "differential", epsilon=2.0, variance=8.0
    )
    with context.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def test_two_times_are_compared_with_an_interval_of_their_own(ask: Ask, context: WebContext) -> None:
    till = ZoneSetting("till", ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)))
    with context.engine.begin() as connection:
        cameras.update(connection, replace(ENTRANCE, zones=(*ENTRANCE.zones, till), heat_map=True))
    for day, value in ((22, 300.0), (15, 260.0)):
        stored_on(context, day, "dwell", "till", "60-120", value)
        stored_on(context, day, "flows", "hall>till", "", value)
        stored_on(context, day, "heat_seconds", "0,0", "", value)
    stored_on(context, 22, "dwell", "hall", "60-120", 5.0)
    asked = "first=2026-11-22&last=2026-11-22&compare=2026-11-15"
    expected = {
        "before": {"value": 260.0, "margin": 7.0, "at_least": False},
        "difference": {"value": 40.0, "margin": 9.0, "at_least": False},
    }
    hall, queue = ask(f"floor/stays?{asked}").json["zones"]
    assert [each["change"] for each in queue["bins"] if each["begin_seconds"] == 60] == [expected]
    assert {each["change"]["difference"]["value"] for each in hall["bins"]} == {None}, "the hall was not counted then"
    (ways,) = ask(f"floor/ways?{asked}").json["cameras"]
    assert [each["change"] for each in ways["ways"] if each["to_zone"] == "till"] == [expected]
    (heat,) = ask(f"floor/heat?{asked}").json["cameras"]
    assert heat["changes"][0][0] == expected
    assert heat["rows"][0][0]["value"] == 300.0
    (alone,) = ask("floor/heat?first=2026-11-22&last=2026-11-22").json["cameras"]
    assert alone["changes"] is None


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("first=2026-11-23&last=2026-11-23&compare=2026-11-15", "not over"),
        ("first=2026-11-17&last=2026-11-23&compare=2026-11-03", "last day is not over"),
        ("first=2026-11-16&last=2026-11-20&compare=2026-11-13", "overlap"),
        ("first=2026-11-01&last=2026-11-05&compare=2026-11-20", "not over yet"),
    ],
)
def test_times_that_cannot_be_compared_are_bad_requests(ask: Ask, query: str, reason: str) -> None:
    answer = ask(f"floor/stays?{query}")
    assert answer.status_code == 400
    assert reason in answer.json["detail"]


def test_how_a_camera_spent_its_time_is_told_by_hour_and_day(ask: Ask, context: WebContext) -> None:
    with context.engine.begin() as connection:
        for name, value in (("observed_seconds", 900.0), ("unreliable_seconds", 90.0)):
            row = MeasurementRow(NOON - timedelta(hours=2), 900, "entrance", name, "", "", "", value)
            measurements.add_bucket(connection, [row])
        event = Event("engine", "camera-state", "entrance", details={"state": "failed"})
        append(connection, event, NOON - timedelta(hours=1))
    history = ask("cameras/entrance/history").json
    assert len(history["days"]) == 30
    assert history["hours"][-2] == {
        "start": "2026-11-23T10:00:00Z",
        "end": "2026-11-23T11:00:00Z",
        "streaming_seconds": 810.0,
        "unreliable_seconds": 90.0,
        "away_seconds": 0.0,
        "stopped_seconds": 0.0,
    }
    assert history["hours"][-1]["away_seconds"] == 3600.0
    assert history["days"][-1]["streaming_seconds"] == 810.0
