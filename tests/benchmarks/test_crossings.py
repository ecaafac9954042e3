"""Scoring of counted crossings: what a net total would hide is seen."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Line, Point
from benchmarks.crossings import Matching, drift, match, score, summary

DOOR = Line("door", Point(0.5, 1), Point(0.5, 0))
seconds = st.floats(0, 60)
times = st.lists(seconds, max_size=12)


def test_a_miss_and_a_false_count_do_not_cancel() -> None:
    assert match([10.0], [20.0], 2.0) == Matching(0, (10.0,), (20.0,))
    scores = score({("door", "in"): [10.0]}, {("door", "in"): [20.0]}, [DOOR])
    assert (scores["door", "in"].error, scores["door", "in"].missed, scores["door", "in"].false) == (0, 1, 1)


def test_a_crossing_counted_in_reverse_is_wrong_in_both_directions() -> None:
    scores = score({("door", "in"): [10.0]}, {("door", "out"): [10.0]}, [DOOR])
    assert summary(scores) == {
        "truth": 1,
        "counted": 1,
        "missed": 1,
        "false": 1,
        "absolute_error": 2,
        "absolute_error_part": 2.0,
        "missed_and_false_part": 2.0,
    }


def test_each_true_crossing_is_matched_once() -> None:
    assert match([10.0], [9.5, 10.0, 10.5], 2.0) == Matching(1, (), (10.0, 10.5))
    assert match([9.5, 10.0, 10.5], [10.0], 2.0) == Matching(1, (10.0, 10.5), ())


@given(times, times)
def test_matching_is_the_same_the_other_way_round(truth: list[float], counted: list[float]) -> None:
    first, second = sorted(truth), sorted(counted)
    found, swapped = match(first, second, 2.0), match(second, first, 2.0)
    assert found == Matching(swapped.matched, swapped.false, swapped.missed)
    assert found.matched + len(found.missed) == len(truth)


@given(st.lists(st.tuples(seconds, st.floats(-0.9, 0.9)), max_size=12))
def test_times_that_are_a_little_off_are_all_matched(pairs: list[tuple[float, float]]) -> None:
    truth, counted = sorted(time for time, _ in pairs), sorted(time + error for time, error in pairs)
    assert match(truth, counted, 2.0) == Matching(len(pairs), (), ())


def test_drift_remembers_what_the_totals_forget() -> None:
    truth = {("door", "in"): [1.0, 2.0], ("door", "out"): [30.0, 31.0]}
    counted = {("door", "in"): [1.0], ("door", "out"): [30.0]}
    assert drift(truth, counted, [DOOR]) == {"largest": 1, "mean_at_end": 0.0}
