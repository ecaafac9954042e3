"""The courier's other work: alerts to their destinations, as numbers."""

import logging
import secrets
import threading
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Engine

from appliance.audit import egress
from appliance.audit.egress import DeliveryFailed, EgressRefused, Sendable
from appliance.errors import VeilsightError
from appliance.settings import Paths, Settings
from appliance.storage import alerts
from appliance.storage.alerts import WaitingAlert
from appliance.storage.database import reading
from appliance.storage.destination_secrets import secret_reader

LOOK_EVERY_SECONDS = 2.0
# An alert that can't be sent is tried again after this, and dropped when it is of no use any more.
PAUSE = timedelta(seconds=30)
OF_USE = timedelta(minutes=5)

logger = logging.getLogger(__name__)


def payload(alert: WaitingAlert, settings: Settings) -> bytes:
    """The alert as JSON: which limit, and whether it is reached.

    It has a random word, so that the checksum that the audit log keeps does not tell what was sent.
    """
    limit = next((each for each in settings.alerts if each.name == alert.name), None)
    facts = {
        "site": settings.site.name,
        "alert": alert.name,
        "reached": alert.reached,
        "people": limit.people if limit else None,
        "waiting_seconds": limit.waiting_seconds if limit else None,
        "at": alert.queued.isoformat(timespec="seconds"),
        "nonce": secrets.token_hex(16),
    }
    return msgspec.json.encode(facts)


class AlertSender:
    """Sends what waits, oldest first. Used by one thread."""

    def __init__(self, engine: Engine, paths: Paths, settings: Settings, actor: str) -> None:
        self._engine = engine
        self._settings = settings
        self._policy = egress.policy_for(settings.destinations, secret_reader(engine, paths))
        self._actor = actor
        self._not_before: dict[str, datetime] = {}

    def send_waiting(self, now: datetime) -> None:
        """Raises the errors of the database."""
        with reading(self._engine) as connection:
            waiting = alerts.waiting(connection)
        for alert in waiting:
            if now - alert.queued > OF_USE:
                self._drop(alert)
            elif self._not_before.get(alert.destination, now) <= now:
                self._send(alert, now)

    def _send(self, alert: WaitingAlert, now: datetime) -> None:
        content = payload(alert, self._settings)
        try:
            egress.send(
                self._engine,
                self._policy,
                Sendable.METRIC,
                alert.destination,
                f"alert-{alert.queued:%Y%m%dT%H%M%SZ}-{alert.number}.json",
                content,
                self._actor,
                lambda connection: alerts.remove(connection, alert.number),
            )
        except DeliveryFailed as error:
            logger.warning("%s", error)
            self._not_before[alert.destination] = now + PAUSE
        except EgressRefused as error:
            logger.error("%s", error)
            self._drop(alert)

    def _drop(self, alert: WaitingAlert) -> None:
        logger.warning("The alert %s was not sent to %s.", alert.name, alert.destination)
        with self._engine.begin() as connection:
            alerts.remove(connection, alert.number)


def send_alerts(engine: Engine, paths: Paths, settings: Settings, actor: str, stop: threading.Event) -> None:
    """Send until `stop` is set; a failure is logged and tried again."""
    sender = AlertSender(engine, paths, settings, actor)
    while not stop.wait(LOOK_EVERY_SECONDS):
        try:
            sender.send_waiting(datetime.now(UTC))
        except VeilsightError as error:
            logger.error("The alerts could not be sent: %s", error)
