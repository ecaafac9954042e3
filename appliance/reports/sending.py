"""The courier's work: signed reports go from the outbox to the configured destinations, and nothing else goes.

The web program puts a report's bundle (PDF and signature) into the outbox (`reports.delivery`); the courier sends it by
`audit.egress`, the only way out, and remembers in the database which destination has it. A destination that fails is
tried again after a pause that doubles each time, up to some hours, for as long as the report is kept.
"""

import contextlib
import hashlib
import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.sqlite import insert

from appliance.audit import egress, log
from appliance.audit.egress import DeliveryFailed, Policy, Sendable
from appliance.audit.log import Event
from appliance.errors import VeilsightError
from appliance.reports import bundle, verify
from appliance.reports.delivery import DeliveryState, delivery_states, for_reports
from appliance.reports.signature import SUFFIX, signature_path
from appliance.settings import Paths, Settings
from appliance.storage.destination_secrets import secret_reader
from appliance.storage.keys import load_public_key
from appliance.storage.sole_use import in_turn, only_one
from appliance.storage.tables import delivery as delivery_table

ACTOR = "courier"
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
# A pause is longer by up to this part of it, by chance: many sites don't come back at once to a server that was away.
SPREAD = 0.25
LOOK_EVERY_SECONDS = 15.0
# Beside the database. Who sends holds the first, and the courier the second too: nobody sends the same beside another.
TURN, COURIER = "sending.lock", "courier.lock"
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
class _Bundle:
    """A report and its signature as they were verified; what is sent is this, not what the file is by then."""

    path: Path
    document: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def deliver_outbox(
    paths: Paths,
    settings: Settings,
    engine: Engine,
    now: datetime | None = None,
    wait: bool = True,
    alive: Callable[[], None] = lambda: None,
) -> tuple[Outcome, ...]:
    """Send what lies in the outbox to every destination that is due; `wait=False` ignores the pauses after failures.

    What is not a signed report of this site is recorded, put aside and never sent. A report that every destination has
    leaves the outbox. `alive` is called before each try. Waits while somebody else is sending. Raises the errors of the
    keys and the database.
    """
    if not paths.outbox.is_dir():
        return ()
    with in_turn(paths.database.with_name(TURN)):
        return _deliver_all(paths, settings, engine, now or datetime.now(UTC), wait, alive)


def settle(paths: Paths, engine: Engine, senders: Sequence[str]) -> None:
    """Write down that nobody knows what became of what these were sending when they ended."""
    with in_turn(paths.database.with_name(TURN)):
        for sender in senders:
            egress.settle(engine, sender)


def only_courier(paths: Paths) -> AbstractContextManager[None]:
    """For the courier program, of which a site has one. Raises `ProgramRunning`."""
    return only_one("courier", paths.database.with_name(COURIER))


def _deliver_all(
    paths: Paths, settings: Settings, engine: Engine, now: datetime, wait: bool, alive: Callable[[], None]
) -> tuple[Outcome, ...]:
    key = load_public_key(paths)
    outcomes: list[Outcome] = []
    policy = egress.policy_for(settings.destinations, secret_reader(engine, paths))
    for path in _candidates(paths.outbox):
        if wait and _waits(path, settings, engine, now):
            continue
        checked = _check(path, key)
        if isinstance(checked, str):
            _refuse(path, checked, engine, now)
        else:
            outcomes += _deliver(checked, settings, policy, engine, now, wait, alive)
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
    """Deliver until `stop` is set, calling `alive` meanwhile. A failure is logged, and tried again."""
    while not stop.is_set():
        alive()
        try:
            for outcome in deliver_outbox(paths, settings, engine, clock(), alive=alive):
                if not outcome.delivered:
                    logger.warning("%s", outcome.problem)
        except (VeilsightError, OSError) as error:
            logger.error("The outbox could not be delivered: %s", error)
        stop.wait(look_every_seconds)


def _candidates(outbox: Path) -> list[Path]:
    """What lies in the outbox, but for files that are being written (`.*`) and signatures beside their reports."""
    found = sorted(path for path in outbox.iterdir() if not path.name.startswith(".") and path.name != REFUSED)
    # A signature comes before its report and goes after it; alone it holds nothing.
    signatures = {path for path in found if path.name.endswith(f".pdf{SUFFIX}") and path.is_file()}
    return [path for path in found if path not in signatures or path.is_symlink()]


def _waits(path: Path, settings: Settings, engine: Engine, now: datetime) -> bool:
    """Whether this is a report that was tried, and that no destination is to get yet: it is verified again then."""
    states = delivery_states(engine, path.name)
    waiting = [
        states[each.name]
        for each in for_reports(settings.destinations)
        if each.name in states and not states[each.name].delivered
    ]
    return bool(waiting) and not any(state.due(now) for state in waiting)


def _check(path: Path, key: Ed25519PublicKey) -> _Bundle | str:
    """The bundle, read once and verified; or why it may not leave."""
    if path.is_symlink() or not path.is_file() or path.suffix != ".pdf":
        return f"{path.name} is not a report; nothing but signed reports may be in the outbox."
    beside = signature_path(path)
    try:
        document = path.read_bytes()
        signature = beside.read_bytes() if beside.is_file() and not beside.is_symlink() else None
    except OSError as error:
        return f"The file {path} can't be read: {error.strerror}."
    verdict = verify.verify_bytes(path.name, document, signature, key)
    if not verdict.valid or signature is None:
        return verdict.sentence
    return _Bundle(path, document, signature)


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


def _deliver(
    found: _Bundle,
    settings: Settings,
    policy: Policy,
    engine: Engine,
    now: datetime,
    wait: bool,
    alive: Callable[[], None],
) -> list[Outcome]:
    destinations = for_reports(settings.destinations)
    states = delivery_states(engine, found.path.name)
    outcomes: list[Outcome] = []
    for destination in destinations:
        alive()
        state = states.get(destination.name)
        if state is not None and (state.due(now) or (not wait and not state.delivered)):
            outcomes.append(_send(found, destination.name, policy, engine, state, now))
    done = {name for name, state in states.items() if state.delivered}
    done |= {outcome.destination for outcome in outcomes if outcome.delivered}
    if destinations and done >= {each.name for each in destinations if each.name in states}:
        bundle.remove_bundle(found.path)
    return outcomes


def _send(
    found: _Bundle, destination: str, policy: Policy, engine: Engine, state: DeliveryState, now: datetime
) -> Outcome:
    """Send both files and remember it: a success together with the audit entry of the second."""
    report = found.path.name
    outcome = Outcome(report, destination)

    def send(name: str, content: bytes, then: Callable[[Connection], None]) -> None:
        egress.send(engine, policy, Sendable.REPORT, destination, name, content, ACTOR, then)

    try:
        # The signature goes first: whoever sees the report finds it signed.
        send(signature_path(found.path).name, found.signature, lambda _connection: None)
        send(report, found.document, lambda connection: _remember(connection, outcome, state, now))
    except DeliveryFailed as error:
        outcome = Outcome(report, destination, str(error))
        with engine.begin() as connection:
            _remember(connection, outcome, state, now)
    return outcome


def _remember(connection: Connection, outcome: Outcome, state: DeliveryState, now: datetime) -> None:
    attempts = state.attempts + 1
    pause = min(FIRST_PAUSE * 2 ** min(state.attempts, 10), LONGEST_PAUSE)
    pause *= 1 + SPREAD * random.random()  # noqa: S311 - nobody gains by guessing it
    values = {
        "attempts": attempts,
        "next_attempt": None if outcome.delivered else now + pause,
        "delivered": now if outcome.delivered else None,
        "last_error": outcome.problem,
    }
    statement = insert(delivery_table).values(report=outcome.report, destination=outcome.destination, **values)
    statement = statement.on_conflict_do_update(index_elements=["report", "destination"], set_=values)
    connection.execute(statement)
