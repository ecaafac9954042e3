"""What lies beneath a privacy mask is in no frame, and nobody who stands there is counted."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import GeometryError, Line, Point, Zone, inside
from appliance.vision.counting import count_video
from appliance.vision.covers import COVER_COLOUR
from appliance.vision.privacy_masks import PrivacyMasks, outside, pixels_beneath
from appliance.vision.sources import open_source
from tests.vision.scripted import Scripted, found, track
from tests.vision.test_sources import write_clip

LEFT_HALF = Zone("left", (Point(0, 0), Point(0.5, 0), Point(0.5, 1), Point(0, 1)))
parts = st.floats(0, 1).map(lambda value: round(value, 4))


@given(st.lists(st.tuples(parts, parts), min_size=3, max_size=6), st.integers(20, 90), st.integers(20, 90))
def test_every_pixel_whose_middle_lies_beneath_a_mask_is_covered(
    points: list[tuple[float, float]], width: int, height: int
) -> None:
    try:
        mask = Zone("mask", tuple(Point(*point) for point in points))
    except GeometryError:
        return
    beneath = pixels_beneath([mask], width, height)
    outline = [Point(point.x * width, point.y * height) for point in mask.points]
    for row in range(0, height, 7):
        for column in range(0, width, 7):
            if inside(Point(column + 0.5, row + 0.5), outline):
                assert beneath[row, column]


def test_frames_of_a_source_never_hold_what_is_beneath(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=6)
    with open_source(str(clip), "front", masks=[LEFT_HALF]) as source:
        for number, frame in enumerate(source):
            assert np.array_equal(frame.pixels[:, :32], np.full((48, 32, 3), COVER_COLOUR))
            assert abs(float(frame.pixels[:, 40:].mean()) - 10 * number) < 5


def test_a_picture_that_can_not_be_written_to_is_copied() -> None:
    pixels = np.full((40, 60, 3), 200, np.uint8)
    pixels.flags.writeable = False
    burned = PrivacyMasks([LEFT_HALF]).burn(pixels)
    assert np.array_equal(burned[:, :30], np.full((40, 30, 3), COVER_COLOUR))
    assert (burned[:, 32:] == 200).all()


def test_who_stands_beneath_a_mask_is_left_out() -> None:
    beneath, beside = track("person", 10, 10, 30, 60), track("person", 70, 10, 90, 60)
    assert outside([LEFT_HALF], [beneath, beside], 100, 100) == (beside,)
    assert outside([], [beneath, beside], 100, 100) == (beneath, beside)


def test_a_recording_with_a_mask_counts_nobody_beneath_it(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=20)
    seen: list[int] = []

    def walk(_width: int, _height: int) -> list[object]:
        seen.append(len(seen))
        return [found("person", 4 + len(seen), 10, 14 + len(seen), 40)]

    line = Line("door", Point(0.25, 0.1), Point(0.25, 1.0))
    for masks, crossed in (((), 1), ((LEFT_HALF,), 0)):
        seen.clear()
        totals = count_video(clip, Scripted(walk), [line], [], masks=masks).totals  # type: ignore[arg-type]
        assert sum(totals.crossings.values()) == crossed
