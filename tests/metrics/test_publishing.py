"""Small numbers are withheld, and nothing that is shown gives them away."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.publishing import (
    LATE,
    Published,
    exact_or_noisy,
    hour_is_over,
    suppress,
    suppress_bins,
    suppress_parts,
    total,
)

cells = st.lists(st.integers(0, 12), max_size=24)


def seen_by_all(hours: list[float], k: int, day_is_over: bool = True) -> tuple[object, ...]:
    """Everything that a page or report can show of a series' day."""
    shown, whole = suppress(hours, k, day_is_over)
    return (tuple((each.withheld, each.value) for each in shown), whole.withheld, whole.value)


@given(cells, st.integers(2, 8), st.booleans())
def test_no_shown_number_is_below_k_and_every_other_is_true(hours: list[float], k: int, is_over: bool) -> None:
    shown, whole = suppress(hours, k, is_over)
    for value, each in zip(hours, shown, strict=True):
        assert each.withheld == (value < k)
        assert each.value == (0.0 if each.withheld else value)
    assert whole.value <= sum(hours)
    assert whole.withheld or whole.value == sum(hours)
    assert whole.value == 0.0 or whole.value >= k


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("is_over", [True, False])
def test_a_withheld_hour_may_be_anything_below_k_for_whoever_knows_all_the_rest(k: int, is_over: bool) -> None:
    """The attacker knows the method, each shown hour and the total, and tries every day there could be."""
    most = k + 1
    possible: dict[object, list[tuple[int, ...]]] = {}
    for day in product(range(most + 1), repeat=4):
        possible.setdefault(seen_by_all(list(map(float, day)), k, is_over), []).append(day)
    for days in possible.values():
        for hour in range(4):
            values = {day[hour] for day in days}
            assert (len(values) == 1 and values.pop() >= k) or values == set(range(k))


@pytest.mark.parametrize("k", [2, 3, 5])
def test_a_withheld_bin_may_be_anything_for_whoever_knows_the_sum_of_all(k: int) -> None:
    possible: dict[object, list[tuple[int, ...]]] = {}
    for bins in product(range(k + 2), repeat=4):
        shown = tuple((each.withheld, each.value) for each in suppress_bins(list(map(float, bins)), k))
        possible.setdefault((shown, sum(bins)), []).append(bins)
    for (shown, _), histograms in possible.items():
        if not all(withheld for withheld, _ in shown):
            for number, (withheld, _) in enumerate(shown):
                if withheld:
                    assert {bins[number] for bins in histograms} == set(range(k))


@pytest.mark.parametrize(("k", "most"), [(2, 12), (3, 14), (5, 17)])
def test_a_withheld_part_may_be_anything_below_k_for_whoever_knows_the_whole(k: int, most: int) -> None:
    """The attacker knows the method, each part that is shown and what all add up to, and tries all parts there are."""
    possible: dict[object, list[tuple[int, ...]]] = {}
    for parts in product(range(most + 1), repeat=4):
        if k <= sum(parts) <= most:
            shown = tuple((each.withheld, each.value) for each in suppress_parts(list(map(float, parts)), k))
            possible.setdefault((shown, sum(parts)), []).append(parts)
    assert any(0 < sum(withheld for withheld, _ in shown) < 4 for shown, _ in possible)  # type: ignore[misc]
    for (shown, _), every in possible.items():  # type: ignore[misc]
        for index, (withheld, value) in enumerate(shown):
            if withheld:
                assert {parts[index] for parts in every} >= set(range(k))
            else:
                assert value >= k


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(2, 8))
def test_parts_are_shown_as_they_are_or_not_at_all(parts: list[int], k: int) -> None:
    shown = suppress_parts(list(map(float, parts)), k)
    for part, each in zip(parts, shown, strict=True):
        assert each.value == (0.0 if each.withheld else part)
        assert each.withheld or part >= k
    if any(part < k for part in parts):
        assert sum(each.withheld for each in shown) >= min(2, len(parts))


def test_a_small_label_takes_the_smallest_of_the_others_with_it() -> None:
    assert [each.withheld for each in suppress_parts([200, 12, 30, 1], 5)] == [False, True, False, True]
    assert not any(each.withheld for each in suppress_parts([200, 12, 30, 5], 5))
    assert all(each.withheld for each in suppress_parts([200, 0, 0, 0], 5))


@given(cells, cells, st.integers(2, 8))
def test_a_sum_of_lines_is_made_of_what_is_shown(first: list[float], second: list[float], k: int) -> None:
    parts = [suppress(hours, k, True)[1] for hours in (first, second)]
    together = total(parts)
    assert together.value == parts[0].value + parts[1].value
    assert together.withheld == (parts[0].withheld or parts[1].withheld)


def test_the_total_is_exact_where_it_tells_nothing() -> None:
    assert suppress([2, 1, 3, 40], 5, True)[1] == Published(46)
    assert suppress([2, 1, 3, 40], 5, False)[1] == Published(40, withheld=True)
    assert suppress([3, 40], 5, True)[1] == Published(40, withheld=True)
    assert suppress([0, 0, 0, 40], 5, True)[1] == Published(40, withheld=True)
    assert suppress([], 5, True) == ([], Published())


def test_an_hour_is_over_when_its_last_bucket_must_be_stored() -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert not hour_is_over(start, start + timedelta(hours=1))
    assert hour_is_over(start, start + timedelta(hours=1) + LATE)


@given(st.lists(st.tuples(st.integers(-50, 50), st.floats(0.1, 400.0)), min_size=1, max_size=30))
def test_negative_numbers_are_clamped_when_shown_and_not_in_sums(numbers: list[tuple[int, float]]) -> None:
    published = [exact_or_noisy(value, variance) for value, variance in numbers]
    assert all(each.shown >= 0 for each in published)
    assert total(published).value == sum(value for value, _ in numbers)
    margins = [each.margin for each in published]
    assert max(margins) <= total(published).margin + 1
    assert total(published).margin <= sum(margins) + 1


def test_a_difference_is_as_uncertain_as_a_sum() -> None:
    came, left = exact_or_noisy(40, 8.0), exact_or_noisy(10, 8.0)
    assert (came - left).value == 30
    assert (came - left).margin == (came + left).margin
