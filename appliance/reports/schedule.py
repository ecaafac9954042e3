"""Builds each month's report by itself, once the month is over, and signs the audit log each hour.

The rule has no memory of its own: a finished month that the site was running in and that has no report gets one. It
is applied at start and at half past each hour, in the site's time zone, so the first time on the first of the month at
00:30. A run that was missed, or failed, is made up once; a month that has its report is left alone.
"""

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Engine

from appliance.audit import log
from appliance.audit.checkpoint import seal_if_grown
from appliance.audit.retention import record_run, remove_expired
from appliance.errors import VeilsightError
from appliance.reports.build import BuiltReport, build_report, list_reports
from appliance.reports.delivery import fill_outbox
from appliance.reports.period import Period, last_month
from appliance.reports.retention import remove_old_reports
from appliance.settings import Paths, Settings
from appliance.storage.database import forget_removed, reading
from appliance.storage.keys import load_signing_key
from appliance.storage.site import site_of

ACTOR = "schedule"
JOB = "monthly-report"
SEALING = "checkpoint"
# Older months are past making up: the log of them may be gone.
MOST_MONTHS = 12

logger = logging.getLogger(__name__)


def start_scheduler(
    paths: Paths, settings: Settings, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> BackgroundScheduler:
    """Start building reports and signing the audit log on time, in threads of this process.

    Call `.shutdown()` on the result to stop.
    """
    scheduler = BackgroundScheduler(timezone=settings.site.zone)
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
    """Build the reports of finished months that have none; `now` in UTC. Errors as in `build_report`."""
    missing = missing_months(paths, settings, engine, now)
    return tuple(build_report(paths, settings, engine, first, last, ACTOR, now) for first, last in missing)


def missing_months(paths: Paths, settings: Settings, engine: Engine, now: datetime) -> list[tuple[date, date]]:
    """First and last days of the finished months without a report in which anything was logged, the oldest first."""
    zone = settings.site.zone
    have = {
        (report.first, report.last)
        for report in list_reports(engine, paths)
        # A report built before its month was over does not tell the whole of it.
        if report.built >= Period(report.first, report.last, zone).end
    }
    months: list[tuple[date, date]] = []
    first = now.astimezone(zone).date()
    with reading(engine) as connection:
        oldest = log.entries(connection, limit=1)
        for _ in range(MOST_MONTHS):
            first, last = last_month(first)
            period = Period(first, last, zone)
            if not oldest or period.end <= oldest[0].time:
                break
            if (first, last) not in have and log.entries(connection, period.start, period.end, limit=1):
                months.append((first, last))
    return months[::-1]


def _run(paths: Paths, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
    """The scheduled job, which also removes what is older than the settings keep it, after the reports that need it.

    A failure is logged and left to the next hour.
    """
    try:
        for report in build_missing_reports(paths, settings, engine, clock()):
            logger.info("Built the report %s.", report.name)
        fill_outbox(paths, settings, engine)
        reports = remove_old_reports(paths, settings, engine, ACTOR, clock())
        while _remove_some(settings, engine, reports, clock()):
            reports = 0
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
