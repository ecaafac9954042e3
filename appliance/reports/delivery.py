"""The courier's work: signed reports go from the outbox to the configured destinations, and nothing else goes.

The web program puts a report's bundle (PDF and signature) into the outbox; the courier sends it by `audit.egress`, the
only way out, and remembers in the database which destination has it. A destination that fails is tried again after a
pause that doubles each time.
"""

import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.sqlite import insert

from appliance.audit import egress, log
from appliance.audit.egress import DeliveryFailed, Policy, Sendable
from appliance.audit.log import Event
from appliance.errors import VeilsightError
from appliance.reports import bundle, verify
from appliance.reports.signature import SUFFIX, signature_path
from appliance.settings import Destination, Paths, Settings
from appliance.storage.database import reading
from appliance.storage.keys import load_public_key
from appliance.storage.tables import delivery as delivery_table

ACTOR = "courier"
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
LOOK_EVERY_SECONDS = 15.0
# What may not leave is put here, inside the outbox, so that it is recorded once.
REFUSED = "refused"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one report at one destination. `problem` is empty where it was delivered."""

    report: str
    destination: str
    problem: str = ""

    @property
    def delivered(self) -> bool:
        return not self.problem


@dataclass(frozen=True)
class _State:
    attempts: int = 0
    next_attempt: datetime | None = None
    delivered: bool = False

    def due(self, now: datetime) -> bool:
        return not self.delivered and (self.next_attempt is None or self.next_attempt <= now)


def queue_deliveries(connection: Connection, report: str, destinations: Iterable[Destination]) -> None:
    """Note, in the caller's transaction, that the report is to go to each destination."""
    for destination in _for_reports(destinations):
        values = {"report": report, "destination": destination.name, "attempts": 0, "last_error": ""}
        connection.execute(insert(delivery_table).values(**values).on_conflict_do_nothing())


def fill_outbox(paths: Paths, settings: Settings, engine: Engine) -> None:
    """Put every report into the outbox that a configured destination still lacks. Raises `ReportUnwritable`."""
    names = [destination.name for destination in _for_reports(settings.destinations)]
    query = select(delivery_table.c.report).distinct()
    query = query.where(delivery_table.c.delivered.is_(None), delivery_table.c.destination.in_(names))
    with reading(engine) as connection:
        waiting = connection.execute(query).scalars().all()
    for name in waiting:
        report = paths.reports / name
        if report.is_file() and not (paths.outbox / name).is_file():
            bundle.copy_bundle(report, paths.outbox)


def deliver_outbox(
    paths: Paths, settings: Settings, engine: Engine, now: datetime | None = None, wait: bool = True
) -> tuple[Outcome, ...]:
    """Send what lies in the outbox to every destination that is due; `wait=False` ignores the pauses after failures.

    What is not a signed report of this site is recorded, put aside and never sent. A report that every destination has
    leaves the outbox. Raises the errors of the keys and the database.
    """
    now = now or datetime.now(UTC)
    if not paths.outbox.is_dir():
        return ()
    key = load_public_key(paths)
    outcomes: list[Outcome] = []
    for report in _signed_reports(paths.outbox, key, engine, now):
        outcomes += _deliver(report, settings, engine, now, wait)
    return tuple(outcomes)


def run_courier(
    stop: threading.Event,
    paths: Paths,
    settings: Settings,
    engine: Engine,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    look_every_seconds: float = LOOK_EVERY_SECONDS,
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Deliver until `stop` is set, calling `alive` each time. A failure is logged, and tried again."""
    while not stop.is_set():
        alive()
        try:
            for outcome in deliver_outbox(paths, settings, engine, clock()):
                if not outcome.delivered:
                    logger.warning("%s", outcome.problem)
        except (VeilsightError, OSError) as error:
            logger.error("The outbox could not be delivered: %s", error)
        stop.wait(look_every_seconds)


def _signed_reports(outbox: Path, key: Ed25519PublicKey, engine: Engine, now: datetime) -> list[Path]:
    """The reports in the outbox that verify; everything else is refused. Files being written (`.*`) are left alone."""
    found = sorted(path for path in outbox.iterdir() if not path.name.startswith(".") and path.name != REFUSED)
    reports: list[Path] = []
    for path in found:
        if path.name.endswith(f".pdf{SUFFIX}") and path.is_file() and not path.is_symlink():
            # A signature comes before its report and goes after it; alone it holds nothing.
            continue
        problem = _problem(path, key)
        if problem:
            _refuse(path, problem, engine, now)
        else:
            reports.append(path)
    return reports


def _problem(path: Path, key: Ed25519PublicKey) -> str:
    if path.is_symlink() or not path.is_file() or path.suffix != ".pdf":
        return f"{path.name} is not a report; nothing but signed reports may be in the outbox."
    try:
        verdict = verify.verify_report(path, key)
    except verify.ReportUnreadable as error:
        return str(error)
    return "" if verdict.valid else verdict.sentence


def _refuse(path: Path, problem: str, engine: Engine, now: datetime) -> None:
    """Write the refusal into the log, then put the file aside."""
    content = b""
    with contextlib.suppress(OSError):
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    event = Event(
        actor=ACTOR,
        action="egress-refused",
        subject=path.name,
        byte_count=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        destination="outbox",
        details={"reason": problem},
    )
    aside = path.parent / REFUSED
    aside.mkdir(mode=bundle.DIRECTORY_MODE, exist_ok=True)
    with engine.begin() as connection:
        log.append(connection, event, now)
        path.replace(aside / f"{int(now.timestamp())}-{path.name}")
    logger.warning("Refused to send from the outbox: %s", problem)


def _deliver(report: Path, settings: Settings, engine: Engine, now: datetime, wait: bool) -> list[Outcome]:
    policy = egress.policy_for(settings.destinations)
    states = _states(engine, report.name)
    # The schedule that built it says where it goes (`queue_deliveries`).
    destinations = [each for each in _for_reports(settings.destinations) if each.name in states]
    outcomes: list[Outcome] = []
    for destination in destinations:
        state = states[destination.name]
        if state.due(now) or (not wait and not state.delivered):
            outcomes.append(_send(report, destination.name, policy, engine, state, now))
    done = {name for name, state in states.items() if state.delivered}
    done |= {outcome.destination for outcome in outcomes if outcome.delivered}
    if destinations and done >= {destination.name for destination in destinations}:
        bundle.remove_bundle(report)
    return outcomes


def _send(report: Path, destination: str, policy: Policy, engine: Engine, state: _State, now: datetime) -> Outcome:
    """Send both files and remember it: a success together with the audit entry of the second."""
    outcome = Outcome(report.name, destination)
    signature = signature_path(report)

    def send(path: Path, then: Callable[[Connection], None]) -> None:
        egress.send(engine, policy, Sendable.REPORT, destination, path.name, path.read_bytes(), ACTOR, then)

    try:
        # The signature goes first: whoever sees the report finds it signed.
        send(signature, lambda _connection: None)
        send(report, lambda connection: _remember(connection, outcome, state, now))
    except DeliveryFailed as error:
        outcome = Outcome(report.name, destination, str(error))
        with engine.begin() as connection:
            _remember(connection, outcome, state, now)
    return outcome


def _for_reports(destinations: Iterable[Destination]) -> tuple[Destination, ...]:
    return tuple(destination for destination in destinations if destination.takes(Sendable.REPORT))


def _states(engine: Engine, report: str) -> dict[str, _State]:
    with reading(engine) as connection:
        rows = connection.execute(select(delivery_table).where(delivery_table.c.report == report))
        return {row.destination: _State(row.attempts, row.next_attempt, row.delivered is not None) for row in rows}


def _remember(connection: Connection, outcome: Outcome, state: _State, now: datetime) -> None:
    attempts = state.attempts + 1
    pause = min(FIRST_PAUSE * 2 ** min(state.attempts, 10), LONGEST_PAUSE)
    values = {
        "attempts": attempts,
        "next_attempt": None if outcome.delivered else now + pause,
        "delivered": now if outcome.delivered else None,
        "last_error": outcome.problem,
    }
    statement = insert(delivery_table).values(report=outcome.report, destination=outcome.destination, **values)
    statement = statement.on_conflict_do_update(index_elements=["report", "destination"], set_=values)
    connection.execute(statement)
