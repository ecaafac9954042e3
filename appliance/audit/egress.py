"""The only way out of the appliance: the policy, the sending and the audit entries in one place.

`Sendable` lists the classes of data that can have a destination at all. Raw and redacted frames are not among them, so
no call can be written that sends one, and no settings file that allows it. This is the program's own discipline; the
guard (`appliance.audit.guard`) and the service units' restrictions stand underneath it.

Nothing is sent that the log does not know of: `delivery-started` is written, and on disk, before the first byte goes,
and the outcome follows with the number of that entry. Where the program is killed in between, nobody can know whether
the destination took it. Such a start is left without an outcome, and `settle` says so when the program starts again.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sqlalchemy import Connection, Engine

from appliance.audit import carriers, log
from appliance.audit.log import Action, Event, append
from appliance.destinations import Destination, Sendable
from appliance.errors import VeilsightError
from appliance.storage.database import reading
from appliance.storage.keys import KeyMissing, KeyUnusable

__all__ = ["DeliveryFailed", "EgressRefused", "Policy", "Sendable", "policy_for", "send", "settle"]

DELIVERED: Mapping[Sendable, Action] = MappingProxyType(
    {Sendable.REPORT: "report-delivered", Sendable.METRIC: "metric-delivered"}
)
# What ends a `delivery-started`; the detail `started` names it.
OUTCOMES: tuple[Action, ...] = (*DELIVERED.values(), "delivery-failed", "delivery-unknown")
STARTED = "started"
SecretOf = Callable[[str], bytes | None]


class EgressRefused(VeilsightError):
    """The policy names no such destination for this class of data."""


class DeliveryFailed(VeilsightError):
    """The destination did not take what was sent."""


@dataclass(frozen=True)
class Policy:
    """Which class of data may go to which named destination, and what opens that one, if anything."""

    allowed: Mapping[Sendable, Mapping[str, Destination]]
    secret_of: SecretOf


def policy_for(destinations: tuple[Destination, ...], secret_of: SecretOf = lambda _name: None) -> Policy:
    """The site's policy: what the settings give each destination, and nothing else goes anywhere.

    `secret_of` is asked for a destination's password, private key or token when something is sent there.
    """
    return Policy(
        MappingProxyType(
            {
                each: MappingProxyType({place.name: place for place in destinations if place.takes(each)})
                for each in Sendable
            }
        ),
        secret_of,
    )


def send(
    engine: Engine,
    policy: Policy,
    data_class: Sendable,
    destination: str,
    name: str,
    payload: bytes,
    actor: str,
    then: Callable[[Connection], None] = lambda _connection: None,
) -> None:
    """Send `payload` under `name` to a named destination and write the audit entries; a repeat replaces.

    `appliance.audit.carriers` says what each kind of destination gets. `then` runs in the transaction of the entry that
    says it was delivered: the caller's own note of it is there with the entry, or neither is.

    Raises `EgressRefused` or `DeliveryFailed`, both in the audit log by then, and the errors of the database: before
    anything was sent, or after, when the log keeps a start without an outcome.
    """
    event = Event(
        actor=actor,
        action="delivery-started",
        subject=name,
        data_class=data_class,
        byte_count=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        destination=destination,
    )
    target = policy.allowed.get(data_class, {}).get(destination)
    if target is None:
        reason = f"The egress policy has no destination {destination} for the class {data_class}."
        _record(engine, replace(event, action="egress-refused", details={"reason": reason}))
        raise EgressRefused(reason)
    started = _record(engine, event)
    try:
        carriers.carry(target, name, payload, policy.secret_of(destination))
    except (carriers.NotTaken, KeyMissing, KeyUnusable) as error:
        reason = f"The destination {destination} did not take {name} ({error})."
        _record(engine, replace(event, action="delivery-failed", details={STARTED: started, "reason": reason}))
        raise DeliveryFailed(reason) from error
    with engine.begin() as connection:
        append(connection, replace(event, action=DELIVERED[data_class], details={STARTED: started}))
        then(connection)


def settle(engine: Engine, actor: str) -> int:
    """Write down that the outcome of this actor's unfinished deliveries is unknown; returns how many there were.

    To be called when the actor's program starts, before it sends.
    """
    with reading(engine) as connection:
        if not _unfinished(connection, actor):
            return 0
    with engine.begin() as connection:
        unfinished = _unfinished(connection, actor)
        for number, event in unfinished.items():
            details: dict[str, str | int] = {STARTED: number, "reason": "the program ended while it was being sent"}
            append(connection, replace(event, action="delivery-unknown", details=details))
    return len(unfinished)


def _unfinished(connection: Connection, actor: str) -> dict[int, Event]:
    found = log.entries(connection, actions=("delivery-started", *OUTCOMES))
    ended = {entry.event.details.get(STARTED) for entry in found}
    return {
        entry.number: entry.event
        for entry in found
        if entry.event.action == "delivery-started" and entry.event.actor == actor and entry.number not in ended
    }


def _record(engine: Engine, event: Event) -> int:
    with engine.begin() as connection:
        return append(connection, event)
