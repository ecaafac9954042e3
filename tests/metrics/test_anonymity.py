"""Only what is on the list may be stored."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.anonymity import ALLOWED, ReleaseError, release
from appliance.metrics.buckets import Bucket, Buckets, Measurement
from appliance.metrics.counters import Counter
from appliance.metrics.geometry import parse_line, parse_zone

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def bucket_of(*measurements: Measurement, seconds: int = 900, start: datetime = NOON) -> Bucket:
    return Bucket("front", start, seconds, measurements)


def test_everything_the_buckets_measure_may_be_stored() -> None:
    """The list and the measurements must not drift apart."""
    buckets = Buckets("front")
    counter = Counter([parse_line("door=0,0,1,1")], [parse_zone("room=0,0,1,0,1,1")])
    buckets.update(NOON, 0.0, counter.totals())
    (bucket,) = buckets.close()
    assert release(bucket) == bucket
    assert {each.measure for each in bucket.measurements} == set(ALLOWED)


@pytest.mark.parametrize(
    "measurement",
    [
        Measurement("front", "track", "door", "person", "in", 17),
        Measurement("front", "dwell_seconds", "room", "person", "", 12.5),
        Measurement("front", "crossings", "door", "face", "in", 1),
        Measurement("front", "crossings", "door", "woman", "in", 1),
        Measurement("front", "crossings", "door", "person", "", 1),
        Measurement("front", "crossings", "", "person", "in", 1),
        Measurement("front", "crossings", "door", "person", "in", 0.5),
        Measurement("front", "crossings", "door", "person", "in", float("nan")),
        Measurement("front", "crossings", "door", "person", "in", float("inf")),
        Measurement("front", "crossings", "door", "person", "in", -1),
        Measurement("front", "observed_seconds", "", "", "", float("nan")),
        Measurement("front", "observed_seconds", "", "", "", float("inf")),
        Measurement("front", "observed_seconds", "door", "", "", 1),
        Measurement("back", "observed_seconds", "", "", "", 1),
    ],
)
def test_anything_else_is_dropped(measurement: Measurement) -> None:
    kept = Measurement("front", "observed_seconds", "", "", "", 900.0)
    assert release(bucket_of(kept, measurement)).measurements == (kept,)


def test_a_bucket_too_fine_or_off_the_clock_is_refused() -> None:
    with pytest.raises(ReleaseError, match="too fine"):
        release(bucket_of(seconds=60))
    with pytest.raises(ReleaseError, match="aligned"):
        release(bucket_of(start=NOON + timedelta(seconds=30)))


words = st.sampled_from(["", "crossings", "visits", "door", "room", "person", "vehicle", "in", "out", "x"])


@given(st.lists(st.builds(Measurement, st.just("front"), words, words, words, words, st.floats()), max_size=20))
def test_release_never_adds_or_changes_and_is_final(measurements: list[Measurement]) -> None:
    released = release(bucket_of(*measurements))
    assert set(map(repr, released.measurements)) <= set(map(repr, measurements))
    assert release(released) == released
