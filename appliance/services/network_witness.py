"""Which device each network runs on, in the audit log: what the runtimes told and counted, not what was asked for."""

import logging
from datetime import UTC, datetime
from queue import SimpleQueue

from sqlalchemy import Connection, Engine

from appliance.audit.log import Event, append
from appliance.vision.runtime import Detectors, DeviceChange, NetworkInUse

logger = logging.getLogger(__name__)


def record_networks(connection: Connection, actor: str, detectors: Detectors) -> None:
    """At a start: the networks that were loaded, where, and those that can't be used."""
    for network in detectors.networks:
        details = _describe(network)
        append(
            connection, Event(actor, "network-loaded", network.name, "model", sha256=network.sha256, details=details)
        )
    for task, error in detectors.failures.items():
        logger.error("%s", error)
        append(connection, Event(actor, "network-failed", task, "model", details={"reason": str(error)}))


class NetworkWitness:
    """Writes down what changes while the engine runs; used by one thread. `changes` may be filled by any."""

    def __init__(self, engine: Engine, actor: str, detectors: Detectors, changes: SimpleQueue[DeviceChange]) -> None:
        self._engine = engine
        self._actor = actor
        self._detectors = detectors
        self._changes = changes
        self._told: dict[tuple[str, str], int] = {}
        self._hour = datetime.now(UTC).hour

    def tick(self) -> None:
        """Write down what moved since, and each hour what was used."""
        while not self._changes.empty():
            change = self._changes.get()
            network = next(each for each in self._detectors.networks if each.name == change.network)
            details = _describe(network)
            details |= {"left": str(change.left), "device": str(change.now), "reason": change.reason}
            self._append(
                Event(self._actor, "network-moved", change.network, "model", sha256=network.sha256, details=details)
            )
        if self._hour != (hour := datetime.now(UTC).hour):
            self._hour = hour
            self.record_use()

    def record_use(self) -> None:
        """One entry for each network and device that computed pictures since the last time."""
        for network in self._detectors.networks:
            for device, pictures in network.pictures.items():
                number = pictures - self._told.get((network.name, device), 0)
                if number:
                    details: dict[str, str | int] = {"task": network.task, "device": device, "pictures": number}
                    self._append(Event(self._actor, "network-used", network.name, "model", details=details))
                    self._told[network.name, device] = pictures

    def _append(self, event: Event) -> None:
        with self._engine.begin() as connection:
            append(connection, event)


def _describe(network: NetworkInUse) -> dict[str, str | int]:
    return {
        "task": network.task,
        "licence": network.licence,
        "device": network.place,
        "precision": network.precision,
    }
