"""Fitting pictures into network inputs: nothing is lost, and boxes find their way back."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.catalogue import load_catalogue
from appliance.vision.detectors.letterbox import PADDING, choose_size, letterbox, place, to_picture

EDGES = st.integers(1, 5000)
INPUTS = st.sampled_from([network.input for network in load_catalogue().networks])


@given(width=EDGES, height=EDGES, expected=INPUTS)
def test_the_chosen_size_shows_a_picture_at_nearly_the_best_scale(width: int, height: int, expected) -> None:  # type: ignore[no-untyped-def]
    chosen = choose_size(expected.sizes, width, height, math.inf)
    best = max(min(size[0] / width, size[1] / height) for size in expected.sizes)
    assert min(chosen[0] / width, chosen[1] / height) >= 0.9 * best


@given(width=EDGES, height=EDGES, expected=INPUTS, corners=st.tuples(*[st.floats(0, 1)] * 4))
def test_boxes_survive_the_way_into_the_input_and_back(width: int, height: int, expected, corners) -> None:  # type: ignore[no-untyped-def]
    size = choose_size(expected.sizes, width, height, expected.largest_scale)
    placement, inner = place(width, height, size, expected.largest_scale)
    assert 1 <= inner[0] <= size[0]
    assert 1 <= inner[1] <= size[1]
    box = np.array([corners], np.float64) * [width, height, width, height]
    scale = [placement.scale_x, placement.scale_y] * 2
    back = to_picture((box * scale).astype(np.float32), placement)
    np.testing.assert_allclose(back, box, atol=1e-3 * max(width, height))


def test_boxes_are_cut_at_the_edges_of_the_picture() -> None:
    placement, _ = place(200, 100, (64, 32), math.inf)
    back = to_picture(np.array([[-5, -5, 900, 900]], np.float32), placement)
    np.testing.assert_array_equal(back, [[0, 0, 200, 100]])


def test_a_picture_keeps_its_proportions_and_its_place() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 100:] = 255
    target, placement = letterbox(image, (64, 64), math.inf)
    assert target.shape == (1, 64, 64, 3)
    assert (placement.scale_x, placement.scale_y) == (0.32, 0.32)
    assert (target[0, :32, :31] == 0).all()
    assert (target[0, :32, 33:] == 255).all()
    assert (target[0, 32:] == PADDING).all()


def test_a_small_picture_is_enlarged_only_where_wanted() -> None:
    image = np.full((10, 10, 3), 7, np.uint8)
    assert (letterbox(image, (64, 32), math.inf)[0][0, :32, :32] == 7).all()
    kept, placement = letterbox(image, (64, 32), 1.0)
    assert (kept[0, :10, :10] == 7).all()
    assert (kept[0, 10:] == PADDING).all()
    assert placement.scale_x == 1
