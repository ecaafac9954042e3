"""Removes reports that are older than the settings keep them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from appliance.audit import log
from appliance.audit.log import Event
from appliance.audit.retention import months_before
from appliance.reports.bundle import remove_bundle
from appliance.reports.period import Period
from appliance.settings import Paths, Settings
from appliance.storage.tables import delivery as delivery_table
from appliance.storage.tables import report as report_table


@dataclass(frozen=True)
class Gaps:
    """From when on the period is told of; None where all of it is. Earlier data was removed at the end of its time."""

    log_since: datetime | None
    metrics_since: datetime | None


def remove_old_reports(paths: Paths, settings: Settings, engine: Engine, actor: str, now: datetime) -> int:
    """Remove reports that were built too long ago, with their signatures, and write that down; return how many."""
    limit = months_before(now, settings.retention.report_months)
    with engine.begin() as connection:
        names = connection.execute(select(report_table.c.name).where(report_table.c.built < limit)).scalars().all()
        if not names:
            return 0
        for name in names:
            # Files first: if this stops half-way, the rest is done the next time.
            remove_bundle(paths.reports / name)
            remove_bundle(paths.outbox / name)
        connection.execute(delivery_table.delete().where(delivery_table.c.report.in_(names)))
        connection.execute(report_table.delete().where(report_table.c.name.in_(names)))
        event = Event(actor, "data-removed", "reports", "report", details={"reports": len(names)})
        log.append(connection, event, now)
    return len(names)


def find_gaps(connection: Connection, settings: Settings, period: Period) -> Gaps:
    """What of the period the database can no longer tell, because its time was over."""
    log_since: datetime | None = None
    if log.removed_before(connection):
        oldest = log.entries(connection, limit=1)
        if oldest and oldest[0].time > period.start:
            log_since = oldest[0].time
    metrics_since: datetime | None = None
    removals = log.entries(connection, actions=["data-removed"], newest_first=True)
    removal = next((entry for entry in removals if entry.event.subject == "measurements"), None)
    if removal is not None:
        since = months_before(removal.time, settings.retention.metrics_months)
        metrics_since = since if since > period.start else None
    return Gaps(log_since, metrics_since)
