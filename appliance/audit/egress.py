"""The only way out of the appliance: the policy, the sending and the audit entry in one place.

`Sendable` lists the classes of data that can have a destination at all. Raw and redacted frames are not among them, so
no call can be written that sends one. This is the program's own discipline; the service units' restrictions stand
underneath it.
"""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Engine

from appliance.audit.log import Event, append
from appliance.errors import VeilsightError
from appliance.settings import Destination


class Sendable(StrEnum):
    """Classes of data that the policy may give a destination."""

    REPORT = "report"


class EgressRefused(VeilsightError):
    """The policy names no such destination for this class of data."""


class DeliveryFailed(VeilsightError):
    """The destination did not take what was sent."""


@dataclass(frozen=True)
class Policy:
    """Which class of data may go to which named destination."""

    allowed: Mapping[Sendable, Mapping[str, Destination]]


def policy_for(destinations: tuple[Destination, ...]) -> Policy:
    """The site's policy: reports go to the configured destinations, and nothing else goes anywhere."""
    named = MappingProxyType({destination.name: destination for destination in destinations})
    return Policy(MappingProxyType({Sendable.REPORT: named}))


def send(
    engine: Engine, policy: Policy, data_class: Sendable, destination: str, name: str, payload: bytes, actor: str
) -> None:
    """Send `payload` under `name` to a named destination and write the audit entry; a repeat replaces.

    Raises `EgressRefused` or `DeliveryFailed`; both are in the audit log by then.
    """
    event = Event(
        actor=actor,
        action="report-delivered",
        subject=name,
        data_class=data_class,
        byte_count=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        destination=destination,
    )
    target = policy.allowed.get(data_class, {}).get(destination)
    if target is None:
        reason = f"The egress policy has no destination {destination} for the class {data_class}."
        _record(engine, event, "egress-refused", reason)
        raise EgressRefused(reason)
    try:
        _put_into_folder(target.folder, name, payload)
    except OSError as error:
        reason = f"The destination {destination} did not take {name} ({error.strerror or error})."
        _record(engine, event, "delivery-failed", reason)
        raise DeliveryFailed(reason) from error
    with engine.begin() as connection:
        append(connection, event)


def _record(engine: Engine, event: Event, action: str, reason: str) -> None:
    refused = Event(
        actor=event.actor,
        action="egress-refused" if action == "egress-refused" else "delivery-failed",
        subject=event.subject,
        data_class=event.data_class,
        byte_count=event.byte_count,
        sha256=event.sha256,
        destination=event.destination,
        details={"reason": reason},
    )
    with engine.begin() as connection:
        append(connection, refused)


def _put_into_folder(folder: Path, name: str, payload: bytes) -> None:
    """Write the file whole, or not at all; the folder must be there, so that an absent mount is noticed."""
    if Path(name).name != name:
        raise OSError(f"{name} is not a plain file name")
    partial = folder / f".{name}.{secrets.token_hex(4)}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / name)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
