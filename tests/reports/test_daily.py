"""The sums of days tell what the buckets tell, and no more once a day has changed or is too old."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from appliance.metrics.floor import DWELL_BINS, PARKED_BINS
from appliance.reports.daily import TOTALS, days_of, longest_bucket, modes_of, sum_days
from appliance.reports.exploration import SUBJECTS, Answer, Question, Unit, explore
from appliance.reports.period import Period
from appliance.reports.sums import read_sums
from appliance.storage import daily_sums, measurements
from appliance.storage.database import reading
from appliance.storage.measurements import MeasurementRow
from appliance.storage.tables import bucket_sum, day_sum, hour_made, hour_sum, measurement, series, summed_day
from tests.reports.conftest import Place
from tests.storage.summed import check_sums

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
# The clocks change on 25 October.
PERIOD = Period(date(2026, 10, 20), date(2026, 11, 3), OSLO)
CELLS = {
    "crossings": ("Door", "person", "in"),
    "visits": ("Till", "person", ""),
    "occupancy_seconds": ("Till", "person", ""),
    "occupancy_maximum": ("Till", "person", ""),
    "observed_seconds": ("", "", ""),
    **{f"dwell {name}": ("Till", "vehicle", name) for name in (DWELL_BINS[0], *PARKED_BINS[:2])},
}
BUCKETS = st.lists(
    st.tuples(
        st.integers(0, 14 * 96),
        st.sampled_from(sorted(CELLS)),
        st.sampled_from(["Entrance", "Back"]),
        st.integers(-9, 900),
        st.sampled_from([("differential", 2.0, 9.0), ("off", 0.0, 0.0)]),
    ),
    max_size=40,
)


def row(slot: int, measure: str, camera: str, value: float, how: tuple[str, float, float]) -> MeasurementRow:
    start = PERIOD.start + timedelta(minutes=15) * slot
    return MeasurementRow(start, 900, camera, measure.partition(" ")[0], *CELLS[measure], value, *how)


def ask(place: Place, measure: str, unit: Unit, places: frozenset[tuple[str, str]] | None = None) -> Answer:
    with reading(place.engine) as connection:
        return explore(connection, Question(SUBJECTS[measure], places, PERIOD, unit), NOW, 5)


def told(answer: Answer) -> list[object]:
    tells = [point.told for point in answer.points] + [answer.whole]
    return [(each.value and pytest.approx(each.value), pytest.approx(each.margin), each.at_least) for each in tells]


def clear(place: Place) -> None:
    with place.engine.begin() as connection:
        for table in (measurement, day_sum, summed_day, bucket_sum, hour_sum, hour_made, series):
            connection.execute(table.delete())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(buckets=BUCKETS, late=BUCKETS)
def test_every_measure_is_the_same_with_and_without_sums(place: Place, buckets: list, late: list) -> None:  # type: ignore[type-arg]
    clear(place)
    measures = ("in", "visits", "occupancy", "occupancy-maximum", "dwell", "vehicles-left", "vehicles-parked")
    for stored in (buckets, late):
        with place.engine.begin() as connection:
            # The second time into days that have their sums already.
            measurements.add_bucket(connection, [row(*each) for each in stored])
        plain = {(measure, unit): ask(place, measure, unit) for measure in measures for unit in (Unit.DAY, Unit.WEEK)}
        sum_days(place.engine, OSLO, NOW)
        for (measure, unit), answer in plain.items():
            again = ask(place, measure, unit)
            assert told(answer) == [
                (each.value, each.margin, each.at_least)
                for each in (*(point.told for point in again.points), again.whole)
            ]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(buckets=BUCKETS, late=BUCKETS)
def test_the_sums_of_days_and_hours_are_those_of_the_buckets(place: Place, buckets: list, late: list) -> None:  # type: ignore[type-arg]
    clear(place)
    for stored in (buckets, late):
        with place.engine.begin() as connection:
            measurements.add_bucket(connection, [row(*each) for each in stored])
        sum_days(place.engine, OSLO, NOW)
        with reading(place.engine) as connection:
            check_sums(connection, daily_sums.known(connection, days_of(PERIOD)), TOTALS)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(buckets=BUCKETS, late=BUCKETS)
def test_a_report_s_sums_are_the_same_with_and_without_those_of_days(
    place: Place,
    buckets: list,  # type: ignore[type-arg]
    late: list,  # type: ignore[type-arg]
) -> None:
    clear(place)
    periods = [
        PERIOD,
        Period(date(2026, 10, 25), date(2026, 10, 25), OSLO),
        Period(date(2026, 1, 1), PERIOD.last, OSLO),
    ]
    for stored in (buckets, late):
        with place.engine.begin() as connection:
            measurements.add_bucket(connection, [row(*each) for each in stored])
        plain = [about(sums) for period in periods for sums in in_report(place, period)]
        # Of the newest days alone, then of all.
        for most in (4, 1000):
            sum_days(place.engine, OSLO, NOW, most)
            assert [sums for period in periods for sums in in_report(place, period)] == plain


Told = tuple[dict[object, object], dict[object, object]]


def in_report(place: Place, period: Period) -> list[Told]:
    """Of each interval and of the whole: values with their margins, and for how long zones were observed."""
    with reading(place.engine) as connection:
        of_intervals, whole = read_sums(connection, period, period.intervals(), NOW, 5)
    return [
        (
            # A maximum has no noise of its own.
            {
                key: (each.value, 0 if key[1].endswith("_maximum") else each.margin)
                for key, each in sums.numbers.items()
            },
            {key: seconds for key, seconds in sums.zone_seconds.items() if seconds},
        )
        for sums in (*of_intervals, whole)
    ]


def about(told: Told) -> Told:
    numbers, seconds = told
    return {key: pytest.approx(each) for key, each in numbers.items()}, {
        key: pytest.approx(each) for key, each in seconds.items()
    }


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(buckets=BUCKETS, unit=st.sampled_from([Unit.HOUR, Unit.DAY, Unit.WEEK]), summed=st.booleans())
def test_half_hours_between_a_site_and_utc_change_no_number(
    place: Place,
    buckets: list,  # type: ignore[type-arg]
    unit: Unit,
    summed: bool,
) -> None:
    """Such a site's hours are not those of the sums, so its buckets are read."""
    clear(place)
    with place.engine.begin() as connection:
        measurements.add_bucket(connection, [row(*each) for each in buckets])
    zone = ZoneInfo("Asia/Kolkata")
    period = Period(date(2026, 10, 20), date(2026, 11, 3), zone)
    if summed:
        sum_days(place.engine, zone, NOW)
    for measure, name in (("in", "crossings"), ("visits", "visits")):
        with reading(place.engine) as connection:
            answer = explore(connection, Question(SUBJECTS[measure], None, period, unit), NOW, 5)
            stored = measurements.read(connection, period.start, period.end, measures=[name])
        told = [point.told.value for point in answer.points if point.told.value is not None]
        assert sum(told) == pytest.approx(sum(each.value for each in stored))
        begins = {(each.bucket_start - period.start) // timedelta(hours=1) for each in stored}
        if unit is Unit.HOUR:
            assert len(told) == len({hour for hour in begins if period.start + timedelta(hours=1) * hour <= NOW})


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(buckets=BUCKETS, unit=st.sampled_from([Unit.HOUR, Unit.DAY, Unit.MONTH]), summed=st.booleans())
def test_all_places_together_are_what_each_is_alone(place: Place, buckets: list, unit: Unit, summed: bool) -> None:  # type: ignore[type-arg]
    clear(place)
    with place.engine.begin() as connection:
        measurements.add_bucket(connection, [row(*each) for each in buckets])
    if summed:
        sum_days(place.engine, OSLO, NOW)
    for measure, where in (("in", "Door"), ("visits", "Till"), ("occupancy-maximum", "Till")):
        both = ask(place, measure, unit)
        alone = [ask(place, measure, unit, frozenset({(camera, where)})) for camera in ("Entrance", "Back")]
        for point, *parts in zip(both.points, *(each.points for each in alone), strict=True):
            known = [part.told.value for part in parts if part.told.value is not None]
            add = max if measure == "occupancy-maximum" else sum
            assert point.told.value == (pytest.approx(add(known)) if known else None)
            assert point.told.margin >= max(part.told.margin for part in parts)


def test_days_are_added_up_once_the_newest_first_and_again_when_late_counts_come(place: Place) -> None:
    clear(place)
    with place.engine.begin() as connection:
        measurements.add_bucket(
            connection, [row(slot, "crossings", "Back", 3, ("off", 0.0, 0.0)) for slot in range(960)]
        )
    assert sum_days(place.engine, OSLO, NOW, most=2) == 2
    with reading(place.engine) as connection:
        assert set(daily_sums.known(connection, days_of(PERIOD))) == set(days_of(PERIOD)[-3:-1])
    assert sum_days(place.engine, OSLO, NOW) == 12
    assert sum_days(place.engine, OSLO, NOW) == 0
    with reading(place.engine) as connection:
        assert (modes_of(connection, PERIOD), longest_bucket(connection, PERIOD)) == ({("off", 0.0)}, 900)
    with place.engine.begin() as connection:
        measurements.add_bucket(connection, [row(5, "crossings", "Back", 1, ("off", 0.0, 0.0))])
    assert sum_days(place.engine, OSLO, NOW) == 1


def test_what_is_removed_leaves_no_sum_behind_and_another_time_zone_has_days_of_its_own(place: Place) -> None:
    clear(place)
    with place.engine.begin() as connection:
        measurements.add_bucket(
            connection, [row(slot, "crossings", "Back", 3, ("off", 0.0, 0.0)) for slot in range(960)]
        )
    sum_days(place.engine, OSLO, NOW)
    assert sum_days(place.engine, ZoneInfo("Asia/Tokyo"), NOW) == 14
    with reading(place.engine) as connection:
        total, stored = (
            connection.execute(select(func.sum(column))).scalar_one()
            for column in (day_sum.c.value, measurement.c.value)
        )
    assert total == stored
    with place.engine.begin() as connection:
        measurements.remove_before(connection, NOW)
    with reading(place.engine) as connection:
        assert connection.execute(select(func.count()).select_from(day_sum)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(summed_day)).scalar_one() == 0
