"""Whatever a camera's time stamps say, its frames have the time of their arrival, and time never runs backwards."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.buckets import Bucket, Buckets, merge
from appliance.metrics.counters import Counter, Observation
from appliance.metrics.geometry import Box, Line, Point
from appliance.vision.source_clock import LONGEST_STEP_SECONDS, Pace, SourceClock

DOOR = Line("door", Point(0.5, 1), Point(0.5, 0))


@dataclass
class Stamped:
    """What the clock reads of a decoded frame: its time stamp in seconds, or None."""

    time: float | None


def placed(pace: Pace, stamps: list[float | None], arrivals: list[float]) -> list[tuple[float, datetime]]:
    clock = SourceClock(pace, threading.Event())
    frames: list[Any] = [Stamped(stamp) for stamp in stamps]
    return [clock.place(frame, arrived) for frame, arrived in zip(frames, arrivals, strict=True)]


stamps = st.lists(st.none() | st.floats(-1e9, 1e9), min_size=2, max_size=50)


@given(stamps)
def test_a_camera_s_frames_have_the_time_of_their_arrival(stamps: list[float | None]) -> None:
    arrivals = [1000 + 0.1 * number for number in range(len(stamps))]
    assert [monotonic for monotonic, _ in placed("arrival", stamps, arrivals)] == arrivals


@given(stamps)
def test_time_in_a_recording_never_runs_backwards_and_never_leaps(stamps: list[float | None]) -> None:
    times = [monotonic for monotonic, _ in placed("recording", stamps, [0.0] * len(stamps))]
    # Rounding may leave nothing of a tiny step, or add a little.
    assert all(0 <= after - before <= LONGEST_STEP_SECONDS + 1e-6 for before, after in pairwise(times))


@pytest.mark.parametrize("jumps", [[0.0], [3600.0, -3600.0], [-7200.0], [86400.0 * 400, -86400.0 * 400], [-0.5, 0.5]])
def test_a_clock_that_jumps_neither_loses_nor_doubles_a_count(jumps: list[float]) -> None:
    """Somebody crosses every ten seconds, for two hours, and the clock is set now and then."""
    counter, buckets, moment = Counter([DOOR], []), Buckets("front"), datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    closed: list[Bucket] = []
    for step in range(7200):
        moment += timedelta(seconds=1 + (jumps[step // 700 % len(jumps)] if step % 700 == 699 else 0))
        x = 600 if step % 20 < 10 else 400
        counter.update(float(step), [Observation(1, "person", "person", Box(x - 20, 400, x + 20, 500))], 1000, 1000)
        closed += buckets.update(moment, float(step), counter.totals())
    closed += buckets.close()
    by_start: dict[datetime, list[Bucket]] = {}
    for bucket in closed:
        by_start.setdefault(bucket.start, []).append(bucket)
    stored = [merge(parts) for parts in by_start.values()]
    crossed = sum(bucket.value("crossings", "door", "person", way) for bucket in stored for way in ("in", "out"))
    assert crossed == sum(counter.totals().crossings.values()) > 700
    assert sum(bucket.value("observed_seconds") for bucket in stored) == pytest.approx(7199)
    assert all(bucket.start.timestamp() % 900 == 0 for bucket in stored)


def test_on_the_night_on_which_clocks_are_set_back_every_quarter_has_a_bucket_of_its_own() -> None:
    """Paris, 25 October 2026: the hour from two to three comes twice."""
    counter, buckets = Counter([DOOR], []), Buckets("front")
    begin = datetime.fromisoformat("2026-10-25T01:00:00+02:00")
    closed: list[Bucket] = []
    for minute in range(4 * 60):
        moment = begin + timedelta(minutes=minute)
        local = moment.astimezone(datetime.fromisoformat("2026-10-25T03:00:00+01:00").tzinfo)
        closed += buckets.update(moment if minute < 120 else local, 5.0 * minute, counter.totals())
    closed += buckets.close()
    assert [bucket.start for bucket in closed] == [begin + timedelta(minutes=15 * number) for number in range(16)]
