"""Measures over time: intervals, sums with their error, means, stays, and what is withheld."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.floor import DWELL_BINS
from appliance.reports.daily import sum_days
from appliance.reports.exploration import SUBJECTS, Answer, Question, Told, TooFine, Unit, cut, explore
from appliance.reports.period import Period
from appliance.storage import measurements
from appliance.storage.database import reading
from appliance.storage.measurements import MeasurementRow
from tests.reports.conftest import Place

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 10, 26, 10, 0, tzinfo=UTC)


def row(measure: str, start: datetime, value: float, **more: object) -> MeasurementRow:
    place, direction = ("", "") if measure == "observed_seconds" else ("Till", "")
    kind = "" if measure == "observed_seconds" else "person"
    if measure == "crossings":
        place, direction = "Door", "in"
    fields = {"camera": "Entrance", "place": place, "kind": kind, "direction": direction} | more
    return MeasurementRow(start, 900, measure=measure, value=value, **fields)  # type: ignore[arg-type]


def ask(
    place: Place,
    measure: str,
    rows: Iterable[MeasurementRow],
    first: date = date(2026, 10, 26),
    last: date = date(2026, 11, 1),
    unit: Unit = Unit.DAY,
    places: frozenset[tuple[str, str]] | None = None,
) -> Answer:
    with place.engine.begin() as connection:
        measurements.add_bucket(connection, rows)
    with reading(place.engine) as connection:
        return explore(connection, Question(SUBJECTS[measure], places, Period(first, last, OSLO), unit), NOW, 5)


@given(
    st.dates(date(2020, 1, 1), date(2026, 12, 1)),
    st.integers(1, 400),
    st.sampled_from([Unit.HOUR, Unit.DAY, Unit.WEEK, Unit.MONTH]),
)
def test_intervals_fill_the_period_without_gap_or_overlap(first: date, days: int, unit: Unit) -> None:
    period = Period(first, first + timedelta(days=days - 1), OSLO)
    edges = cut(period, unit)
    assert (edges[0][0], edges[-1][1]) == (period.start, period.end)
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert all(start < end for start, end in edges)
    if unit is Unit.WEEK:
        assert all(start.astimezone(OSLO).weekday() == 0 for start, _ in edges[1:])


def test_sums_have_their_error_and_negative_numbers_count(place: Place) -> None:
    noisy = {"mode": "differential", "epsilon": 2.0, "variance": 50.0}
    later = MONDAY + timedelta(minutes=15)
    found = ask(place, "in", [row("crossings", MONDAY, -4, **noisy), row("crossings", later, 30, **noisy)])
    assert found.points[0].told.value == 26
    assert found.points[0].told.margin == 21
    assert found.points[1].told.value is None
    assert found.whole == found.points[0].told


def test_places_are_chosen_and_quarters_told_apart(place: Place) -> None:
    rows = [row("crossings", MONDAY, 3), row("crossings", MONDAY, 8, place="Back")]
    rows.append(row("crossings", MONDAY + timedelta(minutes=15), 5))
    day = date(2026, 10, 26)
    found = ask(place, "in", rows, day, day, Unit.QUARTER, frozenset({("Entrance", "Door")}))
    assert len(found.points) == 96
    assert [point.told.value for point in found.points if point.told.value is not None] == [3, 5]
    assert found.whole.value == 8


def test_means_are_over_the_time_of_observation(place: Place) -> None:
    rows = [row("occupancy_seconds", MONDAY, 1800), row("observed_seconds", MONDAY, 900)]
    rows += [row("visits", MONDAY, 6), row("occupancy_maximum", MONDAY, 4)]
    assert ask(place, "occupancy", rows).whole.value == pytest.approx(2.0)
    assert ask(place, "dwell", []).whole.value == pytest.approx(300)
    assert ask(place, "occupancy-maximum", []).whole.value == 4
    assert ask(place, "occupancy", [], places=frozenset({("Entrance", "Other")})).whole.value is None


@pytest.mark.parametrize("summed", [False, True])
def test_vehicles_are_told_that_came_that_are_there_that_parked_and_that_left(place: Place, summed: bool) -> None:
    noise = {"mode": "differential", "epsilon": 2.0, "variance": 8.0}
    vehicle = {"kind": "vehicle", **noise}
    rows = [row("visits", MONDAY, 9, **vehicle), row("visits", MONDAY, 50, **noise)]
    rows += [row("occupancy_seconds", MONDAY, 1800, **vehicle), row("observed_seconds", MONDAY, 900, **noise)]
    rows += [row("dwell", MONDAY, 1, direction=name, **vehicle) for name in DWELL_BINS]
    ask(place, "vehicles-entered", rows)
    if summed:
        assert sum_days(place.engine, OSLO, NOW)
    told = {name: ask(place, f"vehicles-{name}", []).whole for name in ("entered", "present", "parked", "left")}
    assert {name: each.value for name, each in told.items()} == {
        "entered": 9,
        "present": pytest.approx(2.0),
        "parked": 4,
        "left": 8,
    }
    hours = ask(place, "vehicles-parked", [], unit=Unit.HOUR)
    assert ([each.told.value for each in hours.points if each.told.value], hours.whole.value) == ([4], 4)
    # Eight numbers with noise are less sure than four, and four than one.
    assert told["left"].margin > told["parked"].margin > told["entered"].margin > 0


def test_of_vehicles_that_parked_whole_days_are_told_where_small_numbers_are_withheld(place: Place) -> None:
    exact = {"mode": "threshold", "kind": "vehicle"}
    rows = [row("dwell", MONDAY, 6, direction=name, **exact) for name in DWELL_BINS]
    rows.append(row("visits", MONDAY, 48, **exact))
    assert ask(place, "vehicles-parked", rows).points[0].told == Told(24)
    hours = ask(place, "vehicles-parked", [], unit=Unit.HOUR)
    assert all(point.told == Told() for point in hours.points)


def test_a_stay_is_not_told_where_noise_may_be_all_there_is(place: Place) -> None:
    noisy = {"mode": "differential", "epsilon": 2.0, "variance": 50.0}
    rows = [row("occupancy_seconds", MONDAY, 900, **noisy), row("visits", MONDAY, 6, **noisy)]
    assert ask(place, "dwell", rows).whole.value is None
    more = MONDAY + timedelta(days=1)
    found = ask(place, "dwell", [row("occupancy_seconds", more, 9000, **noisy), row("visits", more, 300, **noisy)])
    told = found.points[1].told
    assert told.value == pytest.approx(30)
    assert 0 < told.margin < 3


def test_small_numbers_are_withheld_and_quarters_of_them_never_told(place: Place) -> None:
    rows = [
        row("crossings", MONDAY, 4, mode="threshold"),
        row("crossings", MONDAY + timedelta(days=1), 40, mode="threshold"),
    ]
    found = ask(place, "in", rows)
    assert (found.points[0].told.value, found.points[0].told.at_least) == (None, True)
    assert found.points[1].told.value == 40
    tuesday = date(2026, 10, 27)
    hours = ask(place, "in", [], tuesday, tuesday, Unit.HOUR)
    assert [point.told.value for point in hours.points if point.told.value is not None] == [40]
    quarters = ask(place, "in", [], tuesday, tuesday, Unit.QUARTER)
    assert all(point.told.value is None for point in quarters.points)


def test_what_is_too_fine_is_refused_with_a_reason(place: Place) -> None:
    with pytest.raises(TooFine, match="choose fewer days or a longer unit"):
        ask(place, "in", [], date(2026, 1, 1), date(2026, 10, 1), Unit.HOUR)
    whole_hour = MeasurementRow(MONDAY, 3600, "Entrance", "crossings", "Door", "person", "in", 9.0)
    day = date(2026, 10, 26)
    with pytest.raises(TooFine, match="stored every 60 minutes"):
        ask(place, "in", [whole_hour], day, day, Unit.QUARTER)
