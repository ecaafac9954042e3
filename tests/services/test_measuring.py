"""One camera's numbers in the engine."""

from datetime import UTC, datetime, timedelta

import pytest

from appliance.metrics.buckets import Bucket
from appliance.metrics.geometry import Box, Line, Point
from appliance.services.measuring import CameraMeasuring
from appliance.vision.detections import Track

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WIDTH, HEIGHT = 100, 100
# Down the middle of the picture: with y downward, from right to left is "in".
LINE = Line("door", Point(0.5, 0.0), Point(0.5, 1.0))


def walker(x: float, confirmed: bool = True, missed_frames: int = 0) -> Track:
    return Track(7, "person", "person", 0.9, Box(x - 5, 40, x + 5, 60), missed_frames, confirmed)


def measuring(kept: list[Bucket]) -> CameraMeasuring:
    return CameraMeasuring("front", [LINE], [], 900, kept.append)


def walk(camera: CameraMeasuring, start: datetime, **track: bool | int) -> None:
    for step, x in enumerate(range(90, 5, -10)):
        moment = start + timedelta(seconds=step)
        camera.observe(moment, float(step), [walker(x, **track)], WIDTH, HEIGHT)  # type: ignore[arg-type]


def crossings(bucket: Bucket) -> float:
    return bucket.value("crossings", "door", "person", "in") + bucket.value("crossings", "door", "person", "out")


def test_a_bucket_is_kept_once_when_its_time_is_over() -> None:
    kept: list[Bucket] = []
    camera = measuring(kept)
    walk(camera, START)
    camera.tick(START + timedelta(seconds=899))
    assert kept == []
    camera.tick(START + timedelta(seconds=900))
    camera.tick(START + timedelta(seconds=901))
    assert [(bucket.start, crossings(bucket)) for bucket in kept] == [(START, 1.0)]


def test_a_stop_keeps_the_open_bucket() -> None:
    kept: list[Bucket] = []
    camera = measuring(kept)
    walk(camera, START)
    camera.close()
    assert [crossings(bucket) for bucket in kept] == [1.0]


@pytest.mark.parametrize("track", [{"confirmed": False}, {"missed_frames": 1}])
def test_what_was_not_surely_seen_is_not_counted(track: dict[str, bool | int]) -> None:
    kept: list[Bucket] = []
    camera = measuring(kept)
    walk(camera, START, **track)
    camera.close()
    assert [crossings(bucket) for bucket in kept] == [0.0]


def test_a_bucket_that_could_not_be_kept_is_offered_again() -> None:
    kept: list[Bucket] = []
    disk_full = True

    def keep(bucket: Bucket) -> None:
        if disk_full:
            raise OSError("no space left")
        kept.append(bucket)

    camera = CameraMeasuring("front", [LINE], [], 900, keep)
    walk(camera, START)
    with pytest.raises(OSError, match="no space"):
        camera.tick(START + timedelta(hours=1))
    disk_full = False
    camera.tick(START + timedelta(hours=1, seconds=1))
    assert [crossings(bucket) for bucket in kept] == [1.0]


def test_the_open_bucket_can_be_read_while_it_counts() -> None:
    camera = measuring([])
    assert camera.open_bucket() is None
    walk(camera, START)
    bucket = camera.open_bucket()
    assert bucket is not None
    assert crossings(bucket) == 1.0
