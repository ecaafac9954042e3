"""What counts as a change of the picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.regions import overlaps
from appliance.vision.stillness import Stillness
from tests.vision.scripted import Picture

HEIGHT, WIDTH = 240, 320
PERSON = Box(100, 60, 140, 160)


def scene(seed: int = 1) -> Picture:
    """A scene of large grey patches, with the noise of a camera."""
    patches = np.random.default_rng(7).integers(60, 200, (6, 8, 1))
    pixels = np.kron(patches, np.ones((40, 40, 3))) + np.random.default_rng(seed).normal(0, 5, (HEIGHT, WIDTH, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def with_plate(pixels: Picture, x: int, y: int) -> Picture:
    """A plate of 48 x 12 pixels, its letters black on white."""
    result = pixels.copy()
    result[y : y + 12, x : x + 48] = 255 if scene(0)[y : y + 12, x : x + 48].mean() < 130 else 0
    return result


def test_the_first_picture_has_changed_and_what_was_looked_at_has_not() -> None:
    stillness = Stillness()
    assert stillness.changed(scene(1), [])
    assert stillness.changed(scene(2), [])
    stillness.looked()
    assert not any(stillness.changed(scene(seed), []) for seed in range(3, 8))


@given(st.integers(0, WIDTH - 48), st.integers(0, HEIGHT - 12))
def test_a_plate_anywhere_is_a_change_until_it_is_looked_at(x: int, y: int) -> None:
    stillness = Stillness()
    stillness.changed(scene(1), [])
    stillness.looked()
    assert stillness.changed(with_plate(scene(2), x, y), [])
    assert stillness.changed(with_plate(scene(3), x, y), [])
    stillness.looked()
    assert not stillness.changed(with_plate(scene(4), x, y), [])
    assert stillness.changed(scene(5), [])


def test_a_person_who_comes_and_goes_is_no_change_but_what_the_person_left_is() -> None:
    stillness, person = Stillness(), scene(2)
    person[60:160, 100:140] = 0
    stillness.changed(scene(1), [])
    stillness.looked()
    assert not stillness.changed(person, [PERSON])
    stillness.looked()
    assert not stillness.changed(scene(3), [])
    assert stillness.changed(with_plate(scene(4), 96, 100), [])
    assert stillness.changed(person, [])


def test_what_a_person_hid_at_first_has_never_been_looked_at() -> None:
    stillness = Stillness()
    stillness.changed(scene(1), [PERSON])
    stillness.looked()
    assert not stillness.changed(scene(2), [PERSON])
    assert stillness.changed(scene(3), [])


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (1080, 1920)])
def test_pictures_of_any_size_are_judged(size: tuple[int, int]) -> None:
    stillness, grey = Stillness(), np.full((*size, 3), 90, np.uint8)
    assert stillness.changed(scene(1), [])
    stillness.looked()
    assert stillness.changed(grey, [])
    stillness.looked()
    assert not stillness.changed(grey, [])


@given(st.lists(st.tuples(st.integers(0, WIDTH - 48), st.integers(0, HEIGHT - 12)), min_size=1, max_size=5))
def test_places_hold_what_has_changed_wholly_and_are_apart(plates: list[tuple[int, int]]) -> None:
    stillness, pixels = Stillness(), scene(2)
    stillness.changed(scene(1), [])
    stillness.looked()
    for x, y in plates:
        pixels = with_plate(pixels, x, y)
    stillness.changed(pixels, [])
    places = stillness.places()
    for x, y in plates:
        assert any(a.x1 <= x and a.y1 <= y and a.x2 >= x + 48 and a.y2 >= y + 12 for a in places)
    assert not any(overlaps(a, b) for number, a in enumerate(places) for b in places[:number])
