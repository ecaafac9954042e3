"""What counts as the same object, and how many of them two versions of a network share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.agreement import LEAST_SIDE, MARGIN, compare
from appliance.vision.detections import Detection, Kind
from appliance.vision.detectors.letterbox import Placement

LOWEST = 0.3
SURE = 0.9
WHOLE = Placement(640, 640, 480, 1.0, 1.0)


def seen(left: float = 100, score: float = SURE, kind: Kind = "person", side: float = 40) -> Detection:
    return Detection(kind, kind, score, Box(left, 100, left + side, 100 + side))


def shares(reference: list[Detection], found: list[Detection], placement: Placement = WHOLE) -> tuple[float, float]:
    agreement = compare([reference], [found], [placement], LOWEST)
    return agreement.recall.value, agreement.precision.value


def test_the_same_objects_agree_wholly() -> None:
    objects = [seen(0), seen(200), seen(400, kind="vehicle")]
    assert shares(objects, objects[::-1]) == (1.0, 1.0)


def test_what_only_one_side_has_lowers_its_own_share() -> None:
    both, only = [seen(0), seen(100), seen(200)], [seen(300)]
    assert shares(both + only, both) == (0.75, 1.0)
    assert shares(both, both + only) == (1.0, 0.75)


def test_nothing_on_either_side_is_no_disagreement() -> None:
    assert shares([], []) == (1.0, 1.0)


def test_another_kind_is_another_object() -> None:
    assert shares([seen(kind="person")], [seen(kind="vehicle")]) == (0.0, 0.0)


@pytest.mark.parametrize(("moved", "share"), [(13, 1.0), (14, 0.0)])
def test_boxes_of_one_object_overlap_by_half(moved: float, share: float) -> None:
    """A square moved by a third of its side shares half of the union with where it was."""
    assert shares([seen(100)], [seen(100 + moved)]) == (share, share)


def test_one_object_answers_for_one_only() -> None:
    assert shares([seen(100), seen(104)], [seen(102)]) == (0.5, 1.0)


def test_a_faint_answer_is_an_answer() -> None:
    sure, faint = seen(score=LOWEST + MARGIN), seen(score=LOWEST)
    assert shares([sure], [faint]) == (1.0, 1.0)
    assert shares([sure], []) == (0.0, 1.0)


def test_an_object_within_the_margin_is_not_judged_but_told() -> None:
    agreement = compare([[seen(score=LOWEST + MARGIN / 2)]], [[]], [WHOLE], LOWEST)
    assert (agreement.recall.objects, agreement.recall.value) == (0, 1.0)
    assert (agreement.strict_recall.objects, agreement.strict_recall.value) == (1, 0.0)


@pytest.mark.parametrize(("scale", "objects"), [(1.0, 1), (0.9, 0)])
def test_a_speck_is_not_judged_but_told(scale: float, objects: int) -> None:
    """How large an object is in the network's input counts, not in the picture."""
    placement = Placement(640, 640, 480, scale, scale)
    agreement = compare([[seen(side=LEAST_SIDE)]], [[]], [placement], LOWEST)
    assert agreement.recall.objects == objects
    assert agreement.strict_recall.objects == 1


def test_objects_of_different_pictures_are_different() -> None:
    agreement = compare([[seen()], []], [[], [seen()]], [WHOLE, WHOLE], LOWEST)
    assert (agreement.recall.value, agreement.precision.value) == (0.0, 0.0)
    assert agreement.least == 0.0


detections = st.lists(
    st.builds(
        seen,
        left=st.floats(0, 500),
        score=st.floats(LOWEST, 1),
        kind=st.sampled_from(["person", "vehicle"]),
        side=st.floats(1, 200),
    ),
    max_size=8,
)


@given(first=detections, second=detections)
def test_recall_one_way_is_precision_the_other_way(first: list[Detection], second: list[Detection]) -> None:
    forwards, backwards = (compare([a], [b], [WHOLE], LOWEST) for a, b in ((first, second), (second, first)))
    assert (forwards.recall, forwards.precision) == (backwards.precision, backwards.recall)
    assert forwards.strict_recall.answered == forwards.strict_precision.answered <= min(len(first), len(second))
    assert 0 <= forwards.least <= 1
