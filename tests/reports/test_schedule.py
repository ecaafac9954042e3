"""Last month's report builds itself, exactly once. The present is passed in; nothing waits for it."""

import threading
from datetime import UTC, date, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from appliance.audit import log
from appliance.reports.build import build_report, list_reports
from appliance.reports.schedule import JOB, SEALING, build_missing_reports, missing_months, seal_log, start_scheduler
from appliance.storage import measurements
from appliance.storage.database import reading
from tests.reports.conftest import NOW, Place, utc

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
# Midnight in Oslo was at 23:00 UTC; half past it is when the schedule runs.
FIRST_OF_NOVEMBER = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)


def missing(place: Place, now: datetime) -> list[tuple[date, date]]:
    return missing_months(place.paths, place.settings, place.engine, now)


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
