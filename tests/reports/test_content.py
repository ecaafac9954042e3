"""The facts of a report."""

import json
from datetime import date, datetime
from typing import Any

from appliance.reports.content import CONTENT_SCHEMA, Building, ReportContent, collect
from appliance.reports.period import Period
from appliance.reports.rendering import LONGEST_SHOWN
from appliance.settings import Anonymity
from appliance.storage import counting_checks
from appliance.storage.cameras import Camera, ZoneSetting, remove
from appliance.storage.counting_checks import CountingCheck
from appliance.storage.database import reading
from tests.reports.conftest import DOOR, NOW, Place, fill_october, utc

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


def building(at: datetime = NOW, problem: str = "") -> Building:
    fingerprint = " ".join(["ab12"] * 16)
    return Building(at, "ada", "Veilsight test", fingerprint, 20, problem, "origin\n20\nroot\n\nsignature\n")


def content(place: Place, first: date = OCTOBER[0], last: date = OCTOBER[1], at: datetime = NOW) -> ReportContent:
    with reading(place.engine) as connection:
        return collect(connection, place.settings, Period(first, last, place.settings.site.zone), building(at))


def facts(place: Place, *period: date) -> dict[str, Any]:
    return content(place, *period).facts


def test_equal_databases_and_periods_give_equal_bytes(place: Place) -> None:
    fill_october(place)
    first, second = content(place).canonical(), content(place).canonical()
    assert first == second
    assert json.loads(first)["schema"] == CONTENT_SCHEMA


def test_nothing_secret_is_told_of_a_camera(place: Place) -> None:
    fill_october(place)
    text = content(place).canonical().decode()
    for secret in ("secret-word", "10.20.30.40", "private/path", "rtsp://"):
        assert secret not in text
    assert json.loads(text)["cameras"][0]["source"] == "network camera (RTSP)"


def test_every_fact_of_the_log_names_its_entry(place: Place) -> None:
    sent = place.happened(utc(5), "courier", "report-delivered", "a.pdf", "report", 9, "ab" * 32, "head-office")
    refused = place.happened(utc(6), "courier", "egress-refused", "b.jpg", details={"reason": "not a report"})
    failed = place.happened(utc(7), "courier", "delivery-failed", "a.pdf", "report", details={"reason": "no folder"})
    taken = place.happened(utc(8), "ada", "report-downloaded", "a.pdf", "report", 9, "ab" * 32)
    egress = facts(place)["egress"]
    assert [(row["entry"], row["bytes"], row["destination"]) for row in egress["sent"]] == [(sent, 9, "head-office")]
    assert [(row["entry"], row["outcome"], row["reason"]) for row in egress["refused"]] == [
        (refused, "refused", "not a report"),
        (failed, "failed", "no folder"),
    ]
    assert [(row["entry"], row["actor"]) for row in egress["downloads"]] == [(taken, "ada")]


def test_times_are_those_of_the_site(place: Place) -> None:
    place.happened(utc(31, 22, 30), "ada", "report-downloaded", "a.pdf")
    place.happened(utc(31, 23, 30), "ada", "report-downloaded", "november.pdf")
    (download,) = facts(place)["egress"]["downloads"]
    assert download["time"] == "2026-10-31T23:30:00+01:00"


def test_a_network_loaded_before_the_period_was_in_use_at_its_start(place: Place) -> None:
    details = {"task": "face", "licence": "MIT", "device": "CPU", "precision": "FP32"}
    place.happened(utc(1, month=8), "engine", "network-loaded", "Oldest", sha256="aa", details=details)
    before = place.happened(utc(1, month=9), "engine", "network-loaded", "Old", sha256="bb", details=details)
    loads = [
        place.happened(utc(day), "engine", "network-loaded", "New", sha256="cc", details=details) for day in (3, 9)
    ]
    place.happened(utc(2, month=11), "engine", "network-loaded", "Newest", sha256="dd", details=details)
    found = {row["name"]: (row["first_entry"], row["last_entry"]) for row in facts(place)["networks"]}
    assert found == {"Old": (before, before), "New": (loads[0], loads[1])}


def test_views_are_paired_with_their_endings(place: Place) -> None:
    opened = place.happened(utc(3), "ada", "view-opened", "gate", details={"reason": "line check"})
    place.happened(utc(3, 12, 1), "bob", "view-opened", "gate")
    closed = place.happened(utc(3, 12, 2), "ada", "view-closed", "gate")
    ada, bob = facts(place)["access"]["views"]
    assert (ada["entry"], ada["close_entry"], ada["reason"]) == (opened, closed, "line check")
    assert bob["closed"] is None


def test_failed_log_ins_are_counted_by_day_without_the_names_tried(place: Place) -> None:
    entries = [place.happened(utc(4, 22, minute), "a-password-by-mistake", "login-failed", "page") for minute in (1, 2)]
    found = content(place)
    assert found.facts["access"]["failed"] == [
        {"date": "2026-10-05", "count": 2, "first_entry": entries[0], "last_entry": entries[1]}
    ]
    assert b"a-password-by-mistake" not in found.canonical()


def test_repeated_failures_are_one_row(place: Place) -> None:
    entries = [place.happened(utc(day), "engine", "redaction-failed", "gate") for day in (3, 4, 5)]
    place.happened(utc(6), "engine", "started", "engine")
    found = facts(place)
    assert [(row["what"], row["times"], row["last_entry"]) for row in found["changes"]] == [
        ("redaction failed", 3, entries[2]),
        ("program started", 1, entries[2] + 1),
    ]
    assert found["summary"]["failures"] == 3


def test_a_camera_that_was_removed_is_still_told_of(place: Place) -> None:
    place.add_camera(Camera("gate", "rtsp://x/", lines=(DOOR,)), utc(1))
    place.counted(utc(2), "gate", ("observed_seconds", "", "", "", 900.0))
    with place.engine.begin() as connection:
        remove(connection, "gate")
    (camera,) = facts(place)["cameras"]
    assert (camera["name"], camera["configured"], camera["entry"]) == ("gate", False, 0)


def test_privacy_masks_are_listed(place: Place) -> None:
    mask = ZoneSetting("mask-1", ((0.0, 0.0), (0.2, 0.0), (0.2, 0.5)))
    place.add_camera(Camera("gate", "rtsp://x/", lines=(DOOR,), masks=(mask,)), utc(1))
    (camera,) = facts(place)["cameras"]
    assert camera["masks"] == [{"name": "mask-1", "points": [[0.0, 0.0], [0.2, 0.0], [0.2, 0.5]]}]


def test_an_empty_site_has_a_report_too(place: Place) -> None:
    found = facts(place)
    assert found["summary"] == {
        "persons_in": 0,
        "persons_out": 0,
        "observed_hours": 0,
        "cameras": 0,
        "sent": 0,
        "refused": 0,
        "failures": 0,
    }
    assert found["period"]["complete"]


def test_retention_and_anonymity_are_told_as_they_are_set(place: Place) -> None:
    found = facts(place)
    kept = {row["class"]: row["kept"] for row in found["data_kept"]}
    assert kept["metric"] == "13 months"
    assert kept["raw-frame"] == "not kept"
    assert (found["anonymity"]["mode"], found["anonymity"]["epsilon"]) == ("differential", 2.0)
    assert "15 minutes" in found["anonymity"]["statements"][1]
    assert "epsilon 2 " in found["anonymity"]["statements"][1]
    assert any("an alert's limit was reached" in text for text in found["anonymity"]["statements"])


def test_the_modes_of_the_counts_and_the_reason_are_told(place: Place) -> None:
    place.counted(utc(2), "gate", ("observed_seconds", "", "", "", 900.0))
    off = place.changed(anonymity=Anonymity(mode="off", reason="  Counting check of the installer. "))
    told = content(off).facts["anonymity"]
    assert told["modes"] == [{"mode": "off", "epsilon": 0.0}]
    assert told["reason"] == "Counting check of the installer."
    assert "Counting check" in told["summary"]
    later = facts(place)["anonymity"]
    assert (later["mode"], later["modes"]) == ("differential", [{"mode": "off", "epsilon": 0.0}])
    assert "exact" in later["summary"], "what was stored exact stays so, whatever is set now"
    assert all(len(text) <= LONGEST_SHOWN for text in (*told["statements"], *later["statements"], told["summary"]))


def test_the_last_check_of_a_count_by_eye_is_told(place: Place) -> None:
    with place.engine.begin() as connection:
        for moment, difference in ((utc(3), -0.25), (utc(9), 0.04)):
            counting_checks.add(connection, CountingCheck(DOOR.name, moment, "ada", 590, difference))
    (check,) = facts(place)["counting_checks"]
    assert (check["camera"], check["by"], check["seconds"], check["difference"]) == (DOOR.name, "ada", 590, 0.04)
    assert check["checked"].startswith("2026-10-09")
