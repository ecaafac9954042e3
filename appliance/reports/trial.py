"""A test of a destination: a small file that this site signed goes there, in the same way as a report."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from appliance.audit import egress
from appliance.audit.egress import Policy
from appliance.destinations import Destination, Sendable
from appliance.reports import signature, trial_file
from appliance.reports.trial_file import ALERT_NAME, NAME
from appliance.settings import Paths, Settings
from appliance.storage.destination_secrets import secret_reader
from appliance.storage.keys import load_signing_key
from appliance.storage.site import Site

__all__ = ["ALERT_NAME", "NAME", "send_file", "send_test"]


def send_test(
    site: Site, paths: Paths, settings: Settings, destination: Destination, actor: str, now: datetime | None = None
) -> tuple[str, ...]:
    """Connect, log in and leave `veilsight-test.txt` and its signature there; returns the names.

    A destination that takes no reports gets `veilsight-test.json`, as it gets alerts. A repeat replaces them. All is in
    the audit log. Raises `DeliveryFailed`, and the errors of the keys and the database.
    """
    when = now or datetime.now(UTC)
    policy = egress.policy_for(settings.destinations, secret_reader(site.engine, paths))
    signed = trial_file.sign(destination, settings.site.name, when, load_signing_key(paths), site.origin)
    document = trial_file.content(destination, settings.site.name, when)
    return send_file(site.engine, policy, destination, document, signed, actor)


def send_file(
    engine: Engine,
    policy: Policy,
    destination: Destination,
    document: bytes,
    signed: bytes,
    actor: str,
    then: Callable[[Connection], None] = lambda _connection: None,
) -> tuple[str, ...]:
    """Send the file and, where reports go, its signature first; `then` is done in the last entry's transaction.

    Raises `DeliveryFailed`.
    """
    name = trial_file.file_name(destination)
    if not destination.takes(Sendable.REPORT):
        egress.send(engine, policy, Sendable.METRIC, destination.name, name, document, actor, then)
        return (name,)
    beside = name + signature.SUFFIX
    egress.send(engine, policy, Sendable.REPORT, destination.name, beside, signed, actor)
    egress.send(engine, policy, Sendable.REPORT, destination.name, name, document, actor, then)
    return beside, name
