"""What left by class of data, the pictures that were processed, and the light of each promise."""

from dataclasses import replace
from typing import Any

from appliance.reports.content import Building, collect
from appliance.reports.period import Period
from appliance.settings import Anonymity
from appliance.storage.database import reading
from tests.reports.conftest import Place, utc
from tests.reports.test_camera_facts import light
from tests.reports.test_content import OCTOBER, building, facts


def told(place: Place, built: Building) -> dict[str, Any]:
    with reading(place.engine) as connection:
        return collect(connection, place.settings, Period(*OCTOBER, place.settings.site.zone), built).facts


def by_class(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["class"]: row for row in found["egress"]["classes"]}


def test_every_class_of_data_is_told_also_at_zero(place: Place) -> None:
    rows = by_class(facts(place))
    assert set(rows) == {
        *("raw-frame", "redacted-frame", "metric", "report", "log", "configuration", "model", "telemetry")
    }
    assert all(row["sent"] == row["downloads"] == row["refused"] == 0 for row in rows.values())


def test_what_left_is_added_up_by_class_with_its_entries(place: Place) -> None:
    first = place.happened(utc(5), "courier", "report-delivered", "a.pdf", "report", 9, "ab" * 32, "head-office")
    place.happened(utc(6), "courier", "report-delivered", "b.pdf", "report", 11, "ab" * 32, "archive")
    place.happened(utc(6), "ada", "report-downloaded", "b.pdf", "report", 11, "ab" * 32, "browser")
    last = place.happened(utc(7), "courier", "egress-refused", "x.jpg", "report", details={"reason": "no report"})
    sent = place.happened(utc(8), "courier", "metric-delivered", "alert", "metric", 5, "cd" * 32, "pager")
    rows = by_class(facts(place))
    report = rows["report"]
    assert (report["sent"], report["sent_bytes"], report["destinations"]) == (2, 20, ["archive", "head-office"])
    assert (report["downloads"], report["download_bytes"], report["refused"], report["failed"]) == (1, 11, 1, 0)
    assert (report["first_entry"], report["last_entry"]) == (first, last)
    assert (rows["metric"]["sent"], rows["metric"]["first_entry"]) == (1, sent)


def test_pictures_are_added_up_and_failures_are_told_with_their_end(place: Place) -> None:
    details = {"analysed": 1000, "shown": 40, "covered": 3}
    first = place.happened(utc(5), "program:engine", "frames-processed", "all cameras", details=details)
    last = place.happened(utc(6), "program:engine", "frames-processed", "all cameras", details=details)
    failed = place.happened(utc(7), "program:engine", "redaction-failed", "gate", details={"reason": "too late"})
    over = place.happened(utc(7, 13), "program:engine", "redaction-restored", "gate")
    again = place.happened(utc(8), "program:engine", "redaction-failed", "gate", details={"reason": "too late"})
    found = facts(place)
    frames = found["frames"]
    assert (frames["analysed"], frames["shown"], frames["covered"]) == (2000, 80, 6)
    assert (frames["first_entry"], frames["last_entry"]) == (first, last)
    assert [(row["entry"], row["until_entry"]) for row in frames["failed_closed"]] == [(failed, over), (again, None)]
    assert light(found, "no-picture-left") == "kept"
    assert light(found, "covered") == "look"


def test_without_a_word_in_the_log_the_report_does_not_claim_that_there_were_no_pictures(place: Place) -> None:
    found = facts(place)
    assert found["frames"]["analysed"] is None
    evidence = next(row["evidence"] for row in found["promises"] if row["name"] == "no-picture-left")
    assert "not in the log" in evidence


def test_a_picture_that_left_would_break_the_first_promise(place: Place) -> None:
    number = place.happened(utc(5), "courier", "report-delivered", "x", "redacted-frame", 9, "ab" * 32, "elsewhere")
    row = next(row for row in facts(place)["promises"] if row["name"] == "no-picture-left")
    assert (row["light"], row["first_entry"]) == ("broken", number)


def test_each_light_changes_with_its_evidence(place: Place) -> None:
    good = told(place, replace(building(), protection="credential"))
    assert {row["name"]: row["light"] for row in good["promises"]} == {
        "no-picture-left": "kept",
        "named-destinations": "kept",
        "covered": "kept",
        "anonymous": "kept",
        "encrypted": "kept",
        "nobody-recognised": "kept",
        "log-intact": "kept",
        "reports-signed": "kept",
        "cameras-saw": "kept",
    }
    earlier = {"report": "september.pdf", "sha256": "", "checkpoint": "", "size": 3, "path": None}
    cut = replace(building(), earlier={"reports": [earlier], "all_from": None})
    assert light(told(place, cut), "log-intact") == "broken"
    assert light(told(place, replace(building(), problem="Entry 3 was changed.")), "log-intact") == "broken"
    assert light(told(place, replace(building(), protection="key-file")), "encrypted") == "look"
    off = place.changed(anonymity=Anonymity(mode="off", reason="A check of the installer."))
    assert light(told(off, building()), "anonymous") == "look"
    assert light(told(place.changed(reports=()), building()), "reports-signed") == "look"
    details = {"task": "gaits", "licence": "MIT", "device": "CPU", "precision": "FP32"}
    place.happened(utc(5), "program:engine", "network-loaded", "Walker", sha256="ab", details=details)
    place.happened(utc(6), "program:courier", "guard-refused", "connection", destination="192.0.2.1")
    assert light(facts(place), "nobody-recognised") == "look"
    assert light(facts(place), "named-destinations") == "look"
