"""A still scene is not looked at again and again, and nobody is missed or lost for it."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.detections import Detection
from appliance.vision.frame_analysis import FrameAnalysis
from appliance.vision.frames import RawFrame
from appliance.vision.motion_gate import CHANGED_LEVELS, EMPTY_RECHECK_SECONDS, RECHECK_SECONDS, MotionGate
from appliance.vision.pipeline import DEFAULT_RATE
from tests.vision.scripted import MOMENT, Picture, Scripted, detectors, found

WIDTH, HEIGHT = 320, 240
PERSON = found("person", 100, 60, 140, 180)


def scene(person: bool = False, seed: int | None = None) -> Picture:
    """A wall, perhaps with somebody before it, perhaps with a camera's noise."""
    pixels = np.full((HEIGHT, WIDTH, 3), 120, np.int16)
    if person:
        pixels[60:180, 100:140] = (60, 90, 140)
    if seed is not None:
        pixels += np.random.default_rng(seed).normal(0, 3, pixels.shape).astype(np.int16)
    return pixels.clip(0, 255).astype(np.uint8)


def frames(pictures: Sequence[Picture]) -> list[RawFrame]:
    return [RawFrame(each, "front", n, 100 + n / DEFAULT_RATE, MOMENT) for n, each in enumerate(pictures)]


def test_a_still_scene_costs_next_to_nothing() -> None:
    detector = Scripted()
    analysis = FrameAnalysis(detectors(detector), 1.0)
    for frame in frames([scene(seed=n) for n in range(300)]):
        assert not analysis.analyse(frame).failure
    assert len(detector.sizes) <= 7 + 30 / EMPTY_RECHECK_SECONDS


def test_who_stands_still_for_ten_minutes_stays_followed_and_is_looked_at_again() -> None:
    detector = Scripted(lambda _width, _height: [PERSON])
    analysis = FrameAnalysis(detectors(detector), 1.0)
    picture, seen = scene(person=True), []
    for frame in frames([picture] * 6000):
        found_now = analysis.analyse(frame)
        seen.append([track.number for track in found_now.tracks if track.confirmed and not track.missed_frames])
    settled = seen[10:]
    assert settled == [settled[0]] * len(settled)
    assert len(settled[0]) == 1
    assert 600 / RECHECK_SECONDS * 0.9 < len(detector.sizes) < 2 * 600 / RECHECK_SECONDS


@given(st.integers(0, WIDTH - 16), st.integers(0, HEIGHT - 16), st.integers(2 * int(CHANGED_LEVELS), 90))
def test_whatever_appears_is_looked_at_in_the_same_frame(x: int, y: int, contrast: int) -> None:
    gate = MotionGate()
    empty = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    for number in range(20):
        if gate.needs_look(empty, number / DEFAULT_RATE, ()):
            gate.looked(number / DEFAULT_RATE)
    assert not gate.needs_look(empty, 2.0, ())
    appeared = empty.copy()
    appeared[y : y + 16, x : x + 16, 1] += contrast
    assert gate.needs_look(appeared, 2.1, ())


def test_what_changes_slowly_is_looked_at_too() -> None:
    gate, looks = MotionGate(), []
    for number in range(28):
        # Darker by one level a frame, from a time at which the gate has closed.
        picture = np.full((HEIGHT, WIDTH, 3), 120 - max(0, number - 8), np.uint8)
        if gate.needs_look(picture, number / DEFAULT_RATE, ()):
            gate.looked(number / DEFAULT_RATE)
            looks.append(number)
    assert any(9 < number < 20 for number in looks)


def test_who_is_missed_once_is_looked_for_in_every_frame() -> None:
    answers: list[list[Detection]] = []
    detector = Scripted(lambda _width, _height: answers[0])
    analysis = FrameAnalysis(detectors(detector), 1.0)
    looked = []
    for number, frame in enumerate(frames([scene(person=True)] * 60)):
        answers[:] = [[]] if 28 <= number < 42 else [[PERSON]]
        found_now = analysis.analyse(frame)
        looked.append(found_now.looked)
        if number == 59:
            assert [track.missed_frames for track in found_now.tracks] == [0]
    first_missed = next(number for number in range(28, 42) if looked[number])
    assert all(looked[first_missed:43])
    assert not all(looked[44:])


def test_a_failure_is_told_and_the_next_frame_is_looked_at() -> None:
    failing = [True]
    detector = Scripted(lambda _width, _height: RuntimeError("lost") if failing[0] else [PERSON])
    analysis = FrameAnalysis(detectors(detector), 1.0)
    first, second = frames([scene()] * 2)
    assert analysis.analyse(first).failure
    failing[0] = False
    assert analysis.analyse(second).objects == (PERSON,)


@pytest.mark.parametrize("every", [7])
def test_in_a_street_scene_every_step_of_a_passer_by_is_seen(pets_clip: Path, every: int) -> None:
    """The clip is held for a second at a time: each scene that follows is looked at in its first frame."""
    gate, now = MotionGate(), 0.0
    with av.open(str(pets_clip)) as clip:
        for decoded in itertools.islice(clip.decode(video=0), 0, 140, every):
            pixels = decoded.to_ndarray(format="bgr24")
            for held in range(10):
                looked = gate.needs_look(pixels, now, ())
                assert looked or held
                if looked:
                    gate.looked(now)
                now += 1 / DEFAULT_RATE
