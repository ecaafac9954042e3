"""Reports that are due build themselves, exactly once. The present is passed in; nothing waits for it."""

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler

from appliance.audit import log
from appliance.report_schedule import ReportSchedule
from appliance.reports.build import build_report, list_reports
from appliance.reports.keeping import check_reports
from appliance.reports.retention import remove_old_reports
from appliance.reports.schedule import JOB, SEALING, build_missing_reports, missing_periods, seal_log, start_scheduler
from appliance.reports.sending import deliver_outbox
from appliance.reports.signature import signature_path
from appliance.settings import Retention
from appliance.storage import measurements
from appliance.storage.database import reading
from tests.reports.conftest import NOW, Place, utc

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
# Midnight in Oslo was at 23:00 UTC; half past it is when the schedule runs.
FIRST_OF_NOVEMBER = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
MONTHLY = ReportSchedule(every="month")


def missing(place: Place, now: datetime) -> list[tuple[date, date]]:
    return missing_periods(place.paths, place.settings, place.engine, MONTHLY, now)


def build_missing(place: Place, now: datetime) -> list[tuple[date, date]]:
    built = build_missing_reports(place.paths, place.settings, place.engine, now)
    return [(report.first, report.last) for report in built]


def wait_for_first_run(scheduler: BackgroundScheduler, job: str = JOB, minute: int = 30) -> None:
    """Until the run at start has begun; `shutdown(wait=True)` then waits for its end."""
    begun = datetime.now(UTC)
    deadline = begun + timedelta(seconds=60)
    ticks = threading.Event()
    while scheduler.get_job(job).next_run_time.minute != minute or scheduler.get_job(job).next_run_time < begun:
        assert datetime.now(UTC) < deadline, "the schedule did not run at start"
        ticks.wait(0.01)


def test_a_month_is_reported_once_it_is_over(place: Place) -> None:
    place.happened(utc(5), "system", "started", "engine")
    assert build_missing(place, datetime(2026, 10, 31, 22, 30, tzinfo=UTC)) == [], "it is still October in Oslo"
    assert build_missing(place, FIRST_OF_NOVEMBER) == [OCTOBER]
    for later in (timedelta(hours=1), timedelta(days=15)):
        assert build_missing(place, FIRST_OF_NOVEMBER + later) == []


def test_runs_missed_while_off_are_made_up_once(place: Place) -> None:
    place.happened(utc(5, month=8), "system", "started", "engine")
    place.happened(utc(5, month=10), "system", "started", "engine")
    # Off in September and from October on; on again in the middle of December.
    december = datetime(2026, 12, 15, 8, tzinfo=UTC)
    assert build_missing(place, december) == [(date(2026, 8, 1), date(2026, 8, 31)), OCTOBER]
    assert build_missing(place, december) == []


def test_a_new_site_has_no_report_of_the_time_before_it(place: Place) -> None:
    place.happened(utc(2, month=11), "system", "started", "engine")
    assert missing(place, NOW) == []


def test_a_report_built_before_the_month_was_over_does_not_count(place: Place) -> None:
    place.happened(utc(5), "system", "started", "engine")
    build_report(place.paths, place.settings, place.engine, *OCTOBER, "ada", utc(31, 12))
    assert missing(place, FIRST_OF_NOVEMBER) == [OCTOBER]


def test_a_report_built_by_a_person_after_the_month_counts(place: Place) -> None:
    place.happened(utc(5), "system", "started", "engine")
    build_report(place.paths, place.settings, place.engine, *OCTOBER, "ada", FIRST_OF_NOVEMBER)
    assert missing(place, FIRST_OF_NOVEMBER + timedelta(hours=1)) == []


def test_each_schedule_builds_its_own_and_sends_it_where_it_says(place: Place, tmp_path: Path) -> None:
    place.happened(utc(5), "system", "started", "engine")
    place.happened(utc(27), "ada", "login", "page")
    for name in ("head", "union"):
        (tmp_path / name).mkdir()
    place = place.with_destination("head-office", tmp_path / "head").with_destination("union", tmp_path / "union")
    schedules = (
        ReportSchedule(name="weekly", every="week", destinations=("union",)),
        ReportSchedule(name="mondays", cron="0 6 * * mon"),
        MONTHLY,
    )
    place = place.changed(reports=schedules)
    now = datetime(2026, 11, 2, 8, tzinfo=UTC)
    built = build_missing_reports(place.paths, place.settings, place.engine, now)
    weeks = [(date(2026, 10, 5), date(2026, 10, 11)), (date(2026, 10, 26), date(2026, 11, 1))]
    assert [(report.schedule, report.first, report.last) for report in built] == [
        *(("weekly", *week) for week in weeks),
        *(("mondays", *week) for week in weeks),
        ("monthly", *OCTOBER),
    ]
    assert build_missing_reports(place.paths, place.settings, place.engine, now) == ()
    deliver_outbox(place.paths, place.settings, place.engine, now)
    assert {path.name for path in (tmp_path / "head").glob("*.pdf")} == {report.name for report in built[2:]}
    assert len(list((tmp_path / "union").glob("*.pdf"))) == len(built)
    renamed = place.changed(reports=(ReportSchedule(name="every-month", every="month"),))
    assert build_missing_reports(renamed.paths, renamed.settings, renamed.engine, now) == ()


def test_a_new_schedule_does_not_report_all_of_the_past(place: Place) -> None:
    for day in range(1, 29):
        place.happened(utc(day), "ada", "login", "page")
    daily = ReportSchedule(name="daily", every="day")
    missing = missing_periods(place.paths, place.settings, place.engine, daily, FIRST_OF_NOVEMBER)
    assert missing == [(date(2026, 10, day), date(2026, 10, day)) for day in range(22, 29)]


def test_a_report_that_was_removed_at_the_end_of_its_time_is_not_built_again(place: Place) -> None:
    place = place.changed(retention=Retention(report_months=1))
    place.happened(utc(5), "system", "started", "engine")
    build_missing(place, FIRST_OF_NOVEMBER)
    december = FIRST_OF_NOVEMBER + timedelta(days=31)
    assert remove_old_reports(place.paths, place.settings, place.engine, "schedule", december) == 1
    assert OCTOBER not in missing(place, december)


def test_reports_are_verified_again_each_day(place: Place) -> None:
    place.happened(utc(5), "system", "started", "engine")
    (built,) = build_missing_reports(place.paths, place.settings, place.engine, FIRST_OF_NOVEMBER)
    assert (built.state, built.checked) == ("valid", FIRST_OF_NOVEMBER)

    def state_after(hours: int) -> str:
        now = FIRST_OF_NOVEMBER + timedelta(hours=hours)
        check_reports(place.paths, place.engine, place.site.public_key, now)
        return list_reports(place.engine, place.paths)[0].state

    content = built.path.read_bytes()
    built.path.write_bytes(content + b" ")
    assert state_after(hours=23) == "valid"
    assert state_after(hours=24) == "altered"
    built.path.unlink()
    assert state_after(hours=48) == "missing"
    again = build_report(place.paths, place.settings, place.engine, *OCTOBER, "ada", FIRST_OF_NOVEMBER)
    signature_path(built.path).write_bytes(signature_path(again.path).read_bytes())
    built.path.write_bytes(again.path.read_bytes())
    assert state_after(hours=72) == "replaced"


def test_the_scheduler_makes_up_at_start_and_goes_on_at_half_past_the_hour(place: Place) -> None:
    place.happened(utc(5), "system", "started", "engine")
    scheduler = start_scheduler(place.paths, place.settings, place.engine, lambda: FIRST_OF_NOVEMBER)
    try:
        trigger = scheduler.get_job(JOB).trigger
        before = datetime(2026, 10, 31, 22, 45, tzinfo=UTC)
        assert trigger.get_next_fire_time(None, before) == FIRST_OF_NOVEMBER
        wait_for_first_run(scheduler)
    finally:
        scheduler.shutdown(wait=True)
    assert [report.actor for report in list_reports(place.engine, place.paths)] == ["schedule"]


def test_a_restart_does_not_build_it_again(place: Place) -> None:
    place.happened(utc(5), "system", "started", "engine")
    build_missing(place, FIRST_OF_NOVEMBER)
    scheduler = start_scheduler(place.paths, place.settings, place.engine, lambda: FIRST_OF_NOVEMBER)
    try:
        wait_for_first_run(scheduler)
    finally:
        scheduler.shutdown(wait=True)
    assert len(list_reports(place.engine, place.paths)) == 1


def test_the_schedule_removes_old_counts_after_the_report_that_needs_them(place: Place) -> None:
    place.happened(utc(5), "system", "started", "engine")
    place.counted(utc(5), "Entrance", ("crossings", "Door", "person", "in", 3.0))
    later = FIRST_OF_NOVEMBER + timedelta(days=31 * (place.settings.retention.metrics_months + 1))
    scheduler = start_scheduler(place.paths, place.settings, place.engine, lambda: later)
    wait_for_first_run(scheduler)
    scheduler.shutdown(wait=True)
    with reading(place.engine) as connection:
        assert measurements.read(connection) == []
        assert "measurements" in [entry.event.subject for entry in log.entries(connection, actions=("data-removed",))]


def test_the_log_is_signed_each_hour_in_which_something_was_written(place: Place) -> None:
    place.happened(utc(4), "ada", "login", "ada")
    assert seal_log(place.paths, place.engine, NOW)
    assert not seal_log(place.paths, place.engine, NOW + timedelta(hours=1))
    place.happened(utc(5), "ada", "login", "ada")
    assert seal_log(place.paths, place.engine, NOW + timedelta(hours=2))


def test_the_schedule_signs_the_log_at_start(place: Place) -> None:
    place.happened(utc(4), "ada", "login", "ada")
    scheduler = start_scheduler(place.paths, place.settings, place.engine, lambda: NOW)
    try:
        trigger = scheduler.get_job(SEALING).trigger
        assert trigger.get_next_fire_time(NOW, NOW) == NOW + timedelta(hours=1)
        wait_for_first_run(scheduler, SEALING, 0)
    finally:
        scheduler.shutdown(wait=True)
    with reading(place.engine) as connection:
        latest = log.entries(connection, actions=["checkpoint-signed"], newest_first=True, limit=1)
    assert [entry.event.actor for entry in latest] == ["schedule"]
