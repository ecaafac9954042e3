"""The courier's answer to the page's test button: a small signed file goes to the destination, as a report does."""

import logging
import threading
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine

from appliance.audit import egress
from appliance.audit.egress import DeliveryFailed, EgressRefused
from appliance.errors import VeilsightError
from appliance.reports import trial_file
from appliance.reports.trial import send_file
from appliance.settings import Paths, Settings
from appliance.storage import answers, destination_trials
from appliance.storage.answers import answered
from appliance.storage.database import reading
from appliance.storage.destination_secrets import secret_reader
from appliance.storage.destination_trials import Trial
from appliance.storage.keys import load_public_key

LOOK_EVERY_SECONDS = 1.0
# Nobody waits any longer for what was asked for while the courier did not run.
OF_USE = timedelta(minutes=5)
NOT_NAMED = "The settings name no such destination any more."
TOO_LATE = "The courier was not running when the test was asked for; ask once more."
NOT_SIGNED = "The test was not signed by this site, and was not sent; ask once more."

logger = logging.getLogger(__name__)


class TrialSender:
    """Sends the tests that wait. Used by one thread."""

    def __init__(self, engine: Engine, paths: Paths, settings: Settings, actor: str, key: Ed25519PublicKey) -> None:
        self._engine = engine
        self._settings = settings
        self._policy = egress.policy_for(settings.destinations, secret_reader(engine, paths))
        self._actor = actor
        self._key = key

    def send_waiting(self, now: datetime) -> None:
        """Raises the errors of the database."""
        with reading(self._engine) as connection:
            waiting = destination_trials.waiting(connection)
            # The site may have been named since the courier was started.
            site = answered(self._settings, answers.read(connection)).site.name if waiting else ""
        for trial in waiting:
            problem = self._send(trial, site, now)
            if problem:
                with self._engine.begin() as connection:
                    destination_trials.finish(connection, trial, now, problem)

    def _send(self, trial: Trial, site_name: str, now: datetime) -> str:
        """Why it did not work; empty where it did, which is noted with the audit entry of the delivery."""
        named = [each for each in self._settings.destinations if each.name == trial.destination]
        if not named:
            return NOT_NAMED
        if now - trial.asked > OF_USE:
            return TOO_LATE
        document, signed = trial_file.content(named[0], site_name, trial.asked), trial.signature.encode()
        if not trial_file.fits(signed, document, self._key):
            return NOT_SIGNED
        try:
            send_file(
                self._engine,
                self._policy,
                named[0],
                document,
                signed,
                self._actor,
                lambda connection: destination_trials.finish(connection, trial, now),
            )
        except (DeliveryFailed, EgressRefused) as error:
            return str(error)
        return ""


def send_trials(engine: Engine, paths: Paths, settings: Settings, actor: str, stop: threading.Event) -> None:
    """Send until `stop` is set; a failure is logged and tried again."""
    sender = TrialSender(engine, paths, settings, actor, load_public_key(paths))
    while not stop.wait(LOOK_EVERY_SECONDS):
        try:
            sender.send_waiting(datetime.now(UTC))
        except VeilsightError as error:
            logger.error("A destination could not be tested: %s", error)
