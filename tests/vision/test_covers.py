"""What a cover shows of what lies beneath it: nothing, or six by six numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.metrics.geometry import Box, Point, Zone
from appliance.vision.covering import METHODS, Covering, CoverMethod, CoverShape
from appliance.vision.covers import (
    CELLS,
    COVER_COLOUR,
    LEVELS,
    draw_noise,
    fill,
    joined,
    paint,
    quantised_cells,
)
from appliance.vision.regions import Region, overlaps
from tests.vision.scripted import Picture

STEP = 255 // (LEVELS - 1)
HEIGHT, WIDTH = 90, 120
NOISES = [draw_noise(Covering()) for _ in range(3)]

sides = st.integers(1, 80)
seeds = st.integers(0, 2**32 - 1)


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def shuffled_in_cells(window: Picture, seed: int) -> Picture:
    """The same picture with the pixels of each cell in another order: all that the cells' means do not tell."""
    generator, result = np.random.default_rng(seed), window.copy()
    side = -(-max(window.shape[:2]) // CELLS)
    for top in range(0, window.shape[0], side):
        for left in range(0, window.shape[1], side):
            cell = result[top : top + side, left : left + side]
            cell[:] = generator.permutation(cell.reshape(-1, 3)).reshape(cell.shape)
    return result


def face(*box: float) -> Region:
    return Region("face", "detector", Box(*box))


@given(seeds, sides, sides)
def test_a_mosaic_has_few_cells_of_few_colours(seed: int, height: int, width: int) -> None:
    mosaic = fill(picture(seed, height, width), "mosaic", NOISES[0])
    cells = quantised_cells(picture(seed, height, width), NOISES[0])
    assert max(cells.shape[:2]) <= CELLS
    assert set(np.unique(mosaic)) <= {0, STEP, 2 * STEP, 3 * STEP}
    for axis in (0, 1):
        changes = (np.diff(mosaic.astype(int), axis=axis) != 0).any(axis=(1 - axis, 2))
        assert int(changes.sum()) < CELLS


@given(seeds, sides, sides, st.sampled_from(["mosaic", "blur"]))
def test_a_mosaic_and_a_blur_depend_on_the_cells_means_alone(
    seed: int, height: int, width: int, method: CoverMethod
) -> None:
    window = picture(seed, height, width)
    other = shuffled_in_cells(window, seed + 1)
    for noise in NOISES:
        np.testing.assert_array_equal(fill(window, method, noise), fill(other, method, noise))


@given(seeds, sides, sides)
def test_a_blur_is_made_of_the_mosaic_s_cells(seed: int, height: int, width: int) -> None:
    """Two windows with equal cells look the same, whatever their pixels were."""
    window = picture(seed, height, width)
    cells = quantised_cells(window, NOISES[0])
    side = -(-max(height, width) // CELLS)
    flat = np.repeat(np.repeat(cells, side, axis=0), side, axis=1)[:height, :width]
    # Its cells have the very values that the window's were rounded to; without noise they are rounded to themselves.
    silent = np.zeros_like(NOISES[0])
    np.testing.assert_array_equal(fill(flat, "blur", silent), fill(window, "blur", NOISES[0]))


def test_equal_cells_are_rounded_up_or_down_by_chance_as_often_as_their_level_says() -> None:
    level = 0.3
    grey = np.full((60, 60, 3), round(STEP * (1 + level)), np.uint8)
    drawn = np.stack([quantised_cells(grey, draw_noise(Covering())) for _ in range(100)])
    assert set(np.unique(drawn)) == {STEP, 2 * STEP}
    assert float((drawn == 2 * STEP).mean()) == pytest.approx(level, abs=0.05)


def test_noise_comes_from_the_source_that_is_given() -> None:
    zeros = draw_noise(Covering(random_bytes=bytes))
    assert (zeros == -0.5).all()
    assert (draw_noise(Covering()) != draw_noise(Covering())).any()
    assert float(np.abs(draw_noise(Covering())).max()) <= 0.5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", ["rectangle", "ellipse"])
def test_outside_of_covers_nothing_is_changed_and_inside_nothing_stays(method: CoverMethod, shape: CoverShape) -> None:
    raw, region = picture(1), face(40, 30, 80, 60)
    result = paint(raw, [region], Covering(method=method, shape=shape), NOISES[0])
    changed = (result != raw).any(axis=2)
    assert changed[30:60, 40:80].mean() > 0.98
    if shape == "rectangle":
        changed[30:60, 40:80] = False
    else:
        changed[24:67, 31:89] = False
    assert not changed.any()


@settings(max_examples=30)
@given(seeds, st.sampled_from(METHODS), st.sampled_from(["rectangle", "ellipse"]))
def test_what_differs_beneath_covers_within_the_same_cells_makes_no_difference(
    seed: int, method: CoverMethod, shape: CoverShape
) -> None:
    """Whole pictures through `paint`, with two regions that overlap and one at the edge."""
    regions = [face(20, 20, 60, 50), face(40, 30, 90, 70), face(100, 60, 140, 130)]
    covering = Covering(method=method, shape=shape)
    raw = picture(seed)
    first = paint(raw, regions, covering, NOISES[0])
    hidden = paint(np.zeros_like(raw), regions, Covering(shape=shape), NOISES[0]) == COVER_COLOUR
    if method == "solid":
        other = np.where(hidden, picture(seed + 1), raw)
        np.testing.assert_array_equal(paint(other, regions, covering, NOISES[0]), first)
    else:
        # At most one grid for each group of regions: the cells' values, 6 x 6, for two groups.
        colours = np.unique(first[hidden.all(axis=2)].reshape(-1, 3), axis=0)
        assert method == "blur" or len(colours) <= 2 * CELLS * CELLS


@given(st.lists(st.tuples(*[st.floats(0, 100)] * 4), max_size=8))
def test_regions_that_overlap_share_one_grid(corners: list[tuple[float, float, float, float]]) -> None:
    boxes = [Box(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
    groups = joined(boxes)
    assert sorted(index for group in groups for index in group) == list(range(len(boxes)))
    for number, group in enumerate(groups):
        for other in groups[number + 1 :]:
            assert not any(overlaps(boxes[a], boxes[b]) for a in group for b in other)


@given(st.floats(0, 100), st.floats(0, 80), st.floats(1, 60), st.floats(1, 60))
def test_an_ellipse_covers_no_less_than_its_rectangle(x: float, y: float, width: float, height: float) -> None:
    raw, region = np.full((HEIGHT, WIDTH, 3), 200, np.uint8), face(x, y, x + width, y + height)
    rectangle, ellipse = (paint(raw, [region], Covering(shape=shape), NOISES[0]) for shape in ("rectangle", "ellipse"))
    assert ((ellipse == COVER_COLOUR) | (rectangle == raw)).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_mask_is_solid_whatever_the_method(method: CoverMethod) -> None:
    raw = picture(3)
    mask = Zone("mask", (Point(0.5, 0), Point(1, 0), Point(1, 1), Point(0.5, 1)))
    result = paint(raw, [], Covering(method=method, masks=(mask,)), NOISES[0])
    assert (result[:, WIDTH // 2 :] == COVER_COLOUR).all()
    np.testing.assert_array_equal(result[:, : WIDTH // 2 - 1], raw[:, : WIDTH // 2 - 1])


@given(st.floats(1, 4))
def test_growth_scales_regions_about_their_centres(growth: float) -> None:
    region = face(40, 30, 66, 56)
    box = Covering(growth=growth).sized(region).box
    assert box.x2 - box.x1 == pytest.approx(26 * growth / 1.3)
    assert (box.x1 + box.x2) / 2 == pytest.approx(53)
