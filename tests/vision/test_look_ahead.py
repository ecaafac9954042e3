"""Frames that are passed over: what they are covered with."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.covering import Covering
from appliance.vision.detections import Detection
from appliance.vision.following import Following
from appliance.vision.frames import RawFrame
from appliance.vision.inference import InferenceFailed
from appliance.vision.look_ahead import LookAhead, Waiting
from appliance.vision.redaction import Redactor
from appliance.vision.regions import head_of
from tests.vision.scripted import MOMENT, Answer, Picture, Scripted, detectors

RATE = 20
STEP = 0.2


@dataclass
class Tells:
    """A detector that finds what `place` says for a frame; frames carry their number in their first pixel."""

    find: dict[int, Sequence[Detection]] = field(default_factory=dict)
    failing: frozenset[int] = frozenset()
    shown: list[int] = field(default_factory=list)

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> Answer:  # noqa: ARG002
        number = int(image[0, 0, 0])
        self.shown.append(number)
        return Answer(InferenceFailed("It failed.") if number in self.failing else self.find.get(number, ()))


def frames(count: int, rate: int = RATE, shown: dict[int, Box] | None = None) -> list[RawFrame]:
    """Grey frames; what is `shown` in one is black."""
    made = []
    for number in range(count):
        pixels = np.full((120, 320, 3), 128, np.uint8)
        if box := (shown or {}).get(number):
            pixels[round(box.y1) : round(box.y2), round(box.x1) : round(box.x2)] = 0
        pixels[0, 0] = number
        made.append(RawFrame(pixels, "clip", number, number / rate, MOMENT))
    return made


def follow(people: Tells, count: int, faces: Tells | None = None, rate: int = RATE) -> list[Waiting]:
    """Every frame of a recording, which shows the faces, with what it is to be covered with."""
    shown = {number: found[0].box for number, found in faces.find.items()} if faces else {}
    with_detectors, covering = detectors(people_vehicles=people, faces=faces or Scripted()), Covering()
    redactor = Redactor(with_detectors, 60.0, 0.5, covering, 0.5)
    ahead = LookAhead(redactor, covering, 0.5, 100)
    done: list[Waiting] = []
    for passed_over, analysed in Following(redactor, with_detectors, STEP, 60.0).follow(frames(count, rate, shown)):
        done += ahead.push(passed_over, analysed)
    return [*done, *ahead.rest()]


def covered(waiting: Waiting, box: Box) -> bool:
    """Whether a region holds all of the box."""
    return any(
        each.box.x1 <= box.x1 and each.box.y1 <= box.y1 and each.box.x2 >= box.x2 and each.box.y2 >= box.y2
        for each in waiting.findings.regions
    )


def walker(number: int, speed: float) -> Box:
    """A person who walks to the right, `speed` pixels a frame."""
    return Box(20 + speed * number, 20, 40 + speed * number, 80)


@given(st.integers(1, 60), st.integers(1, 60))
def test_every_frame_comes_out_once_in_order_and_none_is_far_from_an_analysed_one(count: int, rate: int) -> None:
    people = Tells()
    done = follow(people, count, rate=rate)
    assert [waiting.frame.number for waiting in done] == list(range(count))
    assert people.shown[0] == 0
    assert people.shown[-1] == count - 1
    steps = [(later - earlier) / rate for earlier, later in itertools.pairwise(people.shown)]
    assert max(steps, default=0.0) <= max(STEP, 1 / rate) + 0.003


@pytest.mark.parametrize("speed", [0.0, 1.0, 2.0])
def test_the_head_of_a_person_who_walks_is_covered_in_every_frame(speed: float) -> None:
    people = Tells({number: [Detection("person", "person", 0.9, walker(number, speed))] for number in range(60)})
    done = follow(people, 60)
    assert len(people.shown) <= 17
    for waiting in done:
        x1, y1, x2, y2 = walker(waiting.frame.number, speed)
        assert covered(waiting, Box(x1, y1, x2, y1 + (y2 - y1) / 5))


def test_between_an_analysed_frame_and_one_that_failed_all_are_covered_whole() -> None:
    done = follow(Tells(failing=frozenset({8})), 20)
    whole = [waiting.frame.number for waiting in done if waiting.reason]
    assert whole == [5, 6, 7, 8, 9, 10, 11]


def test_a_face_that_moves_without_a_person_is_looked_for_in_every_frame() -> None:
    where = {number: Box(10.0 * number, 30, 10.0 * number + 12, 44) for number in range(10, 22)}
    faces = Tells({number: [Detection("face", "face", 0.9, box)] for number, box in where.items()})
    done = follow(Tells(), 40, faces)
    for number, box in where.items():
        assert covered(done[number], box)


@pytest.mark.parametrize("last", [12, 14, 16, 18])
def test_a_face_that_passes_between_two_looks_is_covered_all_the_way(last: int) -> None:
    where = {number: Box(10.0 * number, 30, 10.0 * number + 12, 44) for number in range(8, last + 1)}
    faces = Tells({number: [Detection("face", "face", 0.9, box)] for number, box in where.items()})
    done = follow(Tells(), 40, faces)
    assert faces.shown[1] in where
    for number, box in where.items():
        assert covered(done[number], box)


def test_what_is_between_two_places_of_a_track_is_on_the_way() -> None:
    first, last = walker(0, 2.0), walker(4, 2.0)
    numbered = frames(5)
    before, after = (Waiting(numbered[n], people={7: box}) for n, box in ((0, first), (4, last)))
    ahead = LookAhead(Redactor(detectors()), Covering(), 0.5, 100)
    done = [*ahead.push([], before), *ahead.push(numbered[1:4], after), *ahead.rest()]
    for waiting in done[1:4]:
        assert covered(waiting, head_of(walker(waiting.frame.number, 2.0)))
