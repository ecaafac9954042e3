"""The published JSON Schema fits every report, and nothing else goes for one."""

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from appliance.camera_changes import describe_camera
from appliance.metrics.measures import LABELS_OF_WAYS
from appliance.reports.attachments import FACTS, METRICS, read_attachments
from appliance.reports.build import build_report
from appliance.reports.content import CONTENT_SCHEMA
from appliance.reports.schema import SCHEMA, read_schema
from appliance.settings import Anonymity, Processing
from appliance.storage import counting_checks
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera, ZoneSetting
from appliance.storage.counting_checks import CountingCheck
from tests.reports.conftest import DOOR, NOW, Place, fill_october, utc
from tests.reports.test_content import facts

LABELLED = [name for names in LABELS_OF_WAYS.values() for name in names]
CORNER = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.5))


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(read_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(validator: Any, found: dict[str, Any]) -> None:
    """As another program reads it: from its JSON."""
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(json.dumps(found)))]
    assert problems == []


def fill_with_everything(place: Place) -> None:
    """Something in every section."""
    fill_october(place)
    masks = (ZoneSetting("mask-1", CORNER),)
    place.add_camera(
        Camera("gate", "rtsp://x/", lines=(DOOR,), masks=masks, ignored=masks, heat_map=True, vehicle_labels=True),
        utc(1),
    )
    place.counted(
        utc(1, 8, 0),
        "gate",
        ("visits", "Hall", "person", "", 3.0),
        ("visits", "Till", "person", "", 3.0),
        ("dwell", "Till", "person", "30-60", 3.0),
        ("dwell", "Till", "vehicle", "60-120", 3.0),
        ("flows", "Hall>Till", "person", "", 3.0),
        ("heat_seconds", "3,4", "person", "", 30.0),
        *(("crossings_by_label", "Door", "vehicle", name, 2.0) for name in LABELLED),
    )
    failed, reason = {"state": "failed", "reason": "Nothing answers."}, {"reason": "too late"}
    program = "program:engine"
    place.happened(utc(2), program, "camera-state", "gate", details=failed)
    place.happened(utc(2, 13), program, "camera-state", "gate", details={"state": "streaming"})
    place.happened(utc(3), program, "stopped", "engine")
    place.happened(utc(3, 13), program, "started", "engine")
    place.happened(utc(4), program, "redaction-failed", "gate", details=reason)
    place.happened(utc(4, 13), program, "redaction-restored", "gate")
    place.happened(utc(4, 14), program, "redaction-failed", "gate", details=reason)
    numbers = {"analysed": 10, "shown": 3, "covered": 1}
    place.happened(utc(4, 15), program, "frames-processed", "all cameras", details=numbers)
    placed = {"task": "faces", "licence": "MIT", "device": "NPU", "precision": "INT8"}
    place.happened(utc(5), program, "network-loaded", "Newer", sha256="ef" * 32, details=placed)
    place.happened(utc(6), program, "network-used", "Newer", details={"device": "NPU", "pictures": 12})
    place.happened(utc(7), "ada", "report-downloaded", "a.pdf", "report", 9, "ab" * 32, "browser")
    place.happened(utc(7), "courier", "delivery-unknown", "a.pdf", "report", 9, "ab" * 32, "head-office")
    place.happened(utc(8), "ada", "access-refused", "users")
    with place.engine.begin() as connection:
        describe_camera(connection, "ada", CameraRecord("gate", "door", "porch", "at the door", "2026-10-02"))
        for day in (3, 9):
            counting_checks.add(connection, CountingCheck("gate", utc(day), "ada", 590, 0.01 * day))


def test_a_report_of_everything_fits_the_schema(place: Place, validator: Any) -> None:
    fill_with_everything(place)
    found = facts(place)
    for section in ("cameras", "program_stops", "network_changes", "network_use", "counting_checks", "changes"):
        assert found[section], f"nothing of {section} is tested"
    assert any(camera["labels"] for camera in found["counts"]["cameras"])
    check(validator, found)


def test_a_report_of_nothing_fits_the_schema(place: Place, validator: Any) -> None:
    check(validator, facts(place))


@pytest.mark.parametrize("mode", ["differential", "threshold", "off"])
def test_every_mode_fits_the_schema(place: Place, validator: Any, mode: Any) -> None:
    fill_october(place)
    changed = place.changed(anonymity=Anonymity(mode=mode, reason="a check of the counts"))
    check(validator, facts(changed.changed(processing=Processing(notice_url="https://shop.example/notice"))))


def test_what_is_attached_to_the_pdf_fits_the_schema(place: Place, validator: Any) -> None:
    fill_october(place)
    for _ in range(2):
        built = build_report(
            place.paths, place.settings, place.engine, date(2026, 10, 1), date(2026, 10, 31), "ada", NOW
        )
        attached = read_attachments(Path(built.path).read_bytes())
        check(validator, json.loads(attached[FACTS]))
    assert json.loads(attached[FACTS])["integrity"]["previous"]["consistent"]
    assert attached[METRICS].startswith(b"from,to,camera,measure,place,kind,direction,value,error_95_percent")


def test_a_report_with_a_frame_or_a_track_in_it_does_not_fit(place: Place, validator: Any) -> None:
    fill_october(place)
    for section in ("cameras", "promises"):
        found = copy.deepcopy(json.loads(json.dumps(facts(place))))
        found[section][0]["frame"] = "data:image/jpeg;base64,…"
        assert not validator.is_valid(found)
    found = json.loads(json.dumps(facts(place)))
    del found["egress"]["classes"]
    assert not validator.is_valid(found)


def test_the_schema_says_which_version_it_is_of() -> None:
    schema = json.loads(read_schema())
    assert schema["properties"]["schema"]["const"] == CONTENT_SCHEMA
    assert schema["$id"].endswith(f":{CONTENT_SCHEMA}")
    assert SCHEMA.name == "report.schema.json"
