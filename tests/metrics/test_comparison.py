"""Two times beside each other: the difference has an interval of its own, and what is withheld is not compared."""

import random

from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.comparison import Change
from appliance.metrics.publishing import Published, total
from appliance.metrics.uncertainty import Noise, variance_of_noise

VALUES = st.floats(-1e6, 1e6)
VARIANCES = st.just(0.0) | st.floats(0.1, 1e8)
NUMBERS = st.builds(lambda value, variance: Published(value, Noise.of(variance)), VALUES, VARIANCES)


@given(now=NUMBERS, before=NUMBERS)
def test_the_difference_is_less_sure_than_either_number(now: Published, before: Published) -> None:
    difference = Change(now, before).difference
    assert difference is not None
    assert difference.value == now.value - before.value
    assert difference.noise.variance == now.noise.variance + before.noise.variance
    # The tails of a sum are lighter, so its interval may be a little narrower than those of one number's variance.
    assert difference.noise.margin >= 0.9 * max(now.noise.margin, before.noise.margin)
    assert difference.noise.margin <= now.noise.margin + before.noise.margin


@given(now=NUMBERS, before=NUMBERS)
def test_the_other_way_round_is_the_same_with_another_sign(now: Published, before: Published) -> None:
    one, other = Change(now, before), Change(before, now)
    assert one.difference is not None
    assert other.difference is not None
    assert (one.difference.value, one.is_clear) == (-other.difference.value, other.is_clear)


@given(now=NUMBERS, before=NUMBERS, withheld=st.sampled_from(["now", "before", "both"]))
def test_what_is_withheld_or_was_not_counted_is_not_compared(now: Published, before: Published, withheld: str) -> None:
    hidden = Published(3.0, withheld=True)
    change = Change(hidden if withheld != "before" else now, hidden if withheld != "now" else before)
    assert change.difference is None
    assert not change.is_clear
    assert change.part is None
    assert Change(now, before, is_counted=False).difference is None


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    chance = random.Random(8)  # noqa: S311 - no secret

    def noisy(value: float) -> Published:
        # The difference of two geometric numbers is discrete Laplace noise of the scale 10.
        noise = sum(sign * int(chance.expovariate(1 / 10)) for sign in (1, -1))
        return Published(value + noise, Noise.of(variance_of_noise(10.0)))

    held = 0
    for _ in range(2000):
        change = Change(total(noisy(20.0) for _ in range(6)), total(noisy(15.0) for _ in range(4)))
        assert change.difference is not None
        held += abs(change.difference.value - (120.0 - 60.0)) <= change.difference.margin
    assert 0.94 <= held / 2000 <= 0.98


def test_a_part_is_told_only_of_what_is_surely_some() -> None:
    assert Change(Published(150.0), Published(100.0)).part == 0.5
    assert Change(Published(150.0), Published(3.0, Noise.of(100.0))).part is None
    assert Change(Published(5.0), Published(0.0)).part is None
