"""One visit adds no more than its measure says, whatever its track does."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.metrics.anonymity import Policy, release
from appliance.metrics.buckets import Bucket, Buckets
from appliance.metrics.contributions import VISIT_SECONDS, Visit
from appliance.metrics.counters import Counter, Observation
from appliance.metrics.geometry import Box, Line, Point, Zone
from appliance.metrics.measures import MEASURES, MOST_SECONDS, Layout

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LINES = [Line("door", Point(0.5, 1), Point(0.5, 0)), Line("aisle", Point(0.1, 0.5), Point(0.9, 0.5))]
ZONES = [
    Zone("room", (Point(0, 0), Point(0.5, 0), Point(0.5, 1), Point(0, 1))),
    Zone("till", (Point(0.25, 0.25), Point(0.9, 0.25), Point(0.9, 0.9), Point(0.25, 0.9))),
]
LAYOUT = Layout.of(LINES, ZONES, heat=True)

# Seconds since the last sighting, and where the track is now.
steps = st.lists(st.tuples(st.floats(0.05, 9.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=2, max_size=120)


def counted(path: list[tuple[float, float, float]], tracks: int = 1, bounded: bool = True) -> list[Bucket]:
    """The buckets of what tracks on the same path add."""
    counter, buckets, closed = Counter(LINES, ZONES, bounded=bounded, heat=True), Buckets("front", 300), list[Bucket]()
    now = 0.0
    for elapsed, x, y in path:
        now += elapsed
        box = Box(x * 1000 - 10, y * 1000 - 60, x * 1000 + 10, y * 1000)
        counter.update(now, [Observation(n, "person", "person", box) for n in range(tracks)], 1000, 1000)
        closed += buckets.update(START + timedelta(seconds=now), now, counter.totals())
    return [*closed, *buckets.close()]


def added(buckets: list[Bucket]) -> dict[str, float]:
    """How much of each measure that gets noise there is, over all buckets and cells."""
    sums: dict[str, float] = defaultdict(float)
    for each in (each for bucket in buckets for each in bucket.measurements):
        if MEASURES[each.measure].bound is not None:
            assert each.value.is_integer(), each
            sums[each.measure] += abs(each.value)
    return sums


@given(steps)
def test_one_track_adds_no_more_than_the_sensitivity_over_all_buckets(path: list[tuple[float, float, float]]) -> None:
    for measure, amount in added(counted(path)).items():
        assert amount <= MEASURES[measure].sensitivity(LAYOUT)


def test_the_bound_is_reached_by_who_walks_to_and_fro_all_day() -> None:
    path = [(5.0, 0.1, 0.9), (5.0, 0.9, 0.1), (5.0, 0.3, 0.3)] * 300
    found = added(counted(path))
    for measure, amount in found.items():
        assert amount == MEASURES[measure].sensitivity(LAYOUT), measure
    assert added(counted(path, tracks=3)) == {measure: 3 * amount for measure, amount in found.items()}


def test_without_a_bound_every_passage_counts() -> None:
    path = [(1.0, 0.1, 0.9), (1.0, 0.9, 0.1)] * 5
    exact = sum(bucket.value("crossings", "door", "person", "in") for bucket in counted(path, bounded=False))
    bounded = sum(bucket.value("crossings", "door", "person", "in") for bucket in counted(path))
    assert (exact, bounded) == (5, 1)


@given(st.lists(st.floats(0.0, 40.0), max_size=60))
def test_seconds_are_given_in_whole_units_and_none_is_made_up(amounts: list[float]) -> None:
    visit = Visit(True, 0.0)
    given = [visit.take("occupancy_seconds", "room", "", amount) for amount in amounts]
    assert all(each >= 0 and each.is_integer() for each in given)
    whole = min(sum(amounts), MOST_SECONDS)
    assert whole - 1.001 <= sum(given) <= whole + 1e-6


def test_a_visit_ends_after_a_day() -> None:
    visit = Visit(True, 0.0)
    assert visit.take("visits", "room", "") == 1
    visit.at(VISIT_SECONDS - 1)
    assert visit.take("visits", "room", "") == 0
    visit.at(VISIT_SECONDS)
    assert visit.take("visits", "room", "") == 1


def test_what_has_no_bound_can_not_be_added_to() -> None:
    with pytest.raises(KeyError, match="occupancy_maximum"):
        Visit(True, 0.0).take("occupancy_maximum", "room", "")


walks = st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=60, max_size=60)


def privacy_loss(without: list[Bucket], with_one: list[Bucket], epsilon: float) -> float:
    """How much any outcome's logarithm of likelihood can differ: the sum of |difference| / scale over all numbers.

    For discrete Laplace noise that is exact, so this is the whole chain's budget and no estimate.
    """
    scales: list[float] = []

    def released(bucket: Bucket) -> list[float]:
        values: list[float] = []

        def no_noise(exact: Sequence[int], scale: float, _sensitivity: int, _epsilon: float) -> list[int]:
            values.extend(exact)
            scales.extend([scale] * len(exact))
            return list(exact)

        release(bucket, LAYOUT, Policy("differential", epsilon), no_noise)
        return values

    loss = 0.0
    for first, second in zip(without, with_one, strict=True):
        scales.clear()
        pairs = list(zip(released(first), released(second), strict=True))
        loss += sum(abs(x - y) / scale for (x, y), scale in zip(pairs, scales, strict=False))
    return loss


def seen(walkers: Sequence[tuple[int, Sequence[tuple[float, float]]]]) -> list[Bucket]:
    """What walkers add, each a step every nine seconds: nine minutes, over several buckets."""
    counter, buckets = Counter(LINES, ZONES, bounded=True, heat=True), Buckets("front", 300)
    closed: list[Bucket] = []
    for step in range(60):
        now = 9.0 * step
        people = [
            Observation(number, "person", "person", Box(x * 1000 - 10, y * 1000 - 60, x * 1000 + 10, y * 1000))
            for number, walk in walkers
            for x, y in walk[step : step + 1]
        ]
        counter.update(now, people, 1000, 1000)
        closed += buckets.update(START + timedelta(seconds=now), now, counter.totals())
    return [*closed, *buckets.close()]


@settings(max_examples=50, deadline=None)
@given(walks, walks, st.floats(0.1, 8.0))
def test_one_visit_more_costs_no_more_than_epsilon_over_all_measures_and_buckets(
    other: list[tuple[float, float]], one_more: list[tuple[float, float]], epsilon: float
) -> None:
    without, with_one = seen([(1, other)]), seen([(1, other), (2, one_more)])
    assert privacy_loss(without, with_one, epsilon) <= epsilon * (1 + 1e-9)


def test_the_budget_is_used_by_a_visit_that_does_everything() -> None:
    busy = [((step % 2) * 0.8 + 0.1, (step % 3) * 0.4 + 0.1) for step in range(60)]
    still = [(0.3, 0.3)] * 60
    loss = privacy_loss(seen([(1, still)]), seen([(1, still), (2, busy)]), 2.0)
    assert 0.5 * 2.0 < loss <= 2.0
