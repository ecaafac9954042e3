"""Stored counts: two parts of a bucket make the whole, and what is read is what was stored."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from appliance.storage import measurements
from appliance.storage.database import reading
from appliance.storage.measurements import MeasurementRow, add_bucket, count_buckets, read, read_hours, remove_before
from appliance.storage.site import Site
from appliance.storage.tables import series
from tests.storage.summed import check_sums

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def row(value: float, **changes: object) -> MeasurementRow:
    values: dict[str, object] = {
        "bucket_start": START,
        "bucket_seconds": 900,
        "camera": "door",
        "measure": "crossings",
        "place": "entrance",
        "kind": "person",
        "direction": "in",
    }
    return MeasurementRow(**(values | changes), value=value)  # type: ignore[arg-type]


def store(site: Site, *rows: MeasurementRow) -> None:
    with site.engine.begin() as connection:
        add_bucket(connection, rows)


def stored(site: Site, *choice: object, **named: object) -> list[MeasurementRow]:
    with reading(site.engine) as connection:
        return read(connection, *choice, **named)  # type: ignore[arg-type]


def test_a_bucket_comes_back_as_it_was_stored(site: Site) -> None:
    rows = [row(3.0), row(2.0, direction="out"), row(12.5, measure="occupancy_seconds", place="zone", direction="")]
    store(site, *rows)
    assert sorted(stored(site), key=str) == sorted(rows, key=str)


def test_two_parts_of_a_bucket_add_up_and_maxima_do_not(site: Site) -> None:
    for crossings, most in ((3.0, 5.0), (4.0, 2.0)):
        store(site, row(crossings), row(most, measure="occupancy_maximum", direction=""))
    assert {each.measure: each.value for each in stored(site)} == {"crossings": 7.0, "occupancy_maximum": 5.0}


def test_a_measure_whose_name_only_looks_like_a_maximum_adds_up(site: Site) -> None:
    for _ in range(2):
        store(site, row(2.0, measure="visitsXmaximum"))
    assert [each.value for each in stored(site)] == [4.0]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6))
def test_the_order_of_the_parts_does_not_matter(site: Site, parts: list[tuple[int, int]]) -> None:
    for camera, order in (("one", parts), ("two", parts[::-1])):
        for count, most in order:
            store(site, row(count, camera=camera), row(most, camera=camera, measure="occupancy_maximum"))
    try:
        for camera in ("one", "two"):
            values = {each.measure: each.value for each in stored(site, camera=camera)}
            assert values == {
                "crossings": sum(count for count, _ in parts),
                "occupancy_maximum": max(most for _, most in parts),
            }
    finally:
        with site.engine.begin() as connection:
            remove_before(connection, START + QUARTER)


def test_a_part_whose_transaction_failed_is_not_added(site: Site) -> None:
    store(site, row(3.0))
    with site.engine.connect() as connection, connection.begin() as transaction:
        add_bucket(connection, [row(4.0)])
        transaction.rollback()
    assert [each.value for each in stored(site)] == [3.0]


def test_an_empty_bucket_stores_nothing(site: Site) -> None:
    store(site)
    assert stored(site) == []


def test_rows_are_chosen_by_time_camera_and_measure(site: Site) -> None:
    store(site, row(1.0), row(2.0, bucket_start=START + QUARTER), row(4.0, camera="hall"), row(8.0, measure="visits"))
    assert [each.value for each in stored(site, START, START + QUARTER, "door", ["crossings"])] == [1.0]
    assert sum(each.value for each in stored(site, START, START + QUARTER)) == 13.0
    assert sum(each.value for each in stored(site, START + QUARTER)) == 2.0
    assert [each.value for each in stored(site, measures=["visits"])] == [8.0]
    assert stored(site, START + 2 * QUARTER, START + 3 * QUARTER) == []


def test_times_come_back_in_utc(site: Site) -> None:
    local = START.astimezone()
    store(site, row(1.0, bucket_start=local))
    (found,) = stored(site)
    assert found.bucket_start == START
    assert found.bucket_start.tzinfo is UTC


def test_old_buckets_go_and_the_rest_stays(site: Site) -> None:
    store(site, row(1.0), row(2.0, bucket_start=START + QUARTER))
    with site.engine.begin() as connection:
        assert measurements.remove_before(connection, START + QUARTER) == 1
        assert count_buckets(connection) == 1
    assert [each.value for each in stored(site)] == [2.0]


def test_of_much_that_is_old_the_oldest_goes_first_and_the_rest_later(site: Site) -> None:
    begins = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 11)]
    with site.engine.begin() as connection:
        for begin in begins:
            rows = [MeasurementRow(begin, 900, f"camera {n}", "visits", "till", "person", "", 1.0) for n in range(3)]
            add_bucket(connection, rows)
        removed = []
        while some := remove_before(connection, begins[8], most=5):
            removed.append(some)
            assert [row.bucket_start for row in read(connection)] == sorted(begins[sum(removed) // 3 :] * 3)
        assert sum(removed) == 24
        assert len(removed) > 4
        assert remove_before(connection, begins[9], most=1) == 3


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 20),
            st.sampled_from(["crossings", "occupancy_maximum"]),
            st.floats(-9, 99),
            st.sampled_from(["off", "differential", "threshold"]),
        ),
        max_size=12,
    ),
    st.integers(0, 20),
    st.sampled_from([0, 1, 2]),
)
def test_hours_hold_what_their_buckets_hold(
    site: Site, numbers: list[tuple[int, str, float, str]], fine: int, offset: int
) -> None:
    start = START + offset * QUARTER
    end = start + 21 * QUARTER
    with site.engine.connect() as connection, connection.begin() as transaction:
        rows = [
            row(value, bucket_start=start + slot * QUARTER, measure=measure, mode=mode, variance=2.0)
            for slot, measure, value, mode in numbers
        ]
        add_bucket(connection, rows)
        stored = read(connection)
        moment = start + fine * QUARTER
        hours = read_hours(connection, start, end, ("crossings", "occupancy_maximum"), ("person",), (moment,))
        transaction.rollback()
    for hour in hours:
        assert (hour.start - start) % (QUARTER if hour.seconds == 900 else 4 * QUARTER) == timedelta()
        within = [
            each
            for each in stored
            if (each.measure, each.mode) == (hour.measure, hour.mode)
            and hour.start <= each.bucket_start < hour.start + timedelta(seconds=hour.seconds)
        ]
        values = [each.value for each in within]
        assert hour.value == pytest.approx(max(values) if hour.measure == "occupancy_maximum" else sum(values))
        assert hour.squares == pytest.approx(sum(each.variance**2 for each in within))
    crossings = [each.value for each in stored if each.measure == "crossings"]
    assert sum(hour.value for hour in hours if hour.measure == "crossings") == pytest.approx(sum(crossings))
    cut = [hour for hour in hours if hour.start <= moment < hour.start + timedelta(seconds=hour.seconds)]
    assert all(hour.start == moment for hour in cut)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(
        st.tuples(
            st.integers(0, 20),
            st.sampled_from(["crossings", "occupancy_maximum", "occupancy_seconds", "observed_seconds", "dwell"]),
            st.sampled_from(["door", "hall"]),
            st.integers(-9, 900),
            st.sampled_from(["off", "differential", "threshold"]),
            st.sampled_from([300, 900]),
        ),
        max_size=16,
    ),
    removed=st.integers(0, 21),
)
def test_the_sums_of_hours_are_always_those_of_the_buckets(
    site: Site, numbers: list[tuple[int, str, str, int, str, int]], removed: int
) -> None:
    with site.engine.connect() as connection, connection.begin() as transaction:
        for slot, measure, camera, value, mode, seconds in numbers:
            changes = {"camera": camera, "measure": measure, "mode": mode, "bucket_seconds": seconds}
            add_bucket(connection, [row(value, bucket_start=START + slot * QUARTER, variance=1.5, **changes)])
            check_sums(connection)
        remove_before(connection, START + removed * QUARTER)
        check_sums(connection)
        names = set(connection.execute(select(series.c.camera)).scalars())
        assert names == {row.camera for row in read(connection)}
        transaction.rollback()
