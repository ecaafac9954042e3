"""The courier: takes signed reports and alerts to the configured destinations, and reaches nothing else."""

import threading

from appliance.audit.log import Event, append
from appliance.reports import sending
from appliance.services.alert_sending import send_alerts
from appliance.services.service_manager import ServiceManager
from appliance.services.setup import program_actor
from appliance.services.trial_sending import send_trials
from appliance.settings import Paths, Settings
from appliance.storage import answers
from appliance.storage.answers import answered
from appliance.storage.database import reading
from appliance.storage.site import Site, open_site

# A destination that does not answer is given up by then.
STOP_SECONDS = 10.0


def run_courier(paths: Paths, settings: Settings, stop: threading.Event, manager: ServiceManager) -> None:
    """Deliver until `stop` is set. Raises `ProgramRunning` where the site has a courier at work."""
    site = open_site(paths)
    with sending.only_courier(paths):
        _work(site, paths, settings, stop, manager)


def _work(site: Site, paths: Paths, settings: Settings, stop: threading.Event, manager: ServiceManager) -> None:
    with reading(site.engine) as connection:
        settings = answered(settings, answers.read(connection))
    actor = program_actor("courier")
    with site.engine.begin() as connection:
        append(connection, Event(actor, "started", "courier"))
    sending.settle(paths, site.engine, (sending.ACTOR, actor))
    arguments = (site.engine, paths, settings, actor, stop)
    threads = [threading.Thread(target=work, args=arguments, daemon=True) for work in (send_alerts, send_trials)]
    for thread in threads:
        thread.start()
    manager.ready()
    sending.run_courier(stop, paths, settings, site.engine, alive=manager.alive)
    manager.stopping()
    for thread in threads:
        thread.join(STOP_SECONDS)
    with site.engine.begin() as connection:
        append(connection, Event(actor, "stopped", "courier"))
