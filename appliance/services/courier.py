"""The courier: takes signed reports from the outbox to the configured destinations, and reaches nothing else."""

import threading

from appliance.audit.egress import settle
from appliance.audit.log import Event, append
from appliance.reports import delivery
from appliance.services.setup import program_actor
from appliance.settings import Paths, Settings
from appliance.storage.site import open_site


def run_courier(paths: Paths, settings: Settings, stop: threading.Event) -> None:
    """Deliver until `stop` is set."""
    site = open_site(paths)
    actor = program_actor("courier")
    with site.engine.begin() as connection:
        append(connection, Event(actor, "started", "courier"))
    for sender in (delivery.ACTOR, actor):
        settle(site.engine, sender)
    delivery.run_courier(stop, paths, settings, site.engine)
    with site.engine.begin() as connection:
        append(connection, Event(actor, "stopped", "courier"))
