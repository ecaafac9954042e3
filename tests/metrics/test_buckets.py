"""Buckets on the clock, whatever the clock does."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.buckets import LONGEST_GAP_SECONDS, Bucket, Buckets, Measurement, bucket_start, merge
from appliance.metrics.counters import Counter, Observation
from appliance.metrics.geometry import Box, Line, Point, Zone

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DOOR = Line("door", Point(0.5, 1), Point(0.5, 0))
ROOM = Zone("room", (Point(0, 0), Point(0.5, 0), Point(0.5, 1), Point(0, 1)))


def person_at(x: float, number: int = 1) -> Observation:
    return Observation(number, "person", "person", Box(x * 1000 - 20, 400, x * 1000 + 20, 500))


class Camera:
    """A counter and its buckets, with a clock that the test turns."""

    def __init__(self) -> None:
        self.counter = Counter([DOOR], [ROOM])
        self.buckets = Buckets("front")
        self.monotonic = 1000.0
        self.moment = NOON
        self.closed: list[Bucket] = []

    def frame(self, elapsed: float, *people: Observation, clock_jumps: float = 0.0) -> None:
        self.monotonic += elapsed
        self.moment += timedelta(seconds=elapsed + clock_jumps)
        self.counter.update(self.monotonic, people, 1000, 1000)
        self.closed += self.buckets.update(self.moment, self.monotonic, self.counter.totals())


def test_buckets_begin_on_the_utc_clock() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert bucket_start(datetime(2026, 3, 1, 12, 14, 59, tzinfo=UTC), 900) == NOON
    assert bucket_start(datetime(2026, 3, 1, 17, 44, tzinfo=india), 900) == NOON
    assert bucket_start(datetime(1969, 12, 31, 23, 59, tzinfo=UTC), 900).minute == 45


def test_a_moment_without_a_time_zone_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        Buckets("front").update(naive, 0.0, Counter([], []).totals())


def test_a_crossing_lands_in_the_bucket_of_its_moment() -> None:
    camera = Camera()
    camera.frame(0.0, person_at(0.4))
    camera.frame(1.0, person_at(0.6))
    camera.frame(899.5)
    (first,) = camera.closed
    assert (first.start, first.end) == (NOON, NOON + timedelta(minutes=15))
    assert first.value("crossings", "door", "person", "in") == 1
    second = camera.buckets.open()
    assert second is not None
    assert second.start == first.end
    assert second.value("crossings", "door", "person", "in") == 0


def test_zeros_are_measurements_too() -> None:
    camera = Camera()
    camera.frame(0.0)
    bucket = camera.buckets.open()
    assert bucket is not None
    assert Measurement("front", "crossings", "door", "vehicle", "out", 0.0) in bucket.measurements
    assert Measurement("front", "visits", "room", "person", "", 0.0) in bucket.measurements


def test_reading_the_open_bucket_does_not_close_it() -> None:
    camera = Camera()
    camera.frame(0.0, person_at(0.4))
    camera.frame(0.1, person_at(0.6))
    assert camera.buckets.open() == camera.buckets.open()
    camera.frame(0.1, person_at(0.4))
    bucket = camera.buckets.open()
    assert bucket is not None
    assert bucket.value("crossings", "door", "person", "out") == 1


def test_observed_time_fills_a_bucket_and_is_split_at_its_end() -> None:
    camera = Camera()
    camera.frame(0.0)
    for _ in range(601):
        camera.frame(3.0)
    first, second = camera.closed
    assert first.value("observed_seconds") == pytest.approx(900)
    assert second.value("observed_seconds") == pytest.approx(900)


def test_time_without_frames_is_not_observed() -> None:
    camera = Camera()
    camera.frame(0.0)
    camera.frame(1.0)
    camera.frame(300.0)  # the camera was down
    camera.frame(1.0)
    bucket = camera.buckets.open()
    assert bucket is not None
    assert bucket.value("observed_seconds") == pytest.approx(2.0)


def test_a_gap_over_whole_buckets_leaves_none_behind() -> None:
    camera = Camera()
    camera.frame(0.0)
    camera.frame(7200.0)
    assert [bucket.start for bucket in camera.closed] == [NOON]


def test_a_clock_set_back_loses_and_doubles_nothing() -> None:
    camera = Camera()
    camera.frame(0.0, person_at(0.4))
    camera.frame(1.0, person_at(0.6), clock_jumps=900)  # in, written to the bucket of 12:15
    camera.frame(1.0, person_at(0.4), clock_jumps=-900)  # out, back in the bucket of 12:00
    camera.frame(1.0, person_at(0.6), clock_jumps=900)
    parts = defaultdict(list)
    for bucket in [*camera.closed, *camera.buckets.close()]:
        parts[bucket.start].append(bucket)
    whole = {start: merge(buckets) for start, buckets in parts.items()}
    later = NOON + timedelta(minutes=15)
    assert whole[NOON].value("crossings", "door", "person", "out") == 1
    assert whole[NOON].value("crossings", "door", "person", "in") == 0
    assert whole[later].value("crossings", "door", "person", "in") == 2
    assert sum(bucket.value("observed_seconds") for bucket in whole.values()) == pytest.approx(3.0)


def test_the_maximum_is_of_the_bucket_alone() -> None:
    camera = Camera()
    camera.frame(0.0, person_at(0.1, 1), person_at(0.3, 2))
    camera.frame(1.0, person_at(0.9, 1), person_at(0.9, 2))
    camera.frame(900.0, person_at(0.9, 1))
    bucket = camera.buckets.open()
    assert camera.closed[0].value("occupancy_maximum", "room", "person") == 2
    assert bucket is not None
    assert bucket.value("occupancy_maximum", "room", "person") == 0


def test_parts_of_different_buckets_do_not_merge() -> None:
    with pytest.raises(ValueError, match="one camera"):
        merge([Bucket("front", NOON, 900, ()), Bucket("back", NOON, 900, ())])
    with pytest.raises(ValueError, match="one camera"):
        merge([])


frames = st.lists(
    st.tuples(
        st.floats(0.01, 400.0),  # seconds since the last frame
        st.one_of(st.just(0.0), st.floats(-2000.0, 2000.0)),  # the clock is set by this much
        st.floats(0.0, 1.0),  # where the person stands
    ),
    min_size=1,
    max_size=40,
)


@given(frames)
def test_all_buckets_together_are_the_counters_totals(steps: list[tuple[float, float, float]]) -> None:
    camera = Camera()
    observed = -1.0
    for elapsed, jump, x in steps:
        camera.frame(elapsed, person_at(x), clock_jumps=jump)
        if observed < 0:
            observed = 0.0
        elif elapsed <= LONGEST_GAP_SECONDS:
            observed += elapsed
    buckets = [*camera.closed, *camera.buckets.close()]
    totals = camera.counter.totals()
    for (line, kind, direction), count in totals.crossings.items():
        assert sum(bucket.value("crossings", line, kind, direction) for bucket in buckets) == count
    for (zone, kind), visits in totals.visits.items():
        assert sum(bucket.value("visits", zone, kind) for bucket in buckets) == visits
        seconds = sum(bucket.value("occupancy_seconds", zone, kind) for bucket in buckets)
        assert seconds == pytest.approx(totals.occupancy_seconds[zone, kind], abs=1e-6)
        largest = max(bucket.value("occupancy_maximum", zone, kind) for bucket in buckets)
        assert largest == totals.occupancy_maximum[zone, kind]
    assert sum(bucket.value("observed_seconds") for bucket in buckets) == pytest.approx(observed, abs=1e-3)
    assert all(measurement.value >= -1e-9 for bucket in buckets for measurement in bucket.measurements)


@given(st.lists(st.tuples(st.floats(0.01, 2.0), st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=40))
def test_a_bucket_cut_anywhere_merges_to_the_whole(steps: list[tuple[float, float, bool]]) -> None:
    whole, cut = Camera(), Camera()
    parts: list[Bucket] = []
    for elapsed, x, stop in steps:
        whole.frame(elapsed, person_at(x))
        cut.frame(elapsed, person_at(x))
        if stop:
            parts += cut.buckets.close()
    parts += cut.buckets.close()
    (expected,) = whole.buckets.close()
    merged = merge(parts)
    assert {each.key for each in merged.measurements} == {each.key for each in expected.measurements}
    for each in expected.measurements:
        assert merged.value(each.measure, each.place, each.kind, each.direction) == pytest.approx(each.value)


def test_unreliable_time_is_marked_and_never_more_than_was_observed() -> None:
    camera = Camera()
    camera.buckets.add_unreliable(5.0)
    camera.frame(0.0)
    for _ in range(60):
        camera.frame(1.0)
    camera.buckets.add_unreliable(20.0)
    camera.buckets.add_unreliable(10.0)
    first = camera.buckets.open()
    assert first is not None
    assert (first.value("unreliable_seconds"), first.value("observed_seconds")) == (30.0, 60.0)
    camera.buckets.add_unreliable(1000.0)
    for _ in range(900):
        camera.frame(1.0)
    (closed,) = camera.closed
    assert closed.value("unreliable_seconds") == 60.0
    after = camera.buckets.open()
    assert after is not None
    assert after.value("unreliable_seconds") == 0.0
