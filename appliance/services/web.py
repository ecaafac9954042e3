"""The web program: the page over HTTPS, and the reports on time. It never connects outward."""

import threading
from dataclasses import astuple

from appliance.audit.log import Event, append
from appliance.reports.schedule import start_scheduler
from appliance.services.backups import back_up
from appliance.services.examining_web import examine_from_page
from appliance.services.recent_log import RecentLog
from appliance.services.service_manager import ServiceManager
from appliance.services.setup import program_actor
from appliance.settings import Paths, Settings
from appliance.storage import answers
from appliance.storage.answers import answered
from appliance.storage.database import reading
from appliance.storage.site import open_site
from appliance.vision.live import LiveClient
from appliance.web.alerting import watch_alerts
from appliance.web.application import create_app, make_ready
from appliance.web.certificate import load_or_make
from appliance.web.context import WebContext
from appliance.web.server import serve


def run_web(paths: Paths, settings: Settings, stop: threading.Event, manager: ServiceManager) -> None:
    """Serve until `stop` is set. Raises a `VeilsightError` where the site, the certificate or the port is unusable."""
    site = open_site(paths)
    actor = program_actor("web")
    certificate = load_or_make(paths, settings)
    with reading(site.engine) as connection:
        now = answered(settings, answers.read(connection))
    log = RecentLog()
    log.install()
    context = WebContext(site, now, paths, LiveClient(paths.live_socket), filed=settings, log_lines=log.lines)
    context.examine = lambda: (astuple(each) for each in examine_from_page(paths, site, context.settings))
    context.back_up = lambda target, passphrase, user: back_up(paths, target, passphrase, user)
    app, listening = create_app(context), threading.Event()

    def ready(port: int) -> None:
        with site.engine.begin() as connection:
            append(connection, Event(actor, "started", "web", details={"port": port}))
        listening.set()
        manager.ready()
        threading.Thread(target=make_ready, args=(app,), name="templates", daemon=True).start()

    schedulers, one_at_a_time = [start_scheduler(paths, now, site.engine)], threading.Lock()

    def schedule_anew(changed: Settings) -> None:
        with one_at_a_time:
            schedulers.pop().shutdown()
            schedulers.append(start_scheduler(paths, changed, site.engine))

    context.on_settings = schedule_anew
    if settings.alerts:
        threading.Thread(target=watch_alerts, args=(context, stop), name="alerts", daemon=True).start()
    try:
        serve(app, settings.web.host, settings.web.port, certificate, stop, ready, manager.alive)
    finally:
        manager.stopping()
        schedulers.pop().shutdown()
    # A program that was stopped before it listened has not started either.
    if listening.is_set():
        with site.engine.begin() as connection:
            append(connection, Event(actor, "stopped", "web"))
