"""The facts of a report, gathered from the database: one JSON object, the same for the same database and period.

Its texts are English whatever the document's language: they are sentences (`appliance.language.sentence`) that only
`rendering` says in another one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import rfc8785
from sqlalchemy import Connection

from appliance.audit.log import Entry
from appliance.language import Sentence, counted_sentence, sentence
from appliance.reports import camera_facts, processing, residency, witness
from appliance.reports.accuracy import accuracy
from appliance.reports.anonymity import anonymity
from appliance.reports.counts import collect_counts
from appliance.reports.exporting import as_table
from appliance.reports.period import Period
from appliance.reports.promises import promises
from appliance.reports.retention import Gaps, find_gaps
from appliance.reports.sums import read_sums
from appliance.settings import Settings
from appliance.storage import counting_checks
from appliance.storage.cameras import list_cameras
from appliance.storage.vault import Protection

# 2: counts may be negative, since noise may be in them, and have margins. 3: the record of processing. 4: promises,
# classes of data that left, cameras' records and outages; when and by whom it was built is told beside the facts.
# `reports/schema/report.schema.json` is its published form.
CONTENT_SCHEMA = 4


@dataclass(frozen=True)
class Building:
    """What is known only when the report is built: when, for whom, by which version, and the state of the log.

    `problem` is empty where the log verified, otherwise the sentence that says what is wrong with it. `checkpoint` is
    the signed note made for this report, `earlier` what `growth.earlier_reports` says of those before it; `protection`
    is what opens the vault.
    """

    at: datetime
    by: str
    software: str
    key_fingerprint: str
    log_size: int
    problem: str
    checkpoint: str
    earlier: dict[str, Any] = field(default_factory=lambda: {"reports": [], "all_from": None})
    protection: Protection | None = None
    logo: str = ""


@dataclass(frozen=True)
class ReportContent:
    """`facts` is a JSON object after `CONTENT_SCHEMA`; `built_timestamp` in seconds since 1970 dates the document.

    `built` says when, by which version and for whom. It stands in the document and not among the facts, which are the
    same whenever the report of one database and period is built. `logo` is the site's mark as SVG, empty for none, and
    `metrics` are the counts as CSV (`exporting.export_counts`).
    """

    facts: dict[str, Any]
    built_timestamp: int
    built: dict[str, str] = field(default_factory=dict)
    logo: str = ""
    metrics: str = ""

    def canonical(self) -> bytes:
        """The facts as canonical JSON (RFC 8785): equal facts are equal bytes."""
        return rfc8785.dumps(self.facts)


def collect(connection: Connection, settings: Settings, period: Period, building: Building) -> ReportContent:
    """Gather everything that the report says. Reads only; `connection` should see one state of the database."""
    cameras = list_cameras(connection)
    entries = witness.period_entries(connection, period)
    k = settings.anonymity.k
    read = read_sums(connection, period, period.intervals(), building.at, k)
    counts = collect_counts(connection, period, cameras, building.at, k, read)
    egress = witness.egress(entries, period) | {"classes": residency.by_class(entries)}
    facts = {
        "schema": CONTENT_SCHEMA,
        "software": building.software,
        "site": _site(settings, building),
        "period": _period(period, building.at),
        "gaps": _gaps(find_gaps(connection, settings, period), period),
        "summary": _summary(counts, egress, entries),
        "cameras": camera_facts.cameras(connection, cameras, counts, entries, period, building.at),
        "program_stops": camera_facts.program_stops(connection, entries, period, building.at),
        "frames": residency.frames(entries, period),
        "accuracy": accuracy(connection, period),
        "counting_checks": _counting_checks(connection, period),
        "counts": counts,
        "anonymity": anonymity(
            connection, period, settings.anonymity, counts["bucket_minutes"] or [settings.analysis.bucket_minutes]
        ),
        "networks": witness.networks(connection, entries, period),
        "network_changes": witness.network_changes(connection, entries, period),
        "network_use": witness.network_use(entries),
        "automated": processing.automated(entries),
        "data_kept": _data_kept(settings),
        "egress": egress,
        "access": witness.access(entries, period),
        "changes": witness.changes(entries, period),
        "integrity": _integrity(entries, building),
        "processing": processing.record(connection, settings, building.protection, not building.problem),
        "reports": witness.reports(connection, entries, [each.name for each in settings.reports]),
    }
    facts["promises"] = promises(facts)
    built = {"at": period.local(building.at), "by": building.by, "software": building.software}
    table = as_table(connection, period, read[0])
    return ReportContent(facts, int(building.at.timestamp()), built, building.logo, table)


def _site(settings: Settings, building: Building) -> dict[str, Any]:
    site = settings.site
    return {
        "name": site.name,
        "controller": site.controller,
        "contact": site.contact,
        "timezone": site.timezone,
        "key_fingerprint": building.key_fingerprint,
        "logo_sha256": hashlib.sha256(building.logo.encode()).hexdigest() if building.logo else "",
    }


def _period(period: Period, built: datetime) -> dict[str, Any]:
    return {
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "start": period.local(period.start),
        "end": period.local(period.end),
        "days": period.days,
        "hours": period.hours,
        "complete": built >= period.end,
    }


def _gaps(gaps: Gaps, period: Period) -> dict[str, str | None]:
    return {
        "log_since": period.local(gaps.log_since) if gaps.log_since else None,
        "metrics_since": period.local(gaps.metrics_since) if gaps.metrics_since else None,
    }


def _summary(counts: dict[str, Any], egress: dict[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    """The few figures of the first page."""
    cameras = counts["cameras"]
    return {
        **{f"persons_{name}": value for name, value in counts["persons"].items()},
        "observed_hours": round(sum(camera["observed_hours"] for camera in cameras), 4),
        "cameras": len(cameras),
        "sent": len(egress["sent"]),
        "refused": sum(row["outcome"] == "refused" for row in egress["refused"]),
        "failures": witness.count_failures(entries),
    }


def _counting_checks(connection: Connection, period: Period) -> list[dict[str, Any]]:
    """The last time that each camera's count was compared with somebody's who counted by eye."""
    return [
        {
            "camera": check.camera,
            "checked": period.local(check.checked),
            "by": check.user,
            "seconds": check.seconds,
            "difference": check.difference,
        }
        for check in counting_checks.latest(connection, period.end).values()
    ]


def _data_kept(settings: Settings) -> list[dict[str, str]]:
    """Each class of data, what it holds, where it lies and for how long it is kept by the settings."""
    kept = settings.retention
    rows = (
        (
            "raw-frame",
            sentence("Pictures of the cameras"),
            sentence("Pictures as the cameras send them"),
            sentence("memory of one program"),
            sentence("not kept"),
        ),
        (
            "redacted-frame",
            sentence("Redacted pictures"),
            sentence("Live view with faces and number plates covered"),
            sentence("memory"),
            sentence("not kept"),
        ),
        (
            "metric",
            sentence("Measurements"),
            sentence("Totals by camera, line, zone and time, made anonymous as section 5 says; no picture, no track"),
            sentence("encrypted database"),
            _months(kept.metrics_months),
        ),
        (
            "log",
            sentence("Audit log"),
            sentence("Who did what and when: log-ins, live views, changes, everything sent"),
            sentence("encrypted database"),
            _months(kept.log_months),
        ),
        (
            "report",
            sentence("Reports"),
            sentence("Documents such as this one"),
            sentence("files on this system"),
            _months(kept.report_months),
        ),
        (
            "configuration",
            sentence("Set-up"),
            sentence("Cameras with their passwords, lines and zones; users with hashed passwords"),
            sentence("encrypted database"),
            sentence("until removed"),
        ),
    )
    return [dict(zip(("class", "name", "holds", "place", "kept"), row, strict=True)) for row in rows]


def _months(number: int) -> Sentence:
    return counted_sentence("%(num)s month", "%(num)s months", number)


def _integrity(entries: Sequence[Entry], building: Building) -> dict[str, Any]:
    return {
        "verified": not building.problem,
        "message": building.problem,
        "size": building.log_size,
        "period_size": len(entries),
        "first_entry": entries[0].number if entries else None,
        "last_entry": entries[-1].number if entries else None,
        "checkpoint": building.checkpoint,
        "earlier": building.earlier,
        "previous": _previous(building.earlier["reports"]),
    }


def _previous(earlier: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Whether the log still begins with what the newest earlier report fixed; None where there is no earlier one."""
    if not earlier:
        return None
    last = earlier[0]
    return {"report": last["report"], "size": last["size"], "consistent": last["path"] is not None}
