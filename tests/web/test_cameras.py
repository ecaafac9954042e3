"""Cameras are set up, changed and removed on the pages; a password goes in and never comes out."""

import re
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from appliance.audit.log import Event, append
from appliance.storage import cameras, counting_checks
from appliance.storage.cameras import Camera
from appliance.storage.counting_checks import CountingCheck
from appliance.storage.database import reading
from appliance.web.context import WebContext
from appliance.web.views import CHECKING
from tests.web.conftest import Browser, Engine, audit_entries

SECRET = "geheim-wort"
ADDRESS = "rtsp://192.0.2.10/stream"
FRONT = {"name": "front", "source": ADDRESS, "username": "viewer", "password": SECRET}


def stored(context: WebContext, name: str) -> Camera | None:
    with reading(context.engine) as connection:
        return cameras.get(connection, name)


def settings(browser: Browser, **changes: str) -> TestResponse:
    fields = {"source": ADDRESS, "username": "viewer", "password": ""} | changes
    return browser.post("/cameras/front/settings", **fields)


@pytest.fixture
def front(browser: Browser, context: WebContext) -> Camera:
    assert browser.post("/cameras/add", **FRONT, rate="4", mounting="overhead", heat_map="on").status_code == 302
    camera = stored(context, "front")
    assert camera is not None
    return camera


def test_a_camera_is_added_and_written_down_without_its_password(
    browser: Browser, context: WebContext, front: Camera
) -> None:
    assert (front.source, front.username, front.password) == (ADDRESS, "viewer", SECRET)
    assert (front.rate, front.mounting, front.heat_map, front.transport) == (4.0, "overhead", True, "tcp")
    (entry,) = audit_entries(context, "camera-added")
    assert (entry.event.actor, entry.event.subject) == ("ada", "front")
    assert SECRET not in str(entry)
    for address in ("/cameras", "/cameras/front/settings", "/cameras/front/places", "/cameras/state"):
        assert SECRET not in browser.get(address).text


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"name": "front door"}, "name", "letters, digits and dashes"),
        ({"name": "entrance"}, "", "a camera of this name already"),
        ({"source": ""}, "source", "give the camera"),
        ({"source": f"rtsp://viewer:{SECRET}@192.0.2.10/stream"}, "source", "leave the user and the password out"),
        ({"source": "/etc/passwd"}, "source", "no camera&#39;s address"),
        ({"source": "/dev/v4l/by-id/../../../etc/passwd"}, "source", "no camera&#39;s address"),
        ({"source": "file:///etc/passwd"}, "source", "is no camera"),
        ({"username": ""}, "username", "a password needs one"),
        ({"rate": "1000"}, "rate", "from 1 to 30"),
        ({"rate": "nan"}, "rate", "from 1 to 30"),
        ({"transport": "pigeon"}, "transport", "possibilities"),
    ],
)
def test_what_cannot_be_a_camera_is_said_and_nothing_is_stored(
    browser: Browser, context: WebContext, changes: dict[str, str], field: str, sentence: str
) -> None:
    answer = browser.post("/cameras/add", **FRONT | changes)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert SECRET not in answer.text
    assert ('aria-invalid="true"' in answer.text) == (field not in ("", "transport"))
    assert stored(context, "front") is None
    assert audit_entries(context, "camera-added") == []


def test_a_camera_at_usb_is_taken_without_looking_for_it(browser: Browser, context: WebContext) -> None:
    assert browser.post("/cameras/add", name="till", source="/dev/video7").status_code == 302
    camera = stored(context, "till")
    assert camera is not None
    assert camera.source == "/dev/video7"


def test_vehicles_are_counted_by_label_where_the_box_is_ticked(
    browser: Browser, context: WebContext, front: Camera
) -> None:
    assert not front.vehicle_labels
    settings(browser, vehicle_labels="on")
    changed = stored(context, "front")
    assert changed is not None
    assert changed.vehicle_labels
    assert 'name="vehicle_labels" checked' in browser.get("/cameras/front/settings").text
    settings(browser)
    changed = stored(context, "front")
    assert changed is not None
    assert not changed.vehicle_labels


def test_settings_change_and_an_empty_password_stays(browser: Browser, context: WebContext, front: Camera) -> None:
    assert settings(browser, transport="udp").status_code == 302
    changed = stored(context, "front")
    assert changed is not None
    assert (changed.transport, changed.rate, changed.password) == ("udp", None, SECRET)
    settings(browser, password="another")
    changed = stored(context, "front")
    assert changed is not None
    assert changed.password == "another"
    told = [str(entry.event.details["change"]) for entry in audit_entries(context, "camera-changed")]
    assert told == ["changed: transport, mounting, rate, heat_map", "changed: password, transport"]
    settings(browser)
    assert len(audit_entries(context, "camera-changed")) == 2
    assert front.mounting == "overhead"


def test_a_password_is_not_sent_to_another_machine(browser: Browser, context: WebContext, front: Camera) -> None:
    for elsewhere in ("rtsp://192.0.2.66/stream", "http://192.0.2.10/stream", "rtsp://192.0.2.10:8554/stream"):
        answer = settings(browser, source=elsewhere)
        assert answer.status_code == 400
        assert "type the password once more" in answer.text
    assert stored(context, "front") == front
    assert settings(browser, source="rtsp://192.0.2.10/other").status_code == 302
    assert settings(browser, source="rtsp://192.0.2.66/stream", password="new").status_code == 302


def test_an_empty_user_removes_the_password(browser: Browser, context: WebContext, front: Camera) -> None:
    assert front.password
    settings(browser, username="")
    changed = stored(context, "front")
    assert changed is not None
    assert (changed.username, changed.password) == ("", "")


def test_a_password_in_the_address_is_hidden_and_kept(browser: Browser, context: WebContext) -> None:
    address = f"rtsp://192.0.2.10/user=op_password={SECRET}_channel=1"
    browser.post("/cameras/add", name="front", source=address)
    page = browser.get("/cameras/front/settings").text
    assert SECRET not in page
    assert "password=***" in page
    settings(browser, source="rtsp://192.0.2.10/user=op_password=***_channel=1", username="", transport="udp")
    changed = stored(context, "front")
    assert changed is not None
    assert (changed.source, changed.transport) == (address, "udp")
    assert settings(browser, source="rtsp://192.0.2.10/password=***_channel=2", username="").status_code == 400


def test_a_recording_that_was_set_up_at_the_terminal_keeps_its_path(browser: Browser, context: WebContext) -> None:
    browser.post("/cameras/entrance/settings", source="/clips/entrance.avi", rate="5")
    changed = stored(context, "entrance")
    assert changed is not None
    assert (changed.source, changed.rate) == ("/clips/entrance.avi", 5.0)


def test_a_camera_is_switched_and_removed(browser: Browser, context: WebContext, front: Camera) -> None:
    browser.post("/cameras/front/switch", on="0")
    changed = stored(context, "front")
    assert changed is not None
    assert not changed.enabled
    assert "Switched off" in browser.get("/cameras").text
    browser.post("/cameras/front/switch", on="1")
    assert stored(context, "front") == front
    browser.post("/cameras/front/remove")
    assert stored(context, "front") is None
    assert [entry.event.subject for entry in audit_entries(context, "camera-removed")] == ["front"]
    for address in ("/cameras/front/settings", "/cameras/front/places"):
        assert browser.get(address).status_code == 404


def test_how_a_camera_is_is_said_in_plain_words(browser: Browser, context: WebContext, engine: Engine) -> None:
    engine.status = {
        "cameras": [
            {
                "name": "entrance",
                "state": "streaming",
                "input_rate": 10.0,
                "analysed_rate": 9.8,
                "width": 704,
                "height": 576,
                "codec": "h264",
                "transport": "tcp",
                "dropped_frames": 1,
                "reconnects": 3,
                "decoder": "software",
                "decoder_reason": "this machine has no GPU that decodes video",
                "delay_to_count": {"p50": 0.1234, "p95": 0.2, "p99": 0.3},
                "delay_to_picture": {"p50": 0.07, "p95": 0.09, "p99": 0.12},
            }
        ]
    }
    page = browser.get("/cameras").text
    for words in (
        "Running",
        "9.8 of 10.0 a second",
        "704 \N{MULTIPLICATION SIGN} 576, h264, by TCP",
        "0.12 s",
        "95 % within 0.20 s, 99 % within 0.30 s",
        "shown 0.07 s after it arrives (95 % within 0.09 s, 99 % within 0.12 s)",
        "1 picture dropped, 3 reconnects",
        "by the processor: this machine has no GPU that decodes video",
        "1 line",
    ):
        assert words in page
    engine.status = {"cameras": [{"name": "entrance", "state": "failed", "last_error": "It is silent."}]}
    health = browser.get("/cameras/state").json["cameras"]["entrance"]
    assert (health["tone"], health["problem"]) == ("bad", "It is silent.")
    with context.engine.begin() as connection:
        details: dict[str, str | int] = {"state": "failed", "reason": "It is silent."}
        append(connection, Event("program:engine", "camera-state", "entrance", details=details), context.clock())
        append(connection, Event("program:engine", "camera-state", "elsewhere", details=details), context.clock())
    page = browser.get("/cameras/entrance/settings").text
    assert page.count('<td data-label="By">') == 1
    assert "No picture" in page


def test_the_engine_tests_a_camera(browser: Browser, engine: Engine) -> None:
    engine.trials["entrance"] = {"error": "It refuses the password."}
    browser.post("/cameras/entrance/test")
    assert "It refuses the password." in browser.get("/cameras/entrance/settings").text
    engine.trials["entrance"] = {
        "width": 704,
        "height": 576,
        "codec": "h264",
        "transport": "tcp",
        "frame_rate": 9.9,
        "first_frame_seconds": 0.5,
        "latency_seconds": 0.25,
        "damaged_frames": 0,
    }
    browser.post("/cameras/entrance/test")
    page = browser.get("/cameras/entrance/settings").text
    assert "h264 over TCP, 9.9 pictures a second" in page
    assert "arrive 0.25 s after they were taken" in page
    assert browser.post("/cameras/nowhere/test").status_code == 404


def test_without_an_engine_no_camera_is_tested(browser: Browser) -> None:
    browser.post("/cameras/entrance/test")
    assert "The engine is not running." in browser.get("/cameras/entrance/settings").text


def test_checks_of_the_count_are_told_and_another_can_begin(
    browser: Browser, context: WebContext, front: Camera
) -> None:
    assert "Nobody has checked its count by eye yet." in browser.get("/cameras/front/settings").text
    with context.engine.begin() as connection:
        for camera, days, difference in (("front", 3, 0.0), ("front", 2, -0.08), ("entrance", 1, 0.5)):
            checked = context.clock() - timedelta(days=days)
            counting_checks.add(connection, CountingCheck(camera, checked, "ines", 300, difference))
    page = browser.get("/cameras/front/settings").text
    assert re.findall(r'<th scope="row" data-label="Agrees to"><span>([^<]+)', page) == ["92% (-8%)", "100%"]
    opened = browser.post("/live", camera=front.name, reason=CHECKING)
    assert "Check the count" in browser.get(opened.headers["Location"]).text
