"""What is to be delivered, and what became of it: the side of the courier's work that the page and the builder see.

Nothing here can send: that is `reports.sending`, which the web program may not import.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.sqlite import insert

from appliance.destinations import Destination, Sendable
from appliance.reports import bundle
from appliance.settings import Paths, Settings
from appliance.storage.database import reading
from appliance.storage.destination_secrets import list_secrets
from appliance.storage.tables import delivery as delivery_table


@dataclass(frozen=True)
class DeliveryState:
    """Of one report at one destination. Times in UTC; `problem` is that of the last try, if it failed."""

    report: str
    destination: str
    attempts: int
    next_attempt: datetime | None
    delivered: datetime | None
    problem: str

    def due(self, now: datetime) -> bool:
        return not self.delivered and (self.next_attempt is None or self.next_attempt <= now)


def queue_deliveries(connection: Connection, report: str, destinations: Iterable[Destination]) -> None:
    """Note, in the caller's transaction, that the report is to go to each destination."""
    for destination in for_reports(destinations):
        values = {"report": report, "destination": destination.name, "attempts": 0, "last_error": ""}
        connection.execute(insert(delivery_table).values(**values).on_conflict_do_nothing())


def fill_outbox(paths: Paths, settings: Settings, engine: Engine) -> None:
    """Put every report into the outbox that a configured destination still lacks. Raises `ReportUnwritable`."""
    names = [destination.name for destination in for_reports(settings.destinations)]
    query = select(delivery_table.c.report).distinct()
    query = query.where(delivery_table.c.delivered.is_(None), delivery_table.c.destination.in_(names))
    with reading(engine) as connection:
        waiting = connection.execute(query).scalars().all()
    for name in waiting:
        report = paths.reports / name
        if report.is_file() and not (paths.outbox / name).is_file():
            bundle.copy_bundle(report, paths.outbox)


def for_reports(destinations: Iterable[Destination]) -> tuple[Destination, ...]:
    return tuple(destination for destination in destinations if destination.takes(Sendable.REPORT))


def delivery_states(engine: Engine, report: str) -> dict[str, DeliveryState]:
    """By destination."""
    return {state.destination: state for state in _states(engine) if state.report == report}


def failing_deliveries(engine: Engine, settings: Settings) -> tuple[DeliveryState, ...]:
    """What a destination of the settings did not take when it was tried last; it is tried again."""
    names = {destination.name for destination in for_reports(settings.destinations)}
    return tuple(each for each in _states(engine) if each.problem and not each.delivered and each.destination in names)


def all_deliveries(engine: Engine) -> tuple[DeliveryState, ...]:
    """Of every report and destination, sorted by both."""
    return tuple(_states(engine))


def describe_destinations(engine: Engine, settings: Settings) -> list[dict[str, Any]]:
    """What may be shown of each destination: all but its secret."""
    states = _states(engine)
    with reading(engine) as connection:
        secrets = list_secrets(connection)
    return [
        _describe(each, [state for state in states if state.destination == each.name], secrets)
        for each in settings.destinations
    ]


def _describe(destination: Destination, states: list[DeliveryState], secrets: Mapping[str, datetime]) -> dict[str, Any]:
    waiting = [state for state in states if not state.delivered]
    failing = [state for state in waiting if state.problem]
    first = min((state.next_attempt for state in failing if state.next_attempt), default=None)
    since = secrets.get(destination.name)
    return {
        "name": destination.name,
        "kind": destination.kind,
        "to": destination.shown,
        "classes": [each.value for each in destination.classes],
        "secret": f"secret set on {since:%Y-%m-%d}" if since else "no secret",
        "delivered": len(states) - len(waiting),
        "waiting": len(waiting),
        "problem": failing[-1].problem if failing else "",
        "next_attempt": first.isoformat(timespec="minutes") if first else "",
    }


def _states(engine: Engine) -> list[DeliveryState]:
    query = select(delivery_table).order_by(delivery_table.c.report, delivery_table.c.destination)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [
        DeliveryState(row.report, row.destination, row.attempts, row.next_attempt, row.delivered, row.last_error)
        for row in rows
    ]
