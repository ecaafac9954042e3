"""The numbers of frames come into the log once each, at the turn of the hour and at the stop."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.services.frame_witness import Frames, FrameWitness
from appliance.settings import find_paths
from appliance.storage.database import reading
from appliance.storage.site import Site, create_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site, _ = create_site(find_paths({"HOME": str(tmp_path)}, tmp_path / "state"))
    yield site
    site.engine.dispose()


def told(site: Site) -> list[dict[str, str | int]]:
    with reading(site.engine) as connection:
        return [dict(each.event.details) for each in log.entries(connection, actions=("frames-processed",))]


def test_each_frame_is_told_once(site: Site) -> None:
    now = datetime(2026, 10, 1, 8, 59, tzinfo=UTC)
    total = Frames()
    witness = FrameWitness(site.engine, "engine", lambda: total, lambda: now)
    total = Frames(100, 7, 1)
    witness.tick()
    assert told(site) == [], "the hour is not over"
    now = now.replace(hour=9, minute=0)
    witness.tick()
    witness.tick()
    assert told(site) == [{"analysed": 100, "shown": 7, "covered": 1}]
    total = Frames(150, 9, 1)
    witness.record()
    witness.record()
    assert told(site)[1:] == [{"analysed": 50, "shown": 2, "covered": 0}]
