"""Vehicles that cross a line, counted by label: the sums, the bound, the noise and what a neighbour may learn."""

import math
from collections import Counter as Tally
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.metrics.anonymity import Policy, release
from appliance.metrics.buckets import Bucket, Buckets
from appliance.metrics.counters import DIRECTIONS, Counter, Observation, Totals
from appliance.metrics.floor import VEHICLE_LABELS, labelled
from appliance.metrics.geometry import Box, Line, Point, Zone
from appliance.metrics.measures import MEASURES, Layout, budget_shares, noise_scales
from appliance.metrics.noise import add_noise
from appliance.metrics.uncertainty import variance_of_noise

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LINES = [Line("gate", Point(0.5, 1), Point(0.5, 0)), Line("ramp", Point(0.1, 0.5), Point(0.9, 0.5))]
ZONES = [Zone("yard", (Point(0.5, 0), Point(1, 0), Point(1, 1), Point(0.5, 1)))]
LAYOUT = Layout.of(LINES, ZONES, labels=True)
WITHOUT = Layout.of(LINES, ZONES)
# A mistake of this size in a statistical test happens by chance once in a million million runs.
CHANCE = 1e-12
LEFT, RIGHT = (0.2, 0.9), (0.8, 0.9)

# Where a vehicle is at each step, and what it is called there.
spots = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.sampled_from(VEHICLE_LABELS))
drives = st.lists(spots, min_size=2, max_size=60)


def seen_at(x: float, y: float, label: str, track: int = 1, kind: str = "vehicle") -> Observation:
    return Observation(track, kind, label, Box(x * 1000 - 10, y * 1000 - 60, x * 1000 + 10, y * 1000))


def drive(tracks: Sequence[Sequence[tuple[float, float, str]]], bounded: bool = False) -> tuple[list[Bucket], Totals]:
    """What vehicles add, each a step every nine seconds, until all are out of sight."""
    counter = Counter(LINES, ZONES, bounded=bounded, labels=True)
    buckets, closed, now = Buckets("front", 300), list[Bucket](), 0.0
    for step in range(max(map(len, tracks)) + 2):
        now = 9.0 * step
        seen = [seen_at(*spot, track) for track, spots in enumerate(tracks) for spot in spots[step : step + 1]]
        counter.update(now, seen, 1000, 1000)
        closed += buckets.update(START + timedelta(seconds=now), now, counter.totals())
    return [*closed, *buckets.close()], counter.totals()


def test_each_crossing_counts_for_its_vehicles_label_and_direction() -> None:
    _, totals = drive(
        [[(*LEFT, "car"), (*RIGHT, "car")], [(*LEFT, "bus"), (*RIGHT, "bus")], [(*RIGHT, "car"), (*LEFT, "car")]]
    )
    crossed = {key: count for key, count in totals.crossings_by_label.items() if count}
    assert crossed == {("gate", "car", "in"): 1, ("gate", "bus", "in"): 1, ("gate", "car", "out"): 1}


def test_people_have_no_label_and_nothing_is_told_of_labels_that_were_not_asked_for() -> None:
    counter = Counter(LINES, [], labels=True)
    for step, spot in enumerate((LEFT, RIGHT)):
        counter.update(float(step), [seen_at(*spot, "person", kind="person")], 1000, 1000)
    assert counter.totals().crossings["gate", "person", "in"] == 1
    assert not any(counter.totals().crossings_by_label.values())
    assert not Counter(LINES, []).totals().crossings_by_label


def test_a_vehicle_that_is_lost_barely_beyond_the_line_counts_for_its_last_label() -> None:
    counter = Counter(LINES, [], labels=True)
    counter.update(0.0, [seen_at(*LEFT, "car")], 1000, 1000)
    counter.update(0.2, [seen_at(0.503, 0.9, "truck")], 1000, 1000)
    assert not any(counter.totals().crossings_by_label.values())
    counter.finish()
    assert {key for key, count in counter.totals().crossings_by_label.items() if count} == {("gate", "truck", "in")}


@pytest.mark.parametrize("bounded", [False, True])
@settings(max_examples=60, deadline=None)
@given(tracks=st.lists(drives, min_size=1, max_size=4))
def test_labels_add_up_to_the_kind(bounded: bool, tracks: list[list[tuple[float, float, str]]]) -> None:
    """In every bucket, at every line and direction, exact (mode `off`) and bounded, before noise."""
    buckets, totals = drive(tracks, bounded)
    for line in LINES:
        for way in DIRECTIONS:
            parts = [totals.crossings_by_label[line.name, label, way] for label in VEHICLE_LABELS]
            assert sum(parts) == totals.crossings[line.name, "vehicle", way]
    for bucket in (release(each, LAYOUT, Policy("off"), add_noise).bucket for each in buckets):
        for line in LINES:
            for way in DIRECTIONS:
                names = [labelled(label, way) for label in VEHICLE_LABELS]
                parts = [round(bucket.value("crossings_by_label", line.name, "vehicle", name)) for name in names]
                assert sum(parts) == bucket.value("crossings", line.name, "vehicle", way)


@given(drives)
def test_one_vehicle_adds_no_more_than_the_sensitivity_whatever_it_is_called(
    spots: list[tuple[float, float, str]],
) -> None:
    buckets, _ = drive([spots], bounded=True)
    values = [each.value for bucket in buckets for each in bucket.measurements if each.measure == "crossings_by_label"]
    assert all(value.is_integer() for value in values)
    assert sum(map(abs, values)) <= MEASURES["crossings_by_label"].sensitivity(LAYOUT) == 2 * len(LINES)


def test_the_bound_is_reached_by_who_drives_to_and_fro_under_changing_names() -> None:
    names = ("car", "truck", "bus")
    there_and_back = [(0.2, 0.9), (0.8, 0.1)] * 15
    buckets, _ = drive([[(*spot, names[step % 3]) for step, spot in enumerate(there_and_back)]], bounded=True)
    values = [each.value for bucket in buckets for each in bucket.measurements if each.measure == "crossings_by_label"]
    assert sum(values) == MEASURES["crossings_by_label"].sensitivity(LAYOUT)


def test_labels_cost_nothing_where_they_are_not_asked_for_and_their_share_where_they_are() -> None:
    assert "crossings_by_label" not in budget_shares(WITHOUT)
    assert sum(budget_shares(LAYOUT).values()) == pytest.approx(1.0)
    before, after = noise_scales(WITHOUT, 2.0), noise_scales(LAYOUT, 2.0)
    assert all(after[name] > before[name] for name in before)


def test_every_label_of_every_line_gets_noise_of_its_own() -> None:
    drawn: list[tuple[list[int], int]] = []

    def count_up(values: Sequence[int], _scale: float, sensitivity: int, _epsilon: float) -> list[int]:
        drawn.append((list(values), sensitivity))
        return [value + index for index, value in enumerate(values, start=1)]

    buckets, _ = drive([[(*LEFT, "car"), (*RIGHT, "car")]], bounded=True)
    released = release(buckets[0], LAYOUT, Policy(), count_up)
    cells = [each for each in released.bucket.measurements if each.measure == "crossings_by_label"]
    assert len(cells) == len(LINES) * len(VEHICLE_LABELS) * 2
    assert {each.value for each in cells} >= {float(number) for number in range(2, len(cells) + 1)}
    assert released.variances["crossings_by_label"] == variance_of_noise(
        noise_scales(LAYOUT, 2.0)["crossings_by_label"]
    )


def privacy_loss(first: list[Bucket], second: list[Bucket], epsilon: float) -> float:
    """How far the logarithms of any outcome's likelihoods lie apart: exact for discrete Laplace noise."""
    found: list[list[tuple[int, float]]] = []

    def note(exact: Sequence[int], scale: float, _sensitivity: int, _epsilon: float) -> list[int]:
        found[-1].extend((value, scale) for value in exact)
        return list(exact)

    for buckets in (first, second):
        found.append([])
        for bucket in buckets:
            release(bucket, LAYOUT, Policy("differential", epsilon), note)
    return sum(abs(x - y) / scale for (x, scale), (y, _) in zip(*found, strict=True))


@settings(max_examples=60, deadline=None)
@given(drives, drives, st.floats(0.1, 8.0))
def test_one_vehicle_more_costs_no_more_than_epsilon(
    other: list[tuple[float, float, str]], one_more: list[tuple[float, float, str]], epsilon: float
) -> None:
    # As long as the longer of the two, so that there are as many buckets.
    steps = max(len(other), len(one_more))
    other = [*other, *[other[-1]] * (steps - len(other))]
    without, _ = drive([other], bounded=True)
    with_one, _ = drive([other, one_more], bounded=True)
    assert privacy_loss(without, with_one, epsilon) <= epsilon * (1 + 1e-9)


def test_no_outcome_of_a_crossing_and_its_label_is_likelier_than_the_budget_allows() -> None:
    """One car more that goes in, by the noise as it is drawn: its kind's number and its label's.

    The bound on each estimated probability is Hoeffding's, at `CHANCE` over all outcomes that are compared.
    """
    epsilon, runs, layout = 1.0, 30_000, Layout(("gate",), labels=True)
    shares, scales = budget_shares(layout), noise_scales(layout, epsilon)
    names = ("crossings", "crossings_by_label")
    cells = list(product(range(-2, 5), repeat=2))

    def outcomes(cars: int) -> Tally[tuple[int, ...]]:
        drawn = [
            add_noise([cars] * runs, scales[name], MEASURES[name].sensitivity(layout), epsilon * shares[name])
            for name in names
        ]
        return Tally(zip(*drawn, strict=True))

    without, with_one = outcomes(0), outcomes(1)
    slack = math.sqrt(math.log(4 * len(cells) / CHANCE) / (2 * runs))
    for first, second in ((without, with_one), (with_one, without)):
        for cell in cells:
            assert first[cell] / runs - slack <= math.exp(epsilon) * (second[cell] / runs + slack)
        for edge in range(-4, 7):
            below = [sum(n for cell, n in each.items() if max(cell) <= edge) / runs for each in (first, second)]
            assert below[0] - slack <= math.exp(epsilon) * (below[1] + slack)
    # The test can fail: a visit that added ten times as much would show.
    tail = [sum(n for cell, n in each.items() if max(cell) <= 0) / runs for each in (without, outcomes(10))]
    assert tail[0] - slack > math.exp(epsilon) * (tail[1] + slack)


def test_a_vehicle_that_does_all_it_can_spends_both_shares_of_its_crossings() -> None:
    spots = [(0.2, 0.9, "car"), (0.8, 0.1, "truck")] * 15
    still = [(0.2, 0.9, "car")] * 30
    without, _ = drive([still], bounded=True)
    with_one, _ = drive([still, spots], bounded=True)
    shares = budget_shares(LAYOUT)
    least = 2.0 * (shares["crossings"] + shares["crossings_by_label"])
    assert least <= privacy_loss(without, with_one, 2.0) <= 2.0
