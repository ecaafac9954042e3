"""How often frames are analysed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.rates import Recent, Turns


@pytest.mark.parametrize("input_rate", [5, 10, 12.5, 15, 25, 30])
@pytest.mark.parametrize("rate", [1, 5, 7, 10, 15])
def test_the_rate_is_met_and_never_exceeded(input_rate: float, rate: float) -> None:
    turns = Turns(rate)
    seconds = 60
    taken = sum(turns.take(1000 + number / input_rate) for number in range(round(seconds * input_rate)))
    assert taken == pytest.approx(seconds * min(rate, input_rate), rel=0.02)


@given(st.lists(st.floats(0, 0.5), min_size=2, max_size=300), st.integers(1, 30))
def test_frames_that_come_unevenly_are_never_too_many(steps: list[float], rate: int) -> None:
    turns, now, taken = Turns(rate), 0.0, 0
    for step in steps:
        now += step
        taken += turns.take(now)
    assert taken <= now * rate + 2


def test_a_pause_is_not_made_up_for_and_a_clock_that_is_set_back_stops_nothing() -> None:
    turns = Turns(10)
    assert turns.take(100.0)
    assert [turns.take(200.0 + step / 100) for step in range(5)] == [True, False, False, False, False]
    assert turns.take(50.0)
    assert not turns.take(50.01)
    assert turns.take(50.1)


def test_recent_values_are_summed_up() -> None:
    recent = Recent(5.0)
    assert recent.percentiles(0.0) is None
    for number in range(101):
        recent.add(number / 10, number / 10)
    assert recent.percentiles(10.0) == {"p50": 7.5, "p95": pytest.approx(9.75), "p99": pytest.approx(9.95)}
    assert recent.per_second(10.0) == pytest.approx(10.0)
    assert recent.growth_per_second(10.0) == pytest.approx(1.0)
    assert recent.percentiles(100.0) is None
