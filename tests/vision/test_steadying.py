"""No cover is missing for a single frame."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.covers import whole_pixels
from appliance.vision.frames import RawFrame
from appliance.vision.look_ahead import Waiting
from appliance.vision.redaction import Findings
from appliance.vision.regions import Region
from appliance.vision.steadying import Steadying
from tests.vision.scripted import MOMENT

WIDTH, HEIGHT = 40, 24


def frame(number: int, width: int = WIDTH) -> RawFrame:
    return RawFrame(np.zeros((HEIGHT, width, 3), np.uint8), "clip", number, number / 10, MOMENT)


def steadied(given_frames: Sequence[Waiting]) -> list[Waiting]:
    steadying = Steadying()
    done = [each for waiting in given_frames for each in steadying.push(waiting)]
    return [*done, *steadying.rest()]


def waiting(number: int, boxes: Sequence[Box], reason: str = "", width: int = WIDTH) -> Waiting:
    regions = tuple(Region("head", "detector", box) for box in boxes)
    return Waiting(frame(number, width), Findings(() if reason else regions), reason)


def covered(done: Waiting) -> NDArray[np.bool_]:
    pixels = np.full((HEIGHT, WIDTH), bool(done.reason))
    for region in done.findings.regions:
        left, top, right, bottom = whole_pixels(region.box, WIDTH, HEIGHT)
        pixels[top:bottom, left:right] = True
    return pixels


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return Box(x, y, x + draw(st.integers(1, 15)), y + draw(st.integers(1, 15)))


@given(st.lists(st.tuples(st.lists(boxes(), max_size=5), st.booleans()), max_size=12))
def test_no_pixel_is_uncovered_for_a_single_frame(recording: list[tuple[list[Box], bool]]) -> None:
    given_frames = [
        waiting(number, found, "It failed." if failed and number % 3 == 0 else "")
        for number, (found, failed) in enumerate(recording)
    ]
    done = steadied(given_frames)
    assert [each.frame.number for each in done] == list(range(len(recording)))
    pixels = [covered(each) for each in done]
    for before, now, after in zip(pixels, pixels[1:], pixels[2:], strict=False):
        assert not np.any(before & after & ~now)
    for own, each in zip(map(covered, given_frames), pixels, strict=True):
        assert not np.any(own & ~each)


def test_a_cover_that_jumps_aside_for_a_single_frame_stays_where_it_was_too() -> None:
    place, aside, once = Box(10, 4, 20, 14), Box(16, 4, 26, 14), Box(30, 4, 38, 14)
    done = steadied(
        [waiting(n, found) for n, found in enumerate([[place], [aside], [place], [], [place], [place, once], [place]])]
    )
    assert all(covered(each)[4:14, 10:20].all() for each in done)
    assert [bool(covered(each)[4:14, 30:38].any()) for each in done] == [number == 5 for number in range(7)]


def test_between_pictures_of_different_sizes_nothing_is_carried() -> None:
    place = Box(10, 4, 20, 14)
    done = steadied([waiting(0, [place]), waiting(1, [], width=20), waiting(2, [place])])
    assert done[1].findings.regions == ()
