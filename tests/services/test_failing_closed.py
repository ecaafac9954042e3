"""Whatever fails, a viewer of the live picture sees a cover with its reason, and the audit log tells of it.

The engine itself is at work, on two cameras that show different noise; a picture is compared byte for byte with a cover
that was made of nothing.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.audit import log
from appliance.services.engine import Engine
from appliance.services.keeping import Keeping, policy_of
from appliance.services.setup import set_up
from appliance.settings import Analysis, Settings, find_paths
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.site import Site, open_site
from appliance.vision.catalogue import TASKS, Task
from appliance.vision.frames import RawFrame, RedactedFrame
from appliance.vision.live import Hub
from appliance.vision.redaction import Looking, Redactor, cover_whole
from appliance.vision.runtime import Detectors
from tests.vision.faults import (
    BREAKING,
    FAULTS,
    HEIGHT,
    WIDTH,
    clip_that_changes_size,
    clip_with_damage,
    noise_clip,
    with_a_changed_network,
)
from tests.vision.scripted import MOMENT, detectors

SECONDS = 60.0
SETTINGS = Settings(analysis=Analysis(redaction_deadline_seconds=1.0))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    paths = find_paths({}, tmp_path_factory.mktemp("site") / "state")
    set_up(paths, SETTINGS)
    return open_site(paths)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return noise_clip(tmp_path / "front.mp4", 1)


@contextmanager
def engine_at_work(site: Site, clip: Path, with_detectors: Detectors) -> Iterator[Hub]:
    """The engine with a camera `front` that plays the clip over and over, and somebody who looks at it."""
    hub = Hub()
    keeping = Keeping(site, policy_of(SETTINGS.anonymity), None)
    engine = Engine(site, SETTINGS, with_detectors, hub, keeping)
    hub.enter("front")
    engine.follow([Camera("front", str(clip), loop=True, realtime=True)])
    try:
        yield hub
    finally:
        engine.close()


def cover(reason: str, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return cover_whole(RawFrame(np.zeros((height, width, 3), np.uint8), "", 0, 0.0, MOMENT), reason).jpeg()


def shown(hub: Hub, want: Callable[[Mapping[str, Any]], bool]) -> Iterator[tuple[Mapping[str, Any], bytes]]:
    """Pictures as a viewer gets them, up to the first that is wanted."""
    number = 0
    while True:
        newest = hub.next_after("front", number, SECONDS)
        assert newest is not None
        number, header, jpeg = newest
        yield header, jpeg
        if want(header):
            return


def reasons_in_the_log(site: Site) -> list[str]:
    with reading(site.engine) as connection:
        entries = log.entries(connection, actions=["redaction-failed"])
    return [str(entry.event.details["reason"]) for entry in entries if entry.event.subject == "front"]


def assert_covered_and_told(site: Site, clip: Path, with_detectors: Detectors) -> None:
    before = len(reasons_in_the_log(site))
    with engine_at_work(site, clip, with_detectors) as hub:
        pictures = [next(shown(hub, lambda _: True)) for _ in range(3)]
    for header, jpeg in pictures:
        assert header["whole_frame"] is True
        assert len(str(header["reason"]).split()) > 3
        assert jpeg == cover(str(header["reason"]))
    assert reasons_in_the_log(site)[before] == pictures[0][0]["reason"]


@pytest.mark.parametrize(("fault", "task"), FAULTS)
def test_a_network_that_fails_in_any_way_covers_the_picture(site: Site, clip: Path, fault: str, task: Task) -> None:
    assert_covered_and_told(site, clip, BREAKING[fault](task))


@pytest.mark.parametrize("task", TASKS)
def test_a_network_with_a_wrong_checksum_covers_the_picture(
    site: Site, clip: Path, tmp_path: Path, default_models: Path, task: Task
) -> None:
    assert_covered_and_told(site, clip, with_a_changed_network(default_models, tmp_path, task))


def test_an_answer_to_an_earlier_frame_covers_the_picture(
    site: Site, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, look = [], Redactor.look

    def look_once(self: Redactor, frame: RawFrame) -> Looking:
        first.append(look(self, frame))
        return first[0]

    monkeypatch.setattr(Redactor, "look", look_once)
    with engine_at_work(site, clip, detectors()) as hub:
        *_, (header, jpeg) = shown(hub, lambda header: header["whole_frame"])
    assert header["reason"] == "A result belongs to another picture."
    assert jpeg == cover(header["reason"])
    assert reasons_in_the_log(site)[-1] == header["reason"]


@pytest.mark.parametrize("method", ["find", "cover"])
def test_a_redactor_that_runs_out_of_memory_covers_the_picture(
    site: Site, clip: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Redactor, method, fail)
    assert_covered_and_told(site, clip, detectors())


def test_a_picture_that_can_not_even_be_encoded_gives_way_to_a_small_sign(
    site: Site, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = RedactedFrame.encode

    def fail(self: RedactedFrame, suffix: str, quality: int) -> bytes:
        if self.pixels.shape[:2] == (HEIGHT, WIDTH):
            raise MemoryError
        return encode(self, suffix, quality)

    monkeypatch.setattr(RedactedFrame, "encode", fail)
    with engine_at_work(site, clip, detectors()) as hub:
        header, jpeg = next(shown(hub, lambda _: True))
    assert header["whole_frame"] is True
    assert jpeg == cover(str(header["reason"]), 320, 180)
    assert reasons_in_the_log(site)[-1] == header["reason"]


@pytest.mark.parametrize(
    ("make", "suffix", "says"),
    [(clip_that_changes_size, ".ts", "size has changed"), (clip_with_damage, ".ts", "damaged")],
)
def test_a_frame_of_a_new_size_and_a_damaged_one_are_covered(
    site: Site, tmp_path: Path, make: Callable[[Path, int], Path], suffix: str, says: str
) -> None:
    clip = make(tmp_path / f"front{suffix}", 1)
    with engine_at_work(site, clip, detectors()) as hub:
        *_, (header, jpeg) = shown(hub, lambda header: says in str(header["reason"]))
    assert header["whole_frame"] is True
    assert jpeg == cover(str(header["reason"]), int(header["width"]), int(header["height"]))
    assert any(says in reason for reason in reasons_in_the_log(site))


def test_the_log_tells_when_it_begins_and_not_of_every_frame(site: Site, clip: Path) -> None:
    before = len(reasons_in_the_log(site))
    seen = threading.Event()
    with engine_at_work(site, clip, detectors(missing=["faces"])) as hub:
        for count, _ in enumerate(shown(hub, lambda _: seen.is_set())):
            if count == 4:
                seen.set()
    assert len(reasons_in_the_log(site)) == before + 1
