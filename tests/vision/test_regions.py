"""Which rectangles are covered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.regions import Memory, Region, grown, head_of, head_within, is_among, overlap, text_regions
from tests.vision.scripted import found

coordinates = st.floats(0, 1000)
boxes = st.builds(
    lambda x, y, width, height: Box(x, y, x + width, y + height),
    coordinates,
    coordinates,
    st.floats(1, 500),
    st.floats(1, 500),
)


def contains(outer: Box, inner: Box) -> bool:
    slack = 1e-6
    return (
        outer.x1 <= inner.x1 + slack
        and outer.y1 <= inner.y1 + slack
        and outer.x2 >= inner.x2 - slack
        and outer.y2 >= inner.y2 - slack
    )


@given(boxes)
def test_the_top_quarter_of_a_person_and_a_little_around_it_is_the_head(person: Box) -> None:
    height = person.y2 - person.y1
    head = head_of(person)
    assert contains(head, Box(person.x1, person.y1, person.x2, person.y1 + height / 4))
    assert head.y2 < person.y1 + height / 2
    assert head.y1 < person.y1


@given(boxes, st.floats(1, 3))
def test_a_grown_box_holds_the_first(box: Box, factor: float) -> None:
    assert contains(grown(box, factor), box)


@given(boxes, boxes)
def test_overlap_is_a_part_and_the_same_both_ways(first: Box, second: Box) -> None:
    assert overlap(first, second) == pytest.approx(overlap(second, first))
    assert 0 <= overlap(first, second) <= 1 + 1e-9
    assert overlap(first, first) == pytest.approx(1)


@given(boxes)
def test_text_is_covered_with_a_rim(box: Box) -> None:
    (region,) = text_regions([found("text", *box)], [])
    rim = min(box.x2 - box.x1, box.y2 - box.y1)
    assert contains(region.box, Box(box.x1 - rim, box.y1 - rim, box.x2 + rim, box.y2 + rim))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ((500, 500, 550, 510), "plate"),
        ((500, 500, 515, 505), "plate"),
        ((500, 500, 700, 510), "text"),
        ((500, 500, 510, 540), "text"),
        ((110, 110, 310, 120), "plate"),
        ((95, 110, 99, 140), "plate"),
    ],
    ids=["plate's shape", "motorcycle", "writing", "upright", "on a vehicle", "beside a vehicle"],
)
def test_text_of_a_plate_s_shape_or_near_a_vehicle_is_a_plate(text: tuple[float, ...], kind: str) -> None:
    (region,) = text_regions([found("text", *text)], [Box(100, 100, 200, 200)])
    assert region.kind == kind


def face(*box: float) -> Region:
    return Region("face", "detector", Box(*box))


def test_what_is_seen_again_is_not_held_as_well() -> None:
    memory = Memory(1.0)
    assert memory.update(0.0, [face(10, 10, 30, 30)]) == []
    assert memory.update(0.1, [face(12, 10, 32, 30)]) == []
    (held,) = memory.update(0.2, [face(200, 10, 220, 30)])
    assert (held.source, held.box) == ("held", Box(12, 10, 32, 30))


def test_a_clock_that_runs_back_holds_nothing_for_ever() -> None:
    memory = Memory(1.0)
    memory.update(50.0, [face(10, 10, 30, 30)])
    assert memory.update(10.0, []) == []


def test_another_place_is_not_the_same_thing() -> None:
    assert is_among(face(10, 10, 30, 30), [face(11, 9, 31, 29)])
    assert not is_among(face(10, 10, 30, 30), [face(28, 28, 50, 50)])


def test_of_two_heads_that_are_close_the_one_seen_again_does_not_speak_for_the_other() -> None:
    memory = Memory(1.0)
    first, second = Region("head", "detector", Box(0, 0, 20, 20)), Region("head", "detector", Box(10, 0, 30, 20))
    tracked = Region("head", "track", Box(1, 0, 21, 20))
    assert memory.update(0.0, [first, tracked, second]) == []
    assert memory.update(0.2, [Region("head", "detector", Box(2, 0, 22, 20))]) == [
        Region("head", "held", Box(10, 0, 30, 20))
    ]


@given(st.floats(20, 400), st.floats(0.7, 1.3))
def test_of_somebody_close_to_the_camera_the_head_is_covered_wholly(shoulders: float, part: float) -> None:
    """Head and shoulders alone in the box: a head with its hair is 0.7 times as high as the shoulders are wide."""
    person = Box(100, 200, 100 + shoulders, 200 + part * shoulders)
    head = head_within(person)
    assert head.y1 <= person.y1
    assert head.y2 >= person.y1 + 0.7 * shoulders


def test_of_a_head_alone_all_is_covered() -> None:
    assert head_within(Box(0, 400, 60, 430)).y2 >= 430


def test_of_a_standing_person_no_more_than_the_upper_part_is_covered() -> None:
    assert head_within(Box(0, 0, 45, 100)).y2 <= 40


@given(boxes)
def test_wherever_the_head_is_taken_to_be_the_upper_part_belongs_to_it(person: Box) -> None:
    assert contains(head_within(person), head_of(person))
