"""Builds the settings' `[[reports]]` by themselves, each once its period is over, and signs the audit log each hour.

The rule has no memory of its own: a finished period that the site was running in and that has no report gets one. It
is applied at start, at half past each hour in the site's time zone, so first at 00:30 after a period's end, and at the
times of cron lines. A run that was missed, or failed, is made up once; a period that has its report is left alone.
"""

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Engine

from appliance.audit import log
from appliance.audit.checkpoint import seal_if_grown
from appliance.audit.retention import months_before, record_run, remove_expired
from appliance.errors import VeilsightError
from appliance.report_schedule import ReportSchedule, parse_cron
from appliance.reports.build import BuiltReport, build_report, list_reports
from appliance.reports.daily import sum_days
from appliance.reports.delivery import fill_outbox
from appliance.reports.due import finished_periods
from appliance.reports.keeping import check_reports
from appliance.reports.period import Period
from appliance.reports.retention import remove_old_reports
from appliance.settings import Paths, Settings
from appliance.storage.database import forget_removed, reading
from appliance.storage.keys import load_public_key, load_signing_key
from appliance.storage.site import site_of

ACTOR = "schedule"
JOB = "reports"
SEALING = "checkpoint"
# So many periods in which something happened are made up, and none that ended more than a year or so ago: a schedule
# that is new does not report all of the past.
MOST_MADE_UP = {"day": 7, "week": 5, "month": 12, "quarter": 4, None: 7}
OLDEST = timedelta(days=400)

logger = logging.getLogger(__name__)


def start_scheduler(
    paths: Paths, settings: Settings, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> BackgroundScheduler:
    """Start building reports and signing the audit log on time, in threads of this process.

    Call `.shutdown()` on the result to stop.
    """
    # One thread, so that no report is built twice at once.
    scheduler = BackgroundScheduler(timezone=settings.site.zone, executors={"default": ThreadPoolExecutor(1)})
    scheduler.add_job(
        _run,
        CronTrigger(minute=30, timezone=settings.site.zone),
        args=(paths, settings, engine, clock),
        id=JOB,
        next_run_time=datetime.now(UTC),
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )
    for schedule in settings.reports:
        if schedule.cron:
            scheduler.add_job(
                _run,
                parse_cron(schedule.cron, settings.site.zone),
                args=(paths, settings, engine, clock),
                id=f"{JOB}-{schedule.name}",
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
    scheduler.add_job(
        _seal,
        CronTrigger(minute=0, timezone=settings.site.zone),
        args=(paths, engine, clock),
        id=SEALING,
        next_run_time=datetime.now(UTC),
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )
    scheduler.start()
    return scheduler


def seal_log(paths: Paths, engine: Engine, now: datetime) -> bool:
    """Sign the audit log as it stands, if anything was written since the last time. Raises the errors of the keys."""
    key = load_signing_key(paths)
    site = site_of(engine, paths)
    with engine.begin() as connection:
        return seal_if_grown(connection, key, site.origin, ACTOR, now)


def build_missing_reports(paths: Paths, settings: Settings, engine: Engine, now: datetime) -> tuple[BuiltReport, ...]:
    """Build the reports that are due and missing; `now` in UTC. Errors as in `build_report`."""
    return tuple(
        build_report(paths, settings, engine, first, last, ACTOR, now, schedule)
        for schedule in settings.reports
        for first, last in missing_periods(paths, settings, engine, schedule, now)
    )


def missing_periods(
    paths: Paths, settings: Settings, engine: Engine, schedule: ReportSchedule, now: datetime
) -> list[tuple[date, date]]:
    """First and last days of the finished periods without a report in which anything was logged, the oldest first."""
    zone = settings.site.zone
    have = _reported(paths, settings, engine, schedule)
    past = max(now - OLDEST, months_before(now, settings.retention.report_months))
    missing: list[tuple[date, date]] = []
    running = 0
    with reading(engine) as connection:
        oldest = log.entries(connection, limit=1)
        for first, last in finished_periods(schedule, now, zone):
            period = Period(first, last, zone)
            # What ended before `past` may have had a report, which was removed since.
            if not oldest or period.end <= max(oldest[0].time, past) or running == MOST_MADE_UP[schedule.every]:
                break
            if log.entries(connection, period.start, period.end, limit=1):
                running += 1
                if (first, last) not in have:
                    missing.append((first, last))
    return missing[::-1]


def _reported(paths: Paths, settings: Settings, engine: Engine, schedule: ReportSchedule) -> set[tuple[date, date]]:
    """Periods that need no report of this schedule any more: it, a person, or a schedule that is gone, has built it."""
    others = {each.name for each in settings.reports} - {schedule.name}
    return {
        (report.first, report.last)
        for report in list_reports(engine, paths)
        # A report built before its period was over does not tell the whole of it.
        if report.schedule not in others and report.built >= Period(report.first, report.last, settings.site.zone).end
    }


def _run(paths: Paths, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
    """The scheduled job, which also verifies the reports of earlier days, removes what is older than the settings keep
    it, after the reports that need it, and adds up the days that are over.

    A failure is logged and left to the next hour.
    """
    try:
        for report in build_missing_reports(paths, settings, engine, clock()):
            logger.info("Built the report %s.", report.name)
        fill_outbox(paths, settings, engine)
        check_reports(paths, engine, load_public_key(paths), clock())
        reports = remove_old_reports(paths, settings, engine, ACTOR, clock())
        while _remove_some(settings, engine, reports, clock()):
            reports = 0
        sum_days(engine, settings.site.zone, clock())
    except VeilsightError as error:
        logger.error("The report could not be built: %s", error)


def _remove_some(settings: Settings, engine: Engine, reports: int, now: datetime) -> bool:
    """Remove what one transaction may of what is too old; whether there may be more."""
    with engine.begin() as connection:
        removed = remove_expired(connection, settings.retention, ACTOR, now)
        record_run(connection, reports, removed, ACTOR, now)
    if removed.measurements or removed.entries:
        forget_removed(engine)
    return removed.measurements > 0


def _seal(paths: Paths, engine: Engine, clock: Callable[[], datetime]) -> None:
    try:
        seal_log(paths, engine, clock())
    except VeilsightError as error:
        logger.error("The audit log could not be signed: %s", error)
