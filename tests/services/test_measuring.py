"""One camera's numbers in the engine."""

from datetime import UTC, datetime, timedelta

import pytest

from appliance.metrics.anonymity import Mode, Policy, Released
from appliance.metrics.buckets import Bucket
from appliance.metrics.geometry import Box, Line, Point
from appliance.services.measuring import CameraMeasuring
from appliance.services.open_buckets import Part
from appliance.vision.detections import Track

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WIDTH, HEIGHT = 100, 100
# Down the middle of the picture: with y downward, from right to left is "in".
LINE = Line("door", Point(0.5, 0.0), Point(0.5, 1.0))
EXACT = Policy("off", 0.0)


class Kept:
    """Stands where the database does: what was released, and the number of each part."""

    def __init__(self) -> None:
        self.released: list[Released] = []
        self.numbers: list[int] = []
        self.full = False
        self.tried: list[Released] = []

    def __call__(self, part: Part, released: Released) -> None:
        self.tried.append(released)
        if self.full:
            raise OSError("no space left")
        self.released.append(released)
        self.numbers.append(part.number)

    @property
    def crossings(self) -> list[tuple[datetime, float]]:
        return [(each.bucket.start, crossings(each.bucket)) for each in self.released]


def walker(x: float, confirmed: bool = True, missed_frames: int = 0) -> Track:
    return Track(7, "person", "person", 0.9, Box(x - 5, 40, x + 5, 60), missed_frames, confirmed)


def measuring(
    kept: Kept, policy: Policy = EXACT, left: tuple[Part, ...] = (), stored: int = 0, seconds: int = 900
) -> CameraMeasuring:
    return CameraMeasuring("front", [LINE], [], seconds, kept, policy, left, stored)


def walk(camera: CameraMeasuring, start: datetime, **track: bool | int) -> None:
    for step, x in enumerate(range(90, 5, -10)):
        moment = start + timedelta(seconds=step)
        camera.observe(moment, float(step), [walker(x, **track)], WIDTH, HEIGHT)  # type: ignore[arg-type]


def drives(label: str, *, number: int = 9) -> list[Track]:
    """A vehicle from right to left."""
    return [Track(number, "vehicle", label, 0.9, Box(x - 5, 40, x + 5, 60), 0, True) for x in range(90, 5, -10)]


def test_vehicles_are_released_by_label_where_the_camera_counts_them_so() -> None:
    for labels in (False, True):
        kept = Kept()
        camera = CameraMeasuring("front", [LINE], [], 900, kept, EXACT, labels=labels)
        for step, tracks in enumerate(zip(drives("bus"), drives("car", number=10), strict=True)):
            camera.observe(START + timedelta(seconds=step), float(step), tracks, WIDTH, HEIGHT)
        camera.tick(minutes(15))
        (released,) = kept.released
        by_label = {
            each.direction: each.value
            for each in released.bucket.measurements
            if each.measure == "crossings_by_label" and each.value
        }
        assert by_label == ({"bus-in": 1.0, "car-in": 1.0} if labels else {})
        assert released.bucket.value("crossings", "door", "vehicle", "in") == 2.0


def test_a_bucket_that_was_counted_without_labels_is_not_continued_with_them() -> None:
    """Else its numbers would be released as if they had been there from its beginning, with too little noise before."""
    kept = Kept()
    before = CameraMeasuring("front", [LINE], [], 900, kept, EXACT)
    before.observe(START, 0.0, [], WIDTH, HEIGHT)
    after = CameraMeasuring("front", [LINE], [], 900, kept, EXACT, before.parts(), labels=True)
    after.observe(START + timedelta(seconds=1), 1.0, [], WIDTH, HEIGHT)
    assert [part.layout.labels for part in after.parts()] == [False, True]


def crossings(bucket: Bucket) -> float:
    return bucket.value("crossings", "door", "person", "in") + bucket.value("crossings", "door", "person", "out")


def minutes(number: float) -> datetime:
    return START + timedelta(minutes=number)


def test_a_bucket_is_kept_once_when_its_time_is_over() -> None:
    kept = Kept()
    camera = measuring(kept)
    walk(camera, START)
    camera.tick(START + timedelta(seconds=899))
    assert kept.crossings == []
    camera.tick(minutes(15))
    camera.tick(minutes(16))
    assert kept.crossings == [(START, 1.0)]
    assert camera.parts() == ()


@pytest.mark.parametrize("track", [{"confirmed": False}, {"missed_frames": 1}])
def test_what_was_not_surely_seen_is_not_counted(track: dict[str, bool | int]) -> None:
    kept = Kept()
    camera = measuring(kept)
    walk(camera, START, **track)
    camera.tick(minutes(15))
    assert kept.crossings == [(START, 0.0)]


def test_a_bucket_that_could_not_be_kept_is_offered_again_with_the_same_noise() -> None:
    kept = Kept()
    kept.full = True
    camera = measuring(kept, Policy("differential", 0.1))
    walk(camera, START)
    for attempt in (60, 61):
        with pytest.raises(OSError, match="no space"):
            camera.tick(minutes(attempt))
    assert [part.number for part in camera.parts()] == [1]
    kept.full = False
    camera.tick(minutes(62))
    assert kept.tried[0] == kept.tried[1] == kept.released[0]


def test_the_open_bucket_can_be_read_while_it_counts() -> None:
    camera = measuring(Kept())
    assert camera.open_bucket() is None
    walk(camera, START)
    bucket = camera.open_bucket()
    assert bucket is not None
    assert crossings(bucket) == 1.0


def test_the_next_counting_goes_on_with_what_was_left() -> None:
    kept = Kept()
    first = measuring(kept)
    walk(first, START)
    second = measuring(kept, left=first.parts())
    walk(second, minutes(5))
    second.tick(minutes(15))
    assert kept.crossings == [(START, 2.0)]
    assert kept.numbers == [1]


def test_what_was_left_of_an_earlier_bucket_is_stored_by_itself() -> None:
    kept = Kept()
    first = measuring(kept)
    walk(first, START)
    second = measuring(kept, left=first.parts())
    walk(second, minutes(20))
    second.tick(minutes(30))
    assert kept.crossings == [(START, 1.0), (minutes(15), 1.0)]
    assert kept.numbers == [1, 2]


def test_what_was_stored_already_is_not_stored_again() -> None:
    kept = Kept()
    first = measuring(kept)
    walk(first, START)
    copy = first.parts()
    first.tick(minutes(15))
    second = measuring(kept, left=copy, stored=kept.numbers[-1])
    second.tick(minutes(16))
    assert kept.crossings == [(START, 1.0)]
    walk(second, minutes(16))
    assert [part.number for part in second.parts()] == [2]


@pytest.mark.parametrize("changed", ["mode", "epsilon", "length", "line"])
def test_a_bucket_that_was_counted_in_another_way_is_not_mixed_with_this_one(changed: str) -> None:
    kept = Kept()
    first = measuring(kept, Policy("differential", 1.0))
    walk(first, START)
    policy = {"mode": EXACT, "epsilon": Policy("differential", 2.0)}.get(changed, Policy("differential", 1.0))
    lines = [LINE, Line("gate", Point(0, 0), Point(1, 1))] if changed == "line" else [LINE]
    second = CameraMeasuring("front", lines, [], 300 if changed == "length" else 900, kept, policy, first.parts(), 0)
    second.tick(START + timedelta(seconds=10))
    assert [each.policy for each in kept.released] == [Policy("differential", 1.0)]
    walk(second, START + timedelta(seconds=20))
    assert [crossings(part.bucket) for part in second.parts()] == [1.0]


def test_who_turns_round_all_day_is_counted_once_each_way() -> None:
    camera = measuring(Kept(), Policy())
    for step in range(60):
        x = 20.0 if step // 5 % 2 else 80.0
        camera.observe(START + timedelta(seconds=step), float(step), [walker(x)], WIDTH, HEIGHT)
    (part,) = camera.parts()
    assert crossings(part.bucket) == 2.0


@pytest.mark.parametrize("mode", ["off", "differential", "threshold"])
def test_unreliable_time_is_kept_as_it_is_in_every_mode(mode: Mode) -> None:
    kept = Kept()
    camera = measuring(kept, Policy(mode, 1.0 if mode == "differential" else 0.0))
    walk(camera, START)
    camera.mark_unreliable(3.5)
    camera.tick(minutes(15))
    (released,) = kept.released
    assert released.bucket.value("unreliable_seconds") == 3.5
