"""What may be stored, and that the noise is what the proof says: its distribution, its budget, its ratio."""

import math
from collections import Counter as Tally
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.anonymity import Policy, ReleaseError, permitted, release
from appliance.metrics.buckets import Bucket, Buckets, Measurement
from appliance.metrics.counters import Counter
from appliance.metrics.geometry import parse_line, parse_zone
from appliance.metrics.measures import MEASURES, Layout, budget_shares, noise_scales
from appliance.metrics.noise import BudgetExceeded, add_noise
from appliance.metrics.uncertainty import Noise, add_up, variance_of_noise

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAYOUT = Layout(("door",), ("room",))
EXACT = Policy("off", 0.0)
# A mistake of this size in a statistical test happens by chance once in a million million runs.
CHANCE = 1e-12


def bucket_of(*measurements: Measurement, seconds: int = 900, start: datetime = NOON) -> Bucket:
    return Bucket("front", start, seconds, measurements)


def crossed(value: float) -> Bucket:
    return bucket_of(Measurement("front", "crossings", "door", "person", "in", value))


def test_everything_the_buckets_measure_is_on_the_list() -> None:
    """The list and the measurements must not drift apart."""
    buckets = Buckets("front")
    lines = [parse_line("door=0,0,1,1")]
    zones = [parse_zone("room=0,0,1,0,1,1"), parse_zone("till=0,0,1,1,0,1")]
    counter = Counter(lines, zones, heat=True, labels=True)
    buckets.update(NOON, 0.0, counter.totals())
    (bucket,) = buckets.close()
    assert release(bucket, Layout.of(lines, zones, heat=True, labels=True), EXACT, add_noise).bucket == bucket
    assert {each.measure for each in bucket.measurements} == set(MEASURES)


@pytest.mark.parametrize("mode", ["differential", "threshold", "off"])
@pytest.mark.parametrize(
    "measurement",
    [
        Measurement("front", "track", "door", "person", "in", 17),
        Measurement("front", "dwell_seconds", "room", "person", "", 12.5),
        Measurement("front", "crossings", "door", "face", "in", 1),
        Measurement("front", "crossings", "door", "woman", "in", 1),
        Measurement("front", "crossings", "door", "person", "", 1),
        Measurement("front", "crossings", "", "person", "in", 1),
        Measurement("front", "dwell", "room", "person", "17-18", 1),
        Measurement("front", "flows", "room>room", "person", "", 1),
        Measurement("front", "heat_seconds", "0,0", "person", "", 1),
        Measurement("front", "crossings", "window", "person", "in", 1),
        # The camera's vehicles are not counted by label.
        Measurement("front", "crossings_by_label", "door", "vehicle", "car-in", 1),
        Measurement("front", "crossings", "door", "person", "in", 0.5),
        Measurement("front", "crossings", "door", "person", "in", float("nan")),
        Measurement("front", "crossings", "door", "person", "in", -1),
        Measurement("front", "observed_seconds", "", "", "", float("inf")),
        Measurement("front", "observed_seconds", "door", "", "", 1),
        Measurement("back", "observed_seconds", "", "", "", 1),
    ],
)
def test_anything_else_is_dropped(measurement: Measurement, mode: str) -> None:
    layout = Layout() if mode == "differential" else LAYOUT
    kept = Measurement("front", "observed_seconds", "", "", "", 900.0)
    policy = Policy(mode, 2.0)  # type: ignore[arg-type]
    assert release(bucket_of(kept, measurement), layout, policy, add_noise).bucket.measurements == (kept,)


def test_a_bucket_too_fine_or_off_the_clock_is_refused() -> None:
    with pytest.raises(ReleaseError, match="too fine"):
        release(bucket_of(seconds=60), LAYOUT, Policy(), add_noise)
    with pytest.raises(ReleaseError, match="aligned"):
        release(bucket_of(start=NOON + timedelta(seconds=30)), LAYOUT, Policy(), add_noise)


words = st.sampled_from(["", "crossings", "visits", "door", "room", "person", "vehicle", "in", "out", "x"])
anything = st.lists(st.builds(Measurement, st.just("front"), words, words, words, words, st.floats()), max_size=20)


@given(anything)
def test_what_is_permitted_is_never_added_to_or_changed(measurements: list[Measurement]) -> None:
    found = permitted(bucket_of(*measurements), LAYOUT)
    assert set(map(repr, found.measurements)) <= set(map(repr, measurements))
    assert permitted(found, LAYOUT) == found


@given(anything)
def test_which_numbers_are_released_does_not_depend_on_what_was_seen(measurements: list[Measurement]) -> None:
    about_visits = [each for each in measurements if each.measure != "observed_seconds"]
    empty, seen = (
        release(bucket_of(*each), LAYOUT, Policy(), add_noise).bucket.measurements for each in ((), about_visits)
    )
    assert [each.key for each in empty] == [each.key for each in seen]
    assert {each.measure for each in empty} == set(budget_shares(LAYOUT))


def test_numbers_about_the_camera_get_no_noise_and_maxima_are_not_released() -> None:
    observed = Measurement("front", "observed_seconds", "", "", "", 899.5)
    most = Measurement("front", "occupancy_maximum", "room", "person", "", 3)
    released = release(bucket_of(observed, most), LAYOUT, Policy(), add_noise)
    assert observed in released.bucket.measurements
    assert "occupancy_maximum" not in {each.measure for each in released.bucket.measurements}
    assert released.variances.keys() == budget_shares(LAYOUT).keys()


@given(st.integers(0, 6), st.integers(0, 6), st.booleans(), st.booleans(), st.floats(0.1, 8.0))
def test_the_budget_is_spent_whole_and_not_exceeded(
    lines: int, zones: int, heat: bool, labels: bool, epsilon: float
) -> None:
    layout = Layout(tuple(map(str, range(lines))), tuple(map(str, range(zones))), heat, labels)
    scales = noise_scales(layout, epsilon)
    spent = sum(MEASURES[name].sensitivity(layout) / scale for name, scale in scales.items())
    assert spent == pytest.approx(epsilon if lines or zones or heat else 0.0)


def test_noise_that_is_too_small_for_its_budget_is_refused() -> None:
    with pytest.raises(BudgetExceeded):
        add_noise([0], 0.9, 2, 2.0)
    with pytest.raises(BudgetExceeded):
        add_noise([0], 1.0, 3, 2.0)


def draws(count: int, scale: float, value: int = 0) -> list[int]:
    return add_noise([value] * count, scale, 1, 1.0 / scale)


def distance_allowed(count: int) -> float:
    """Dvoretzky, Kiefer and Wolfowitz with Massart's constant: a larger one has at most the chance `CHANCE`."""
    return math.sqrt(math.log(2.0 / CHANCE) / (2.0 * count))


def distance(found: list[int], scale: float) -> float:
    """The largest distance of the empirical from the discrete Laplace distribution function."""
    part = math.exp(-1.0 / scale)
    tally, seen, largest = Tally(found), 0, 0.0
    for value in range(min(found), max(found) + 1):
        seen += tally[value]
        claimed = part**-value / (1 + part) if value < 0 else 1 - part ** (value + 1) / (1 + part)
        largest = max(largest, abs(seen / len(found) - claimed))
    return largest


@pytest.mark.parametrize("scale", [0.5, 2.0, 40.0])
def test_the_noise_has_the_distribution_that_is_claimed(scale: float) -> None:
    found = draws(60_000, scale)
    allowed = distance_allowed(len(found))
    assert distance(found, scale) < allowed
    # The test can fail: it tells scales apart that differ by a quarter.
    assert distance(found, 1.25 * scale) > allowed


def test_released_numbers_have_the_noise_that_is_stored_with_them() -> None:
    policy = Policy("differential", 1.0)
    found = [release(crossed(50), LAYOUT, policy, add_noise) for _ in range(1500)]
    errors = [round(each.bucket.value("crossings", "door", "person", "in")) - 50 for each in found]
    scale = noise_scales(LAYOUT, 1.0)["crossings"]
    assert distance(errors, scale) < distance_allowed(len(errors))
    assert found[0].variances["crossings"] == variance_of_noise(scale)


def test_one_visit_more_changes_no_outcome_by_more_than_its_budget() -> None:
    """Neighbours: one visit more crosses both ways. Every outcome of both numbers is compared, and each corner.

    The bound on each estimated probability is Hoeffding's, at `CHANCE` over all outcomes that are compared.
    """
    epsilon, runs = 1.0, 30_000
    scale = noise_scales(Layout(("door",)), epsilon)["crossings"]
    cell = [(x, y) for x in range(-4, 7) for y in range(-4, 7)]

    def outcomes(value: int) -> Tally[tuple[int, int]]:
        noisy = add_noise([value] * (2 * runs), scale, 2, epsilon)
        return Tally(zip(noisy[::2], noisy[1::2], strict=True))

    without, with_one = outcomes(1), outcomes(2)
    slack = math.sqrt(math.log(4 * len(cell) / CHANCE) / (2 * runs))
    for first, second in ((without, with_one), (with_one, without)):
        for outcome in cell:
            assert first[outcome] / runs - slack <= math.exp(epsilon) * (second[outcome] / runs + slack)
        for edge in range(-4, 7):
            below = [sum(n for (x, y), n in each.items() if x <= edge and y <= edge) / runs for each in (first, second)]
            assert below[0] - slack <= math.exp(epsilon) * (below[1] + slack)
    # The test can fail: a visit that added three times as much would show.
    far = outcomes(7)
    tail = [sum(n for (x, y), n in each.items() if x <= 0 and y <= 0) / runs for each in (without, far)]
    assert tail[0] - slack > math.exp(epsilon) * (tail[1] + slack)


def test_an_exact_sum_has_no_margin() -> None:
    assert add_up([]).margin == 0.0
    assert not Noise.of(0.0)


@pytest.mark.parametrize(("scale", "terms"), [(0.5, 1), (2.0, 1), (2.0, 3), (10.0, 2), (3.0, 12)])
def test_the_interval_of_a_sum_holds_the_truth_95_times_in_a_hundred(scale: float, terms: int) -> None:
    runs = 10_000
    noisy = draws(runs * terms, scale)
    sums = [abs(sum(noisy[start : start + terms])) for start in range(0, len(noisy), terms)]
    margin = add_up([Noise.of(variance_of_noise(scale))] * terms).margin
    inside = sum(each <= margin for each in sums) / runs
    slack = math.sqrt(math.log(2.0 / CHANCE) / (2.0 * runs))
    assert inside > 0.95 - slack
    assert sum(each <= 0.75 * margin - 1 for each in sums) / runs < 0.95 - slack
