"""A network that a device fails, in the audit log and in the report's facts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from appliance.audit import log
from appliance.reports import witness
from appliance.reports.period import Period
from appliance.services.network_witness import NetworkWitness, record_networks
from appliance.settings import find_paths
from appliance.storage.database import reading
from appliance.storage.site import Site, create_site, open_site
from appliance.vision.runtime import Detectors, DeviceChange, LoadedNetwork
from tests.vision.test_inference import DEADLINE, ENTRY, Network, broken, family, lost, mean, on_cpu, picture

ACTOR = "engine"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    paths = find_paths({"HOME": str(tmp_path)})
    create_site(paths)[0].engine.dispose()
    site = open_site(paths)
    yield site
    site.engine.dispose()


def entries(site: Site, action: log.Action) -> list[log.Entry]:
    with reading(site.engine) as connection:
        return log.entries(connection, actions=(action,))


def test_where_networks_ran_is_in_the_log_and_in_the_report(site: Site) -> None:
    changes: SimpleQueue[DeviceChange] = SimpleQueue()
    network = Network(ENTRY, family(), [broken(lost), on_cpu(mean)], changes.put)
    network.compiled((64, 32))
    detectors = Detectors(None, network, None, (LoadedNetwork(network, ("NPU: not on this machine",), {}),), {})
    with site.engine.begin() as connection:
        record_networks(connection, ACTOR, detectors)
    observer = NetworkWitness(site.engine, ACTOR, detectors, changes)
    observer.tick()
    assert entries(site, "network-moved") == []

    for level in range(7):
        network.start(picture(level)).result(DEADLINE)
    observer.tick()
    observer.record_use()
    observer.record_use()

    (loaded,) = entries(site, "network-loaded")
    assert (loaded.event.details["device"], loaded.event.details["precision"]) == ("GPU.0", "FP16")
    (moved,) = entries(site, "network-moved")
    assert (moved.event.subject, moved.event.sha256) == (ENTRY.name, ENTRY.sha256)
    assert {name: moved.event.details[name] for name in ("left", "device", "reason")} == {
        "left": "GPU.0",
        "device": "CPU",
        "reason": "The device is lost.",
    }
    (used,) = entries(site, "network-used")
    assert (used.event.details["device"], used.event.details["pictures"]) == ("CPU", 7)

    today = datetime.now(UTC)
    with reading(site.engine) as connection:
        period = Period((today - timedelta(days=1)).date(), (today + timedelta(days=1)).date(), ZoneInfo("UTC"))
        found = witness.period_entries(connection, period)
        devices = [row["device"] for row in witness.networks(connection, found, period)]
    assert devices == ["CPU", "GPU.0"]
    assert [(row["device"], row["pictures"]) for row in witness.network_use(found)] == [("CPU", 7)]


def test_pictures_are_counted_once(site: Site) -> None:
    network = Network(ENTRY, family(), [on_cpu(mean)])
    detectors = Detectors(None, network, None, (LoadedNetwork(network, (), {}),), {})
    observer = NetworkWitness(site.engine, ACTOR, detectors, SimpleQueue())
    for _ in range(3):
        network.start(np.zeros((32, 64, 3), np.uint8)).result(DEADLINE)
        observer.record_use()
    numbers = [entry.event.details["pictures"] for entry in entries(site, "network-used")]
    assert numbers == [1, 1, 1]
