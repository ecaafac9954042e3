"""One visit adds no more than its measure says, whatever its track does."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
