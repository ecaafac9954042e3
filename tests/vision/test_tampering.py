"""A camera that is covered, blurred, blinded, frozen or moved is noticed within half a minute, and nothing else is."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from appliance.vision.tampering import Tampering, TamperWatch
from tests.vision.scripted import Picture

WITHIN_SECONDS = 30.0
Change = Callable[[Picture], Picture]


@pytest.fixture(scope="module")
def street(pets_clip: Path) -> list[Picture]:
    """A picture of each half second of the clip, half as wide."""
    with av.open(str(pets_clip)) as clip:
        decoded = itertools.islice(clip.decode(video=0), 0, None, 5)
        return [
            cv2.resize(each.to_ndarray(format="bgr24"), (384, 288), interpolation=cv2.INTER_AREA) for each in decoded
        ]


@functools.cache
def noises() -> list[Picture]:
    """A camera's noise around 8."""
    normal = np.random.default_rng(0).normal(8, 2, (7, 288, 384, 3))
    return list(normal.clip(0, 255).astype(np.uint8))


def noisy(picture: Picture, number: int) -> Picture:
    noise = noises()[number % 7][: picture.shape[0], : picture.shape[1]]
    return cv2.subtract(cv2.add(picture, noise), np.full_like(picture, 8))


def turned(degrees: float, right: float = 0.0, down: float = 0.0) -> Change:
    def turn(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        matrix[:, 2] += (right * width, down * height)
        return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)

    return turn


def lit(gain: float, lamp: float = 0.0) -> Change:
    """Another light: less or more of it everywhere, and a lamp at one side."""

    def light(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        y, x = np.mgrid[:height, :width]
        glow = gain + lamp * np.exp(-(((x - 0.7 * width) ** 2 + (y - 0.6 * height) ** 2) / (0.3 * width) ** 2))
        return (picture * glow[..., None]).clip(0, 255).astype(np.uint8)

    return light


def with_a_car(part: float) -> Change:
    def park(picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        parked = picture.copy()
        parked[height // 3 : height, width // 5 : int(width * (0.2 + part))] = (40, 40, 160)
        parked[height // 2 : int(height * 0.6), width // 4 : int(width * (0.15 + part))] = (190, 190, 190)
        return parked

    return park


def blurred(picture: Picture) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), 3)


def plain(level: int) -> Change:
    return lambda picture: np.full_like(picture, level)


def covered_in_part(picture: Picture) -> Picture:
    covered = picture.copy()
    covered[:, : int(picture.shape[1] * 0.7)] = 30
    return covered


def same(picture: Picture) -> Picture:
    return picture


def infrared(picture: Picture) -> Picture:
    return cv2.cvtColor(255 - cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def watch(
    pictures: Sequence[Picture], *scenes: tuple[Change, float]
) -> Iterator[tuple[int, float, Tampering | None, float]]:
    """The scene's number, seconds since it began, what was told and the unreliable seconds, twice a second."""
    watcher, number = TamperWatch(), 0
    for scene, (change, seconds) in enumerate(scenes):
        for step in range(round(2 * seconds)):
            picture = noisy(change(pictures[number % len(pictures)]), number)
            judgement = watcher.update(picture, 1000 + number / 2)
            yield scene, step / 2, judgement.tampering, judgement.unreliable_seconds
            number += 1


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (plain(90), {"covered"}),
        (plain(16), {"dark"}),
        (covered_in_part, {"covered"}),
        (blurred, {"blurred"}),
        (plain(255), {"blinded"}),
        (turned(0, right=0.05), {"moved"}),
        (turned(0, right=0.3, down=0.1), {"moved"}),
        (turned(15), {"moved"}),
    ],
)
def test_what_hides_the_scene_is_told_within_half_a_minute_and_over_soon(
    street: list[Picture], change: Change, kinds: set[Tampering]
) -> None:
    seen = list(watch(street, (same, 60), (change, 40), (same, 15)))
    assert {told for scene, _, told, _ in seen if scene == 0} == {None}
    changed = [(since, told) for scene, since, told, _ in seen if scene == 1]
    assert next(since for since, told in changed if told) <= WITHIN_SECONDS
    assert {told for _, told in changed if told} == kinds
    assert seen[-1][2] is None
    # All of the time that it was so, and not much more.
    assert sum(seconds for *_, seconds in seen) == pytest.approx(45, abs=6)


def test_a_frozen_picture_is_told(street: list[Picture]) -> None:
    watcher = TamperWatch()
    told = [watcher.update(noisy(street[min(n, 40)], min(n, 40)), n / 2).tampering for n in range(100)]
    assert told[:80] == [None] * 80
    assert "frozen" in told[: 40 + int(2 * WITHIN_SECONDS)]


@pytest.mark.parametrize(
    "change",
    [with_a_car(0.3), with_a_car(0.6), lit(0.4), lit(0.1), lit(0.1, 1.2), lit(1.4), turned(0, right=0.005), infrared],
    ids=["car", "lorry", "dusk", "night", "lamp at night", "bright", "wind", "infrared"],
)
def test_what_happens_every_day_is_no_tampering(street: list[Picture], change: Change) -> None:
    assert {told for *_, told, _ in watch(street, (same, 60), (change, 90), (same, 20))} == {None}


def test_a_crowd_before_the_lens_for_some_seconds_is_none(street: list[Picture]) -> None:
    crowd = [(same, 30.0), (plain(60), 8.0)] * 3
    assert {told for *_, told, _ in watch(street, *crowd, (same, 20))} == {None}


def test_the_street_scene_itself_has_none(street: list[Picture]) -> None:
    watcher = TamperWatch()
    for number, picture in enumerate(street):
        assert watcher.update(picture, number / 2).tampering is None


def test_a_view_that_stays_is_taken_for_the_right_one_after_an_hour(street: list[Picture]) -> None:
    small = [cv2.resize(each, (160, 120), interpolation=cv2.INTER_AREA) for each in street[:8]]
    moved = [turned(15)(each) for each in small]
    watcher, told = TamperWatch(), {}
    for second in range(0, 3800, 4):
        picture = (small if second < 60 else moved)[second // 4 % 8]
        told[second] = watcher.update(noisy(picture, second), second).tampering
    assert {told[second] for second in told if 90 < second < 3600} == {"moved"}
    assert {told[second] for second in told if second > 3720} == {None}


def test_a_pause_in_the_pictures_counts_as_nothing(street: list[Picture]) -> None:
    watcher = TamperWatch()
    for number in range(60):
        watcher.update(noisy(street[number], number), number / 2)
    for number in range(60):
        watcher.update(noisy(np.full_like(street[0], 90), number), 30 + number / 2)
    judgement = watcher.update(noisy(np.full_like(street[0], 90), 1), 3000.0)
    assert judgement.unreliable_seconds == 0
