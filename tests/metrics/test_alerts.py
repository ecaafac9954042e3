"""When an alert is raised, and when it is over."""

import pytest

from appliance.metrics.alerts import Limit, Now, raised
from appliance.metrics.counters import Counter, Observation
from appliance.metrics.geometry import Box, parse_zone

TILL = Limit("second till", "entrance", "till", people=5, waiting_seconds=120)
STORE = Limit("full", people=50)


def now(people: int = 0, waiting: float = 0.0, inside: int | None = None) -> Now:
    return Now({"entrance": {"till": people}}, {"entrance": {"till": waiting}}, inside)


@pytest.mark.parametrize(("people", "waiting", "expected"), [(4, 119, 0), (5, 0, 1), (0, 120, 1), (9, 500, 1)])
def test_an_alert_is_raised_at_its_limit(people: int, waiting: float, expected: int) -> None:
    assert len(raised([TILL], now(people, waiting))) == expected


def test_what_is_reached_is_told_in_numbers_alone() -> None:
    (alert,) = raised([TILL], now(6, 130.4))
    assert (
        str(alert) == "second till: 6 people in till of entrance; the limit is 5, and people in till of entrance "
        "wait for 130 seconds."
    )


def test_a_store_is_full_at_its_capacity_and_unknown_is_not_full() -> None:
    assert [str(each) for each in raised([STORE], now(inside=50))] == ["full: 50 people in the store; the limit is 50."]
    assert raised([STORE], now(inside=49)) == raised([STORE], now(inside=None)) == ()


def test_an_alert_ends_only_clearly_below_its_limit() -> None:
    limit = Limit("full", people=10)
    assert raised([limit], now(inside=9)) == ()
    assert len(raised([limit], now(inside=9), before=["full"])) == 1
    assert raised([limit], now(inside=7), before=["full"]) == ()


def test_a_camera_that_is_away_raises_nothing() -> None:
    assert raised([TILL], Now({}, {})) == ()


def test_the_wait_of_those_in_a_zone_is_since_they_came() -> None:
    counter = Counter([], [parse_zone("till=0,0,0.5,0,0.5,1,0,1")])

    def at(number: int, x: float) -> Observation:
        return Observation(number, "person", "person", Box(x * 1000 - 10, 450, x * 1000 + 10, 500))

    for second in range(61):
        seen = [at(1, 0.2)] + ([at(2, 0.3)] if second >= 50 else []) + ([at(3, 0.8)] if second >= 10 else [])
        counter.update(float(second), seen, 1000, 1000)
    assert counter.waits() == {"till": [60.0, 10.0]}
    for second in range(61, 70):
        counter.update(float(second), [at(3, 0.8)], 1000, 1000)
    assert counter.waits() == {"till": []}
