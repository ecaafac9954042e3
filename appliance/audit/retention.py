"""Removes what the site keeps no longer than its settings say: counts, and the contents of old audit entries.

An old entry goes from the start of the log on. Its hash stays as a leaf of the Merkle tree, so that the newer entries,
the checkpoints and the proofs still hold; an entry about the removal tells how many went, and verification accepts no
other gap.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, literal, select

from appliance.audit import log
from appliance.audit.log import Event
from appliance.settings import Retention
from appliance.storage import measurements
from appliance.storage.tables import audit_entry, audit_node

RECORD_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Removed:
    """How many stored numbers and how many audit entries went."""

    measurements: int
    entries: int


def remove_expired(connection: Connection, retention: Retention, actor: str, now: datetime | None = None) -> Removed:
    """Remove what is older than the settings allow, in the caller's transaction, and write that down."""
    now = now or datetime.now(UTC)
    rows = measurements.remove_before(connection, months_before(now, retention.metrics_months))
    if rows:
        log.append(connection, Event(actor, "data-removed", "measurements", "metric", details={"rows": rows}), now)
    return Removed(rows, _remove_entries(connection, months_before(now, retention.log_months), actor, now))


def record_run(connection: Connection, reports: int, removed: Removed, actor: str, now: datetime) -> None:
    """Write down that the data's age was looked at, once a day, and each time that something went."""
    before = log.entries(connection, actions=["retention-run"], newest_first=True, limit=1)
    if reports or removed != Removed(0, 0) or not before or now - before[0].time >= RECORD_EVERY:
        details = {"numbers": removed.measurements, "entries": removed.entries, "reports": reports}
        log.append(connection, Event(actor, "retention-run", "all data", details=details), now)


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time so many months earlier; the month's last day where it has no such day."""
    count = moment.year * 12 + moment.month - 1 - months
    year, month = count // 12, count % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def _remove_entries(connection: Connection, moment: datetime, actor: str, now: datetime) -> int:
    first: int | None = connection.execute(select(func.min(audit_entry.c.number))).scalar()
    kept = log.first_since(connection, moment)
    if first is None or kept <= first:
        return 0
    details = {"entries": kept - first, log.REMOVED_BEFORE: kept}
    log.append(connection, Event(actor, "data-removed", log.REMOVED_SUBJECT, "log", details=details), now)
    old = audit_entry.c.number < kept
    leaves = select(literal(0), audit_entry.c.number, audit_entry.c.leaf_hash).where(old)
    connection.execute(audit_node.insert().from_select(["level", "position", "hash"], leaves))
    connection.execute(audit_entry.delete().where(old))
    return kept - first
