"""Which pictures are taken to calibrate with, and which are held back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.calibration import (
    NothingToCalibrateWith,
    Sample,
    deal,
    evenly,
    find_files,
    masked,
    now_and_then,
    samples_of_files,
)
from appliance.vision.catalogue import NetworkInput
from appliance.vision.detectors.letterbox import PADDING, Placement
from appliance.vision.frames import RawFrame
from appliance.vision.stills import PictureError
from tests.vision.faults import noise_clip

INPUT = NetworkInput(sizes=((64, 32), (32, 64)), colour="BGR", range=(0.0, 255.0), enlarge=False)


def picture(number: int, width: int = 64, height: int = 32) -> np.ndarray:
    """One that tells its number: the first pixel holds its digits to the base 256."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[0, 0] = (number % 256, number // 256 % 256, number // 65536)
    return pixels


def number_of(sample: Sample) -> int:
    low, middle, high = (int(value) for value in sample.tensor[0, 0, 0])
    return low + 256 * middle + 65536 * high


def numbered(count: int) -> list[Sample]:
    return [Sample(picture(number)[None], Placement(64, 64, 32, 1.0, 1.0)) for number in range(count)]


@given(count=st.integers(0, 400), most=st.integers(2, 60))
def test_a_recording_of_any_length_is_sampled_evenly(count: int, most: int) -> None:
    taken = [number_of(each) for each in evenly((picture(number) for number in range(count)), INPUT, most)]
    assert min(count, (most + 1) // 2) <= len(taken) <= most
    assert len({later - earlier for earlier, later in pairwise(taken)}) <= 1
    if taken:
        step = taken[1] - taken[0] if len(taken) > 1 else count
        assert taken[0] == 0
        assert count - taken[-1] <= step


@given(count=st.integers(0, 400))
def test_half_of_the_pictures_are_held_back(count: int) -> None:
    calibration, held_back = ([number_of(each) for each in side] for side in deal(numbered(count)))
    assert sorted(calibration + held_back) == list(range(count))
    assert abs(len(calibration) - len(held_back)) <= max(1, count // 16)


def test_neighbours_of_a_long_recording_mostly_stay_together() -> None:
    """A picture held back is to be unlike those calibrated with, and the next frame of a recording is much alike."""
    calibration, _ = deal(numbered(320))
    taken = {number_of(each) for each in calibration}
    assert sum((number in taken) != (number + 1 in taken) for number in range(319)) < 20


def frames(rate: float, seconds: float) -> Iterator[RawFrame]:
    for number in range(int(rate * seconds)):
        yield RawFrame(picture(number), "door", number, 100 + number / rate, datetime.now(UTC))


def test_a_camera_is_watched_for_its_time_only() -> None:
    taken = [frame.number for frame in now_and_then(frames(rate=25, seconds=100), seconds=10, interval=1)]
    assert taken == list(range(0, 250, 25))


def test_a_camera_that_pauses_is_not_caught_up_with() -> None:
    moments = [0.0, 0.1, 5.0, 5.1, 5.2, 6.1]
    paused = [RawFrame(picture(n), "door", n, moment, datetime.now(UTC)) for n, moment in enumerate(moments)]
    assert [frame.number for frame in now_and_then(paused, seconds=60, interval=1)] == [0, 2, 5]


def test_nothing_under_a_mask_is_taken() -> None:
    bright = np.full((100, 200, 3), 250, np.uint8)
    left_half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    found = masked(bright, [left_half])
    assert (found[:, :100] == PADDING).all()
    assert (found[:, 101:] == 250).all()
    assert (bright == 250).all()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    for number, name in enumerate(["b.png", "a.PNG", "more/c.png"]):
        cv2.imwrite(str(tmp_path / "x.png"), picture(number, 32 if number else 64, 64 if number else 32))
        (tmp_path / "x.png").rename(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder_is_searched_for_pictures(folder: Path) -> None:
    assert [path.name for path in find_files([folder])] == ["a.PNG", "b.png", "c.png"]


def test_pictures_of_every_shape_take_the_size_that_fits(folder: Path) -> None:
    samples = samples_of_files(find_files([folder]), INPUT, 10)
    assert sorted((number_of(each), each.size) for each in samples) == [(0, (64, 32)), (1, (32, 64)), (2, (32, 64))]


def test_of_many_pictures_some_are_taken(folder: Path) -> None:
    assert len(samples_of_files(find_files([folder, folder, folder]), INPUT, 4)) == 4


def test_recordings_and_pictures_share_the_number(folder: Path) -> None:
    for name in ("one.mp4", "two.mp4"):
        noise_clip(folder / name, seed=1, frames=50)
    samples = samples_of_files(find_files([folder]), INPUT, 20)
    assert 12 <= len(samples) <= 20


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_nothing_to_calibrate_with_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(NothingToCalibrateWith, match="name "):
        find_files([tmp_path / name])


def test_a_broken_picture_is_said(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(PictureError, match=r"broken\.jpg"):
        samples_of_files(find_files([folder]), INPUT, 10)
