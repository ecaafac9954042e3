"""Watches the limits of the settings, and queues what the courier is to tell a destination."""

import logging
import threading

from appliance.errors import VeilsightError
from appliance.metrics.alerts import raised
from appliance.storage import alerts
from appliance.web.context import WebContext
from appliance.web.present import limits_of, present_numbers

LOOK_EVERY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class AlertWatch:
    """Used by one thread. A limit that is reached is told once, and once more when it is over."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._standing: frozenset[str] = frozenset()

    def look(self) -> None:
        """Compare the present numbers with the limits. Raises the errors of the database."""
        now = present_numbers(self._context).now
        if now is None:
            return
        found = frozenset(each.limit.name for each in raised(limits_of(self._context), now, self._standing))
        changed = [each for each in self._context.settings.alerts if each.name in found ^ self._standing]
        told = [each for each in changed if each.destination]
        if told:
            with self._context.engine.begin() as connection:
                for each in told:
                    reached = each.name in found
                    alerts.queue(connection, each.name, each.destination, reached, self._context.clock())
        self._standing = found


def watch_alerts(context: WebContext, stop: threading.Event) -> None:
    """Look until `stop` is set; a failure is logged and tried again."""
    watch = AlertWatch(context)
    while not stop.wait(LOOK_EVERY_SECONDS):
        try:
            watch.look()
        except VeilsightError as error:
            logger.error("The alerts could not be looked at: %s", error)
