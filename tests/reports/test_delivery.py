"""The courier: what leaves, what is refused, and what is tried again."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.reports.build import BuiltReport, build_report
from appliance.reports.delivery import failing_deliveries, fill_outbox
from appliance.reports.sending import LONGEST_PAUSE, SPREAD, deliver_outbox, run_courier
from appliance.reports.verify import verify_report
from appliance.storage.database import reading
from tests.reports.conftest import NOW, Place, make_place
from tests.reports.test_build import entries, files

DAY = date(2026, 10, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "head-office"
    folder.mkdir()
    return folder


@pytest.fixture
def sending(place: Place, folder: Path) -> Place:
    return place.with_destination("head-office", folder)


def build(place: Place) -> BuiltReport:
    return build_report(place.paths, place.settings, place.engine, DAY, DAY, "ada", NOW)


def test_a_report_goes_to_its_destination_and_verifies_there(sending: Place, folder: Path) -> None:
    built = build(sending)
    (outcome,) = deliver_outbox(sending.paths, sending.settings, sending.engine, NOW)
    assert outcome.delivered
    assert files(folder) == [built.name, f"{built.name}.sig"]
    assert verify_report(folder / built.name, sending.site.public_key).valid
    assert [entry.event.subject for entry in entries(sending, "report-delivered")] == [f"{built.name}.sig", built.name]
    assert files(sending.paths.outbox) == []


def test_a_repeat_sends_nothing(sending: Place) -> None:
    build(sending)
    deliver_outbox(sending.paths, sending.settings, sending.engine, NOW)
    fill_outbox(sending.paths, sending.settings, sending.engine)
    assert deliver_outbox(sending.paths, sending.settings, sending.engine, NOW) == ()
    assert len(entries(sending, "report-delivered")) == 2


def test_without_a_destination_nothing_waits(place: Place) -> None:
    build(place)
    assert deliver_outbox(place.paths, place.settings, place.engine, NOW) == ()
    assert files(place.paths.outbox) == []


def test_a_destination_that_fails_is_tried_again_after_a_growing_pause(sending: Place, folder: Path) -> None:
    built = build(sending)
    folder.rmdir()
    moments = []
    now = NOW
    while now < NOW + timedelta(days=1):
        for outcome in deliver_outbox(sending.paths, sending.settings, sending.engine, now):
            assert "did not take" in outcome.problem
            moments.append(now)
        now += timedelta(minutes=1)
    pauses = [after - before for before, after in itertools.pairwise(moments)]
    # A minute late at most, since the courier looks once a minute here.
    for pause, minutes in zip(pauses, (1, 2, 4, 8), strict=False):
        assert timedelta(minutes=minutes) <= pause <= timedelta(minutes=minutes) * (1 + SPREAD) + timedelta(minutes=1)
    assert LONGEST_PAUSE / 2 < max(pauses) <= LONGEST_PAUSE * (1 + SPREAD) + timedelta(minutes=1)
    (failing,) = failing_deliveries(sending.engine, sending.settings)
    assert (failing.report, failing.destination, failing.attempts) == (built.name, "head-office", len(moments))
    assert len(entries(sending, "delivery-failed")) == len(moments)
    folder.mkdir()
    assert deliver_outbox(sending.paths, sending.settings, sending.engine, moments[-1] + LONGEST_PAUSE * 2)[0].delivered
    assert verify_report(folder / built.name, sending.site.public_key).valid
    assert failing_deliveries(sending.engine, sending.settings) == ()


def test_a_person_need_not_wait_for_the_pause(sending: Place, folder: Path) -> None:
    build(sending)
    folder.rmdir()
    deliver_outbox(sending.paths, sending.settings, sending.engine, NOW)
    folder.mkdir()
    assert deliver_outbox(sending.paths, sending.settings, sending.engine, NOW) == ()
    (outcome,) = deliver_outbox(sending.paths, sending.settings, sending.engine, NOW, wait=False)
    assert outcome.delivered


def test_two_who_send_at_once_send_nothing_twice(sending: Place) -> None:
    """The courier, and somebody at a terminal."""
    build(sending)
    fill_outbox(sending.paths, sending.settings, sending.engine)
    with ThreadPoolExecutor(4) as pool:
        tries = [
            pool.submit(deliver_outbox, sending.paths, sending.settings, sending.engine, NOW, False) for _ in range(4)
        ]
    assert sum(len(each.result()) for each in tries) == 1
    assert len(entries(sending, "delivery-started")) == 2
    assert len(entries(sending, "report-delivered")) == 2


def test_one_failing_destination_does_not_hold_up_another(sending: Place, folder: Path, tmp_path: Path) -> None:
    both = sending.with_destination("absent-stick", tmp_path / "absent")
    built = build(both)
    outcomes = deliver_outbox(both.paths, both.settings, both.engine, NOW)
    assert {outcome.destination: outcome.delivered for outcome in outcomes} == {
        "head-office": True,
        "absent-stick": False,
    }
    assert built.name in files(folder)
    assert built.name in files(both.paths.outbox), "it still waits for the other destination"


@pytest.mark.parametrize("name", ["frame.jpg", "report.pdf", "frame.jpg.pdf", "report.txt"])
def test_what_is_not_a_signed_report_is_refused_recorded_once_and_put_aside(
    sending: Place, folder: Path, name: str
) -> None:
    sending.paths.outbox.mkdir(parents=True)
    (sending.paths.outbox / name).write_bytes(b"\xff\xd8 a picture")
    for _ in range(2):
        assert deliver_outbox(sending.paths, sending.settings, sending.engine, NOW) == ()
    (entry,) = entries(sending, "egress-refused")
    assert (entry.event.subject, entry.event.byte_count) == (name, 12)
    assert files(folder) == []
    assert [refused.endswith(name) for refused in files(sending.paths.outbox / "refused")] == [True]


def test_an_altered_report_is_refused_and_the_genuine_one_still_goes(sending: Place, folder: Path) -> None:
    built = build(sending)
    waiting = sending.paths.outbox / built.name
    waiting.write_bytes(waiting.read_bytes().replace(b"/Type", b"/TYPE", 1))
    assert deliver_outbox(sending.paths, sending.settings, sending.engine, NOW) == ()
    (entry,) = entries(sending, "egress-refused")
    assert "ALTERED" in str(entry.event.details["reason"])
    fill_outbox(sending.paths, sending.settings, sending.engine)
    assert deliver_outbox(sending.paths, sending.settings, sending.engine, NOW)[0].delivered
    assert verify_report(folder / built.name, sending.site.public_key).valid


def test_a_report_of_another_site_and_a_link_are_refused(sending: Place, folder: Path, tmp_path: Path) -> None:
    other = make_place(tmp_path / "other")
    foreign = build(replace(other, settings=sending.settings))
    sending.paths.outbox.mkdir(parents=True)
    (sending.paths.outbox / "foreign.pdf").write_bytes(foreign.path.read_bytes())
    (sending.paths.outbox / "foreign.pdf.sig").write_bytes(Path(f"{foreign.path}.sig").read_bytes())
    (sending.paths.outbox / "link.pdf").symlink_to(sending.paths.database)
    assert deliver_outbox(sending.paths, sending.settings, sending.engine, NOW) == ()
    reasons = {entry.event.subject: str(entry.event.details["reason"]) for entry in entries(sending, "egress-refused")}
    assert "ANOTHER SITE" in reasons["foreign.pdf"]
    assert "not a report" in reasons["link.pdf"]
    assert files(folder) == []


def test_the_courier_runs_until_it_is_told_to_stop(sending: Place, folder: Path) -> None:
    stop = threading.Event()
    courier = threading.Thread(
        target=run_courier,
        args=(stop, sending.paths, sending.settings, sending.engine),
        kwargs={"look_every_seconds": 0.01},
    )
    courier.start()
    try:
        built = build(sending)
        deadline = datetime.now(UTC) + timedelta(seconds=60)
        ticks = threading.Event()
        while not (folder / built.name).exists():
            assert datetime.now(UTC) < deadline, "the report was not delivered"
            ticks.wait(0.01)
    finally:
        stop.set()
        courier.join(timeout=60)
    assert not courier.is_alive()
    with reading(sending.engine) as connection:
        assert log.count(connection, ["report-delivered"]) == 2
