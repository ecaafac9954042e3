"""A test of a destination: a small file that this site signed goes there, in the same way as a report."""

from datetime import UTC, datetime

import msgspec

from appliance.audit import egress
from appliance.destinations import Destination, Sendable
from appliance.reports import signature
from appliance.settings import Paths, Settings
from appliance.storage.destination_secrets import secret_reader
from appliance.storage.keys import load_signing_key
from appliance.storage.site import Site

NAME = "veilsight-test.txt"
# What takes alerts gets a test as it gets those: one small JSON object.
ALERT_NAME = "veilsight-test.json"


def send_test(
    site: Site, paths: Paths, settings: Settings, destination: Destination, actor: str, now: datetime | None = None
) -> tuple[str, ...]:
    """Connect, log in and leave `veilsight-test.txt` and its signature there; returns the names.

    A destination that takes no reports gets `veilsight-test.json`, as it gets alerts. A repeat replaces them. All is in
    the audit log. Raises `DeliveryFailed`, and the errors of the keys and the database.
    """
    when = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    policy = egress.policy_for(settings.destinations, secret_reader(site.engine, paths))

    def send(data_class: Sendable, name: str, payload: bytes) -> str:
        egress.send(site.engine, policy, data_class, destination.name, name, payload, actor)
        return name

    if not destination.takes(Sendable.REPORT):
        facts = {"site": settings.site.name, "test": True, "destination": destination.name, "at": when}
        return (send(Sendable.METRIC, ALERT_NAME, msgspec.json.encode(facts)),)
    content = f"A test of the destination {destination.name} by {settings.site.name}, {when}. It may be removed.\n"
    signed = signature.sign(NAME, content.encode(), {}, load_signing_key(paths), site.origin)
    return (
        send(Sendable.REPORT, NAME + signature.SUFFIX, signed),
        send(Sendable.REPORT, NAME, content.encode()),
    )
