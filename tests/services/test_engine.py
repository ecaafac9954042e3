"""The engine follows the settings while it runs; the cameras are clips, the networks are scripted."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.metrics.floor import VEHICLE_LABELS
from appliance.metrics.geometry import Box
from appliance.services.engine import Beginning, Engine
from appliance.services.keeping import Keeping, policy_of
from appliance.services.setup import set_up
from appliance.settings import Anonymity, Settings, find_paths
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.database import reading
from appliance.storage.site import Site, open_site
from appliance.vision.detections import Detection
from appliance.vision.live import Hub
from appliance.web.sentences import Parts
from tests.vision.scripted import Scripted, detectors, found
from tests.vision.test_sources import write_clip

SECONDS = 60.0
SETTINGS = Settings(anonymity=Anonymity(mode="off", reason="Tests compare exact numbers."))
DOOR = LineSetting("door", 0.5, 0.1, 0.5, 0.9)
EVERYWHERE = ZoneSetting("room", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
LEFT = ZoneSetting("mask-1", ((0.0, 0.0), (0.6, 0.0), (0.6, 1.0), (0.0, 1.0)))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    paths = find_paths({}, tmp_path / "state")
    set_up(paths, SETTINGS)
    return open_site(paths)


def standing(_width: int, _height: int) -> list[Detection]:
    return [found("person", 10, 10, 20, 40)]


@pytest.fixture
def engine(site: Site) -> Iterator[Engine]:
    started = Engine(
        site, SETTINGS, detectors(Scripted(standing)), Hub(), Keeping(site, policy_of(SETTINGS.anonymity), None)
    )
    yield started
    started.close()


@pytest.fixture
def front(tmp_path: Path) -> Camera:
    clip = write_clip(tmp_path / "clip.mp4")
    return Camera("front", str(clip), loop=True, realtime=True, zones=(EVERYWHERE,))


def until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(SECONDS / 0.02)):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen")


def shown(engine: Engine, name: str) -> dict[str, Any]:
    return next(camera for camera in engine.status()["cameras"] if camera["name"] == name)


def present(engine: Engine) -> int:
    return int(engine.status()["present"]["front"].get("room", 0))


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("camera ")}


def test_while_its_networks_are_made_ready_it_says_that_it_starts(engine: Engine) -> None:
    begun = Beginning()
    assert begun.status()["starting"]
    assert begun.examine() == {}
    begun.status_now = engine.status
    assert not begun.status()["starting"]
    # Whoever reads the one can read the other.
    assert Beginning().status().keys() == begun.status().keys() - {"started"}


def test_what_a_camera_fails_of_can_be_told_in_another_language(engine: Engine) -> None:
    engine.follow([Camera("away", "rtsp://127.0.0.1:9/stream")])
    until(lambda: shown(engine, "away")["state"] == "failed")
    status = json.loads(json.dumps(engine.status()))
    error = status["cameras"][0]["last_error"]
    assert error == "The camera away can't be reached: " + (
        "nothing answers at 127.0.0.1:9; check the address, and that the camera is on."
    )
    parts = msgspec.convert(status["sentences"][error], Parts)
    assert str(parts.sentence()) == error
    assert [type(each) for each in parts.values.values()] == [Parts, Parts]


def test_lines_are_changed_without_opening_the_camera_again(engine: Engine, front: Camera) -> None:
    engine.follow([front])
    until(lambda: present(engine) == 1)
    before, frames = threads(), shown(engine, "front")["analysed_frames"]
    engine.follow([replace(front, lines=(DOOR,))])
    assert threads() == before
    until(lambda: shown(engine, "front")["analysed_frames"] > frames)
    bucket = engine.status()["open_bucket"]
    assert "door" in {each["place"] for each in bucket["measurements"]}


def test_a_change_of_one_camera_leaves_the_others_alone(engine: Engine, front: Camera) -> None:
    back = replace(front, name="back")
    engine.follow([front, back])
    until(lambda: all(camera["analysed_frames"] for camera in engine.status()["cameras"]))
    (of_back,) = (thread for thread in threads() if thread.name == "camera back")
    engine.follow([replace(front, rate=5.0), back])
    engine.follow([back])
    assert threads() == {of_back}
    assert shown(engine, "back")["reconnects"] == 0
    assert [camera["name"] for camera in engine.status()["cameras"]] == ["back"]


def test_a_disabled_camera_is_not_watched_and_said_to_be_disabled(engine: Engine, front: Camera) -> None:
    engine.follow([replace(front, enabled=False)])
    assert threads() == set()
    assert shown(engine, "front")["state"] == "disabled"
    engine.follow([front])
    until(lambda: shown(engine, "front")["state"] == "streaming")
    engine.follow([replace(front, enabled=False)])
    assert threads() == set()


def test_nobody_beneath_a_mask_is_counted(engine: Engine, front: Camera) -> None:
    engine.follow([front])
    until(lambda: present(engine) == 1)
    engine.follow([replace(front, masks=(LEFT,))])
    until(lambda: shown(engine, "front")["analysed_frames"] > 20)
    assert present(engine) == 0


def test_vehicles_are_stored_by_label_once_that_is_asked_for(site: Site, front: Camera) -> None:
    """To and fro over the line for ever; now and then the network takes the van for a car."""
    steps = itertools.count()

    def van(width: int, height: int) -> list[Detection]:
        step = next(steps)
        x = width * (0.1 + 0.8 * abs(step % 20 - 10) / 10)
        label = "car" if step % 5 == 0 else "truck"
        return [Detection("vehicle", label, 0.8, Box(x - 8, height - 26, x + 8, height - 10))]

    policy = policy_of(SETTINGS.anonymity)
    engine = Engine(site, SETTINGS, detectors(Scripted(van)), Hub(), Keeping(site, policy, None))
    try:
        engine.follow([replace(front, lines=(DOOR,), zones=())])
        until(lambda: shown(engine, "front")["analysed_frames"] > 5)
        engine.follow([replace(front, lines=(DOOR,), zones=(), vehicle_labels=True)])
        until(lambda: shown(engine, "front")["analysed_frames"] > 60)
    finally:
        engine.close()
    with reading(site.engine) as connection:
        rows = connection.exec_driver_sql(
            "SELECT kind, direction, sum(value) FROM measurement WHERE measure = 'crossings_by_label' GROUP BY 1, 2"
        )
        stored = {(str(kind), str(direction)): float(value) for kind, direction, value in rows}
    assert {direction for _, direction in stored} == {
        f"{label}-{way}" for label in VEHICLE_LABELS for way in ("in", "out")
    }
    counted = {key: value for key, value in stored.items() if value}
    assert set(counted) == {("vehicle", "truck-in"), ("vehicle", "truck-out")}
    assert abs(counted["vehicle", "truck-in"] - counted["vehicle", "truck-out"]) <= 1


def test_nothing_is_lost_or_doubled_by_a_change(engine: Engine, front: Camera) -> None:
    """A zone that is always occupied by one: its seconds are those that were observed, whatever was changed."""
    engine.follow([front])
    until(lambda: shown(engine, "front")["analysed_frames"] > 15)
    engine.follow([replace(front, lines=(DOOR,))])
    until(lambda: shown(engine, "front")["analysed_frames"] > 30)
    running = engine._running["front"]
    engine.close()
    with reading(engine._site.engine) as connection:
        rows = connection.exec_driver_sql(
            "SELECT measure, sum(value) FROM measurement WHERE camera = 'front' GROUP BY measure"
        )
        stored = {str(measure): float(value) for measure, value in rows}
    # Ten frames a second; the time between two frames is lost where the count is begun and where it is changed.
    assert stored["observed_seconds"] == pytest.approx(running.status.analysed_frames / 10, abs=0.5)
    assert 0.5 * stored["observed_seconds"] < stored["occupancy_seconds"] <= stored["observed_seconds"]
