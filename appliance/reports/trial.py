"""A test of a destination: a small file that this site signed goes there, in the same way as a report."""

from datetime import UTC, datetime

from appliance.audit import egress
from appliance.destinations import Destination
from appliance.reports import signature
from appliance.settings import Paths, Settings
from appliance.storage.destination_secrets import secret_reader
from appliance.storage.keys import load_signing_key
from appliance.storage.site import Site

NAME = "veilsight-test.txt"


def send_test(
    site: Site, paths: Paths, settings: Settings, destination: Destination, actor: str, now: datetime | None = None
) -> tuple[str, ...]:
    """Connect, log in and leave `veilsight-test.txt` and its signature there; returns the names.

    A repeat replaces them. Both are in the audit log, as the first class of data that the destination takes. Raises
    `DeliveryFailed`, and the errors of the keys and the database.
    """
    when = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    content = f"A test of the destination {destination.name} by {settings.site.name}, {when}. It may be removed.\n"
    signed = signature.sign(NAME, content.encode(), {}, load_signing_key(paths), site.origin)
    policy = egress.policy_for(settings.destinations, secret_reader(site.engine, paths))
    names = (NAME + signature.SUFFIX, NAME)
    for name, payload in zip(names, (signed, content.encode()), strict=True):
        egress.send(site.engine, policy, destination.classes[0], destination.name, name, payload, actor)
    return names
