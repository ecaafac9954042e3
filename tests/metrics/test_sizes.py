"""Whether a camera's people are large enough, and seen from where its mounting says."""

import pytest

from appliance.metrics.counters import Counter, Observation
from appliance.metrics.geometry import Box, parse_line, parse_zone
from appliance.metrics.sizes import ENOUGH, LEAST_PIXELS, PERSON_HEIGHT, PersonSizes


def sizes_of(high: float, wide: float, people: int = ENOUGH, overhead: bool = False) -> PersonSizes:
    sizes = PersonSizes(overhead)
    for second in range(people):
        sizes.add(float(second), [Box(100, 100, 100 + wide, 100 + high)], 1000, 1000)
    return sizes


@pytest.mark.parametrize(("pixels", "warned"), [(LEAST_PIXELS - 1, True), (LEAST_PIXELS + 1, False)])
def test_people_below_33_pixels_a_metre_are_too_small(pixels: int, warned: bool) -> None:
    high = pixels * PERSON_HEIGHT
    sizes = sizes_of(high, high / 2.5)
    assert sizes.pixels_a_metre() == pytest.approx(pixels)
    assert any("too small" in sentence for sentence in sizes.advice()) == warned


def test_a_few_people_are_not_enough_to_judge_by() -> None:
    assert sizes_of(10, 4, people=ENOUGH - 1).advice() == ()


def test_a_person_in_many_frames_of_a_second_counts_once() -> None:
    sizes = PersonSizes()
    for frame in range(10 * ENOUGH):
        sizes.add(frame / 1000, [Box(100, 100, 104, 110)], 1000, 1000)
    assert sizes.pixels_a_metre() is None


def test_who_is_cut_off_by_the_edge_says_nothing_of_the_size() -> None:
    sizes = PersonSizes()
    for second in range(2 * ENOUGH):
        sizes.add(float(second), [Box(0, 100, 20, 130), Box(500, 980, 520, 1000)], 1000, 1000)
    assert sizes.pixels_a_metre() is None


@pytest.mark.parametrize(
    ("high", "wide", "overhead", "says"),
    [(200, 80, False, ""), (100, 100, True, ""), (100, 100, False, "from above"), (200, 80, True, "from the side")],
)
def test_the_mounting_is_compared_with_how_people_look(high: int, wide: int, overhead: bool, says: str) -> None:
    advice = sizes_of(high, wide, overhead=overhead).advice()
    assert (says in " ".join(advice)) if says else advice == ()


POSTER = parse_zone("poster=0.6,0,1,0,1,1,0.6,1")


def person_at(x: float, y: float = 0.5) -> Observation:
    return Observation(1, "person", "person", Box(x * 1000 - 20, y * 1000 - 100, x * 1000 + 20, y * 1000))


def test_who_stands_in_an_ignored_region_is_not_counted() -> None:
    zone, line = parse_zone("wall=0.5,0,1,0,1,1,0.5,1"), parse_line("wall=0.8,1,0.8,0")
    counter = Counter([line], [zone], ignored=[POSTER])
    for step, x in enumerate((0.75, 0.85, 0.75, 0.99, 1.01)):
        counter.update(float(step), [person_at(x)], 1000, 1000)
    totals = counter.totals()
    assert set(totals.crossings.values()) == set(totals.visits.values()) == {0}
    assert counter.tracks_remembered == 0


def test_who_leaves_an_ignored_region_is_counted_from_there_on() -> None:
    counter = Counter([parse_line("door=0.4,1,0.4,0")], [], ignored=[POSTER])
    for step, x in enumerate((0.8, 0.55, 0.45, 0.3)):
        counter.update(float(step), [person_at(x)], 1000, 1000)
    assert counter.totals().crossings["door", "person", "out"] == 1


def test_seen_from_above_the_middle_of_the_box_crosses_the_line() -> None:
    line = parse_line("door=0,0.5,1,0.5")
    boxes = [person_at(0.5, y) for y in (0.4, 0.52)]  # the feet pass y = 0.5, the middle does not
    counted = []
    for overhead in (False, True):
        counter = Counter([line], [], overhead=overhead)
        for step, box in enumerate(boxes):
            counter.update(float(step), [box], 1000, 1000)
        counted.append(sum(counter.totals().crossings.values()))
    assert counted == [1, 0]
