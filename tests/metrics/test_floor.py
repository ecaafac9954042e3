"""Dwell times, flows between zones, vehicles in a zone, and the heat map."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.counters import Counter, Observation
from appliance.metrics.floor import (
    DWELL_BINS,
    DWELL_ENDS,
    HEAT_CELLS,
    PARKED_SECONDS,
    bin_begin,
    dwell_bin,
    flows,
    heat_cell,
)
from appliance.metrics.geometry import Box, Zone, parse_zone

TILL = parse_zone("till=0,0,0.3,0,0.3,1,0,1")
AISLE = parse_zone("aisle=0.35,0,0.65,0,0.65,1,0.35,1")
EXIT = parse_zone("exit=0.7,0,1,0,1,1,0.7,1")
ZONES = (TILL, AISLE, EXIT)
IN_TILL, IN_AISLE, IN_EXIT, BETWEEN = 0.1, 0.5, 0.9, 0.325


def seen_at(x: float, number: int = 1, kind: str = "person", y: float = 0.5) -> Observation:
    return Observation(number, kind, kind, Box(x * 1000 - 10, y * 1000 - 30, x * 1000 + 10, y * 1000))


def stay(counter: Counter, x: float, begin: float, seconds: float, step: float = 0.5, kind: str = "person") -> float:
    """Somebody at x from `begin` for so long; returns the end."""
    for count in range(round(seconds / step) + 1):
        counter.update(begin + count * step, [seen_at(x, kind=kind)], 1000, 1000)
    return begin + seconds


def test_a_visits_duration_falls_into_one_bin() -> None:
    counter = Counter([], ZONES)
    end = stay(counter, IN_TILL, 0.0, 40.0)
    counter.update(end, [seen_at(IN_AISLE)], 1000, 1000)
    dwell = {name: count for (zone, kind, name), count in counter.totals().dwell.items() if count}
    assert dwell == {"30-60": 1}


@pytest.mark.parametrize("keep_every", [1, 2, 7])
def test_dropped_frames_do_not_move_a_visit_to_another_bin(keep_every: int) -> None:
    counter = Counter([], ZONES)
    for step in range(0, 1001, 1):
        if step % keep_every == 0 or step == 1000:
            x = IN_TILL if step < 1000 else IN_AISLE
            counter.update(step * 0.1, [seen_at(x)], 1000, 1000)
    assert counter.totals().dwell["till", "person", "60-120"] == 1


@given(st.floats(0, 1e6))
def test_every_duration_has_its_bin(seconds: float) -> None:
    name = dwell_bin(seconds)
    assert bin_begin(name) <= seconds
    later = [end for end in DWELL_ENDS if end > bin_begin(name)]
    assert not later or seconds < later[0]
    assert len({*DWELL_BINS}) == len(DWELL_ENDS) + 1
    assert PARKED_SECONDS in DWELL_ENDS


def test_a_flow_is_from_the_zone_before_to_the_next() -> None:
    counter = Counter([], ZONES)
    now = stay(counter, IN_TILL, 0.0, 2.0)
    now = stay(counter, BETWEEN, now, 3.0)
    now = stay(counter, IN_AISLE, now, 2.0)
    stay(counter, IN_EXIT, now, 2.0)
    moved = {place: count for place, count in counter.totals().flows.items() if count}
    assert moved == {"till>aisle": 1, "aisle>exit": 1}


def test_coming_back_to_the_same_zone_is_no_flow() -> None:
    counter = Counter([], ZONES)
    now = 0.0
    for x in (IN_TILL, BETWEEN, IN_TILL):
        now = stay(counter, x, now, 3.0)
    assert set(counter.totals().flows.values()) == {0}


def test_another_track_makes_no_flow_of_two_peoples_visits() -> None:
    counter = Counter([], ZONES)
    counter.update(0.0, [seen_at(IN_TILL, 1)], 1000, 1000)
    counter.update(1.0, [seen_at(IN_EXIT, 2)], 1000, 1000)
    assert set(counter.totals().flows.values()) == {0}


def test_every_flow_is_one_place_whatever_the_zones_are_called() -> None:
    places = flows(("a", "b>c", "a>b", "c"))
    assert len(set(places)) == len(places)
    assert "a>b>c" in places


def test_vehicles_enter_stay_and_leave() -> None:
    counter = Counter([], [TILL])
    end = stay(counter, IN_TILL, 0.0, 90.0, kind="vehicle")
    assert counter.totals().occupancy["till", "vehicle"] == 1
    counter.update(end + 1, [seen_at(IN_EXIT, kind="vehicle")], 1000, 1000)
    totals = counter.totals()
    assert totals.visits["till", "vehicle"] == totals.visits_ended["till", "vehicle"] == 1
    assert totals.dwell["till", "vehicle", "60-120"] == 1
    assert totals.occupancy["till", "vehicle"] == 0


def test_heat_is_the_time_that_people_stood_in_a_cell() -> None:
    counter = Counter([], [], heat=True)
    stay(counter, 0.5, 0.0, 20.0)
    stay(counter, 0.5, 0.0, 20.0, kind="vehicle")
    heat = counter.totals().heat_seconds
    assert set(heat) == set(HEAT_CELLS)
    assert heat[heat_cell(0.5, 0.5)] == pytest.approx(20.0)
    assert sum(heat.values()) == pytest.approx(20.0)


def test_without_a_heat_map_there_is_none() -> None:
    counter = Counter([], [])
    stay(counter, 0.5, 0.0, 5.0)
    assert counter.totals().heat_seconds == {}


@given(st.floats(-2, 3), st.floats(-2, 3))
def test_every_point_has_a_cell(x: float, y: float) -> None:
    assert heat_cell(x, y) in HEAT_CELLS


def test_zones_that_share_a_border_give_one_flow() -> None:
    counter = Counter([], [Zone("left", TILL.points), parse_zone("right=0.3,0,1,0,1,1,0.3,1")])
    for step, x in enumerate((0.2, 0.29, 0.304, 0.297, 0.304, 0.4)):
        counter.update(step * 0.2, [seen_at(x)], 1000, 1000)
    assert {place: count for place, count in counter.totals().flows.items() if count} == {"left>right": 1}
