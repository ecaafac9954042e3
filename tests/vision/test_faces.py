"""Windows of a large picture."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection
from appliance.vision.faces import OVERLAP, STILL_SHRINK, VIDEO_SHRINK, WINDOW, FaceLook, windows
from appliance.vision.inference import InferenceFailed
from tests.vision.scripted import Answer, Picture, Scripted, found

sizes = st.integers(1, 9000)


@given(sizes, sizes, st.sampled_from([STILL_SHRINK, VIDEO_SHRINK]), st.data())
def test_each_small_face_is_whole_in_a_window_of_a_large_picture(
    width: int, height: int, most_shrink: float, data: st.DataObject
) -> None:
    corners = windows(width, height, most_shrink)
    if not corners:
        assert min(width, height) <= most_shrink * WINDOW[0]
        return
    side = OVERLAP - 1
    x = data.draw(st.integers(0, max(0, width - side)))
    y = data.draw(st.integers(0, max(0, height - side)))
    right, bottom = min(width, x + side), min(height, y + side)
    assert any(
        left <= x and top <= y and right <= left + WINDOW[0] and bottom <= top + WINDOW[1] for left, top in corners
    )
    assert all(0 <= left <= max(0, width - 1) and 0 <= top <= max(0, height - 1) for left, top in corners)


@pytest.mark.parametrize("size", [(768, 576), (1280, 960), (960, 1280), (1920, 1080)])
def test_a_usual_video_needs_no_windows(size: tuple[int, int]) -> None:
    assert windows(*size, VIDEO_SHRINK) == []


class SeesBright:
    """Finds the bright square where it is at least eight pixels large in a picture of at most the window's size."""

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> Answer:  # noqa: ARG002
        rows, columns = np.nonzero(image[:, :, 0] > 200)
        if not len(rows) or image.shape[1] > WINDOW[0]:
            return Answer([])
        box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
        return Answer([Detection("face", "face", 0.9, box)])


@given(st.integers(0, 3000), st.integers(0, 2000))
def test_what_a_window_shows_is_placed_in_the_picture(x: int, y: int) -> None:
    picture = np.zeros((2160, 3840, 3), np.uint8)
    picture[y : y + 20, x : x + 20] = 255
    faces = FaceLook(SeesBright(), picture, "", VIDEO_SHRINK).result(60.0)
    assert Box(x, y, x + 20, y + 20) in [face.box for face in faces]


def test_no_more_pictures_are_at_the_device_at_once_than_it_takes() -> None:
    detector = Scripted(lambda *_: [found("face", 0, 0, 10, 10)])
    look = FaceLook(detector, np.zeros((6000, 8000, 3), np.uint8), "", STILL_SHRINK)
    assert len(detector.sizes) == 1
    assert len(look.result(60.0)) == len(detector.sizes) == 1 + len(windows(8000, 6000, STILL_SHRINK))


def test_one_window_that_fails_fails_the_look() -> None:
    detector = Scripted(lambda width, _: InferenceFailed("The device failed.") if width == WINDOW[0] else [])
    look = FaceLook(detector, np.zeros((2160, 3840, 3), np.uint8), "", VIDEO_SHRINK)
    with pytest.raises(InferenceFailed):
        look.result(60.0)
