"""Several windows of a picture on one sheet: nothing is lost, and what is found comes back to its place."""

import math
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection
from appliance.vision.sheets import GAP, Window, arranged, grouped, scale_of, start_sheets
from tests.vision.scripted import Answer, Picture, found

WIDTH, HEIGHT = 400, 300


@st.composite
def windows(draw: st.DrawFn) -> Window:
    left, top = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    right, bottom = draw(st.integers(left + 1, WIDTH)), draw(st.integers(top + 1, HEIGHT))
    return Window(Box(left, top, right, bottom), draw(st.floats(0.1, 6)))


@dataclass
class Keeps:
    """Finds nothing; keeps the sheets that it was shown, and at which scale at most."""

    sheets: list[Picture] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> Answer:  # noqa: ARG002
        self.sheets.append(image)
        self.scales.append(largest_scale)
        return Answer(())


@given(st.lists(st.tuples(st.integers(1, 700), st.integers(1, 700)), min_size=1, max_size=12))
def test_windows_lie_apart_on_their_sheet(sizes: list[tuple[int, int]]) -> None:
    places, (width, height) = arranged(sizes)
    taken = np.zeros((height + GAP, width + GAP), np.int32)
    for (left, top), (across, down) in zip(places, sizes, strict=True):
        taken[top : top + down + GAP, left : left + across + GAP] += 1
        assert left + across <= width
        assert top + down <= height
    assert taken.max() == 1


@given(st.lists(windows(), min_size=1, max_size=12))
def test_each_window_is_on_one_sheet_and_large_enough_unless_alone(asked: list[Window]) -> None:
    groups = grouped(asked)
    assert sorted(repr(window) for group in groups for window in group) == sorted(map(repr, asked))
    for group in groups:
        _, size = arranged([window.size for window in group])
        assert len(group) == 1 or scale_of(size) >= max(window.least_scale for window in group)


@given(st.lists(windows(), min_size=1, max_size=6), st.integers(0))
def test_what_is_found_on_a_sheet_is_placed_where_it_is_in_the_picture(asked: list[Window], seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    detector = Keeps()
    sheets = start_sheets(detector, pixels, "front", asked)
    assert len(sheets) == len(detector.sheets)
    for sheet, shown, scale in zip(sheets, detector.sheets, detector.scales, strict=True):
        assert scale == max(window.least_scale for window in sheet.windows)
        for window, (left, top) in zip(sheet.windows, sheet.places, strict=True):
            width, height = window.size
            (placed,) = sheet.placed([found("text", left, top, left + width, top + height)])
            assert placed == (window, Detection("text", "text", 0.9, window.box))
            x1, y1, x2, y2 = map(int, window.box)
            assert (shown[top : top + height, left : left + width] == pixels[y1:y2, x1:x2]).all()


def test_what_reaches_over_two_windows_is_a_part_of_each() -> None:
    asked = [Window(Box(0, 0, 40, 40), 6.0), Window(Box(300, 200, 340, 240), 6.0)]
    (sheet,) = start_sheets(Keeps(), np.zeros((HEIGHT, WIDTH, 3), np.uint8), "front", asked)
    boxes = {text.box for _, text in sheet.placed([found("text", -5.0, -5.0, 500.0, 500.0)])}
    assert boxes == {window.box for window in asked}
