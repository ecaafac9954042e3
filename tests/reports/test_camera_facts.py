"""When cameras saw nothing, and what people say of them."""

from datetime import date
from typing import Any

from appliance.camera_changes import describe_camera
from appliance.reports import camera_facts, witness
from appliance.reports.period import Period
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from tests.reports.conftest import DOOR, NOW, Place, utc
from tests.reports.test_content import facts

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
LOST, FOUND = {"state": "failed", "reason": "Nothing answers."}, {"state": "streaming", "reason": ""}


def outages(place: Place, camera: str) -> list[tuple[int, int | None, float]]:
    """Entries and hours of a camera's outages in October."""
    period = Period(*OCTOBER, place.settings.site.zone)
    with reading(place.engine) as connection:
        entries = witness.period_entries(connection, period)
        found = camera_facts.find_outages(connection, entries, period, NOW)
    return [(each["entry"], each["until_entry"], each["seconds"] / 3600) for each in found.get(camera, [])]


def test_an_outage_lasts_from_the_entry_of_the_loss_to_that_of_the_find(place: Place) -> None:
    lost = place.happened(utc(3, 10), "program:engine", "camera-state", "gate", details=LOST)
    place.happened(utc(3, 11), "program:engine", "camera-state", "gate", details={"state": "ended"})
    found = place.happened(utc(3, 12, 30), "program:engine", "camera-state", "gate", details=FOUND)
    place.happened(utc(3, 13), "program:engine", "camera-state", "other", details=LOST)
    assert outages(place, "gate") == [(lost, found, 2.5)]


def test_an_outage_that_began_before_the_period_counts_from_its_start(place: Place) -> None:
    lost = place.happened(utc(20, month=9), "program:engine", "camera-state", "gate", details=LOST)
    found = place.happened(utc(1, 1), "program:engine", "camera-state", "gate", details=FOUND)
    assert outages(place, "gate") == [(lost, found, 3.0)], "from midnight in Oslo, 22:00 UTC"


def test_an_outage_that_goes_on_ends_with_the_period(place: Place) -> None:
    lost = place.happened(utc(31, 20), "program:engine", "camera-state", "gate", details=LOST)
    place.happened(utc(2, month=11), "program:engine", "camera-state", "gate", details=FOUND)
    assert outages(place, "gate") == [(lost, None, 3.0)]


def test_a_start_of_the_program_ends_what_it_told_before(place: Place) -> None:
    lost = place.happened(utc(3, 10), "program:engine", "camera-state", "gate", details=LOST)
    started = place.happened(utc(3, 11), "program:engine", "started", "engine")
    assert outages(place, "gate") == [(lost, started, 1.0)]
    before = place.happened(utc(30, 10, month=9), "program:engine", "camera-state", "door", details=LOST)
    place.happened(utc(30, 11, month=9), "program:engine", "stopped", "engine")
    assert before > 0
    assert outages(place, "door") == []


def test_the_time_in_which_the_program_was_stopped_is_told(place: Place) -> None:
    place.happened(utc(3, 8), "program:web", "stopped", "web")
    stopped = place.happened(utc(3, 10), "program:engine", "stopped", "engine")
    started = place.happened(utc(3, 12), "program:engine", "started", "engine")
    place.happened(utc(4, 12), "program:engine", "started", "engine")
    (stop,) = facts(place)["program_stops"]
    assert (stop["entry"], stop["until_entry"], stop["seconds"]) == (stopped, started, 7200)
    assert light(facts(place), "cameras-saw") == "look"


def test_what_people_say_of_a_camera_is_told_with_its_entry(place: Place) -> None:
    place.add_camera(Camera("gate", "rtsp://x/", lines=(DOOR,)), utc(1))
    (silent,) = facts(place)["cameras"]
    assert (silent["location"], silent["signs"], silent["record_entry"]) == ("", "", None)
    record = CameraRecord("gate", "above the door", "the porch, not the street", "at the door", "2026-10-02")
    with place.engine.begin() as connection:
        assert describe_camera(connection, "ada", record)
        assert not describe_camera(connection, "ada", record), "the same once more changes nothing"
    (camera,) = facts(place)["cameras"]
    told = {name: camera[name] for name in ("location", "field_of_view", "signs", "signs_seen")}
    assert told == {name: getattr(record, name) for name in told}
    assert camera["record_entry"] == 1


def light(found: dict[str, Any], name: str) -> str:
    return next(str(row["light"]) for row in found["promises"] if row["name"] == name)
