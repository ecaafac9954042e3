"""Builds a report: one checkpoint, the facts, the PDF, its two signatures, and the entry in the log."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, select

from appliance import __version__
from appliance.audit import log
from appliance.audit.checkpoint import make_checkpoint
from appliance.audit.log import Event
from appliance.audit.verification import AuditLogBroken, verify
from appliance.destinations import Destination
from appliance.language import Code, Languages, choose
from appliance.report_schedule import ReportSchedule
from appliance.reports import bundle, certificate, embedded_signature, growth, keeping, signature
from appliance.reports.attachments import read_attachments
from appliance.reports.content import Building, ReportContent, collect
from appliance.reports.delivery import fill_outbox, queue_deliveries
from appliance.reports.logo import LogoUnusable, read_logo
from appliance.reports.period import Period, make_period
from appliance.reports.rendering import render
from appliance.settings import Paths, Settings
from appliance.storage import keys
from appliance.storage.database import reading
from appliance.storage.site import Site, site_of
from appliance.storage.tables import report as report_table
from appliance.storage.vault import Protection, read_vault

Step = Literal["gather", "typeset", "sign"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuiltReport:
    """A report that was built; `path` is the PDF, its signature lies beside it. Times in UTC.

    `schedule` names the schedule that built it, empty for a person's. `state` is what the verification at `checked`
    found (`keeping.find_state`), empty and None before the first.
    """

    name: str
    path: Path
    first: date
    last: date
    built: datetime
    actor: str
    byte_count: int
    sha256: str
    schedule: str = ""
    state: str = ""
    checked: datetime | None = None


def build_report(
    paths: Paths,
    settings: Settings,
    engine: Engine,
    first: date,
    last: date,
    actor: str,
    now: datetime | None = None,
    schedule: ReportSchedule | None = None,
    tell: Callable[[Step], None] = lambda _step: None,
    language: Code | None = None,
) -> BuiltReport:
    """Build the report of the days from `first` to `last`, both included, and hand it to the courier.

    Dates are days at the site; `now` (UTC) is the time of building. A `schedule` says to which destinations it goes,
    otherwise to all; `tell` is told each step before it is taken. The document is in `language`, otherwise in that of
    the schedule or the site; its facts are the same in each. Building the same period again makes another report with
    its own name. Raises `PeriodError`, `RenderingFailed`, `ReportUnwritable` and the errors of the keys and the
    database; the report is then neither on the disk nor in the log.
    """
    now = now or datetime.now(UTC)
    zone = settings.site.zone
    period = make_period(first, last, zone, today=now.astimezone(zone).date())
    key = keys.load_signing_key(paths)
    site = site_of(engine, paths)
    note = _sign_checkpoint(site, key, actor, now)
    tell("gather")
    protection, logo = read_vault(paths.vault).protection, _find_logo(paths, settings)
    content = _collect(site, settings, period, actor, now, note, protection, logo)
    signing = certificate.make_signing(key, settings.site.name, site.identifier)
    tell("typeset")
    spoken = language or choose((schedule.language if schedule else "", settings.site.language))
    typeset = render(content, Languages().get(spoken))
    tell("sign")
    document = embedded_signature.sign_pdf(typeset, signing, settings.site.name, now)
    attached = read_attachments(document)
    path = bundle.write_bundle(
        paths.reports,
        bundle.base_name(settings.site.name, period),
        document,
        lambda name: signature.sign(name, document, attached, key, site.origin),
    )
    sha256 = signature.digest(document)
    built = BuiltReport(
        name=path.name,
        path=path,
        first=period.first,
        last=period.last,
        built=now,
        actor=actor,
        byte_count=len(document),
        sha256=sha256,
        schedule=schedule.name if schedule else "",
        state=keeping.find_state(path, sha256, site.public_key),
        checked=now,
    )
    try:
        with engine.begin() as connection:
            _record(connection, built, note)
            queue_deliveries(connection, path.name, _destinations(settings, schedule))
    except BaseException:
        bundle.remove_bundle(path)
        raise
    try:
        fill_outbox(paths, settings, engine)
    except bundle.ReportUnwritable as error:
        # The report is built; the schedule fills the outbox again within the hour.
        logger.warning("The report %s waits for the courier: %s", built.name, error)
    return built


def list_reports(engine: Engine, paths: Paths) -> tuple[BuiltReport, ...]:
    """All reports that were built, the newest first."""
    query = select(report_table).order_by(report_table.c.built.desc(), report_table.c.name.desc())
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return tuple(
        BuiltReport(
            name=row.name,
            path=paths.reports / row.name,
            first=date.fromisoformat(row.first_day),
            last=date.fromisoformat(row.last_day),
            built=row.built,
            actor=row.actor,
            byte_count=row.byte_count,
            sha256=row.sha256,
            schedule=row.schedule,
            state=row.state,
            checked=row.checked,
        )
        for row in rows
    )


def _sign_checkpoint(site: Site, key: Ed25519PrivateKey, actor: str, now: datetime) -> str:
    with site.engine.begin() as connection:
        size = log.size(connection)
        note = make_checkpoint(connection, key, site.origin, now)
        log.append(connection, Event(actor, "checkpoint-signed", site.origin, "log", details={"size": size}), now)
    return note


def _collect(
    site: Site,
    settings: Settings,
    period: Period,
    actor: str,
    now: datetime,
    note: str,
    protection: Protection | None,
    logo: str,
) -> ReportContent:
    """Check the log and gather the facts from one state of the database. A broken log is reported, not hidden."""
    with reading(site.engine) as connection:
        try:
            verify(connection, site.public_key, site.origin)
            problem = ""
        except AuditLogBroken as error:
            problem = str(error)
        building = Building(
            at=now,
            by=actor,
            software=f"Veilsight {__version__}",
            key_fingerprint=keys.fingerprint(site.public_key),
            log_size=log.size(connection),
            problem=problem,
            checkpoint=note,
            earlier=growth.earlier_reports(connection, period, note, site.public_key),
            protection=protection,
            logo=logo,
        )
        return collect(connection, settings, period, building)


def _find_logo(paths: Paths, settings: Settings) -> str:
    """A logo that is gone keeps no report from being built in time."""
    try:
        return read_logo(settings.site.logo, paths.settings_file.parent)
    except LogoUnusable as error:
        logger.warning("%s The report is built without it.", error)
        return ""


def _destinations(settings: Settings, schedule: ReportSchedule | None) -> tuple[Destination, ...]:
    if schedule is None or not schedule.destinations:
        return settings.destinations
    return tuple(each for each in settings.destinations if each.name in schedule.destinations)


def _record(connection: Connection, built: BuiltReport, note: str) -> None:
    connection.execute(
        report_table.insert().values(
            name=built.name,
            first_day=built.first.isoformat(),
            last_day=built.last.isoformat(),
            built=built.built,
            actor=built.actor,
            byte_count=built.byte_count,
            sha256=built.sha256,
            checkpoint=note,
            schedule=built.schedule,
            state=built.state,
            checked=built.checked,
        )
    )
    event = Event(
        actor=built.actor,
        action="report-built",
        subject=built.name,
        data_class="report",
        byte_count=built.byte_count,
        sha256=built.sha256,
        details={
            "first_day": built.first.isoformat(),
            "last_day": built.last.isoformat(),
            **({"schedule": built.schedule} if built.schedule else {}),
        },
    )
    log.append(connection, event, built.built)
