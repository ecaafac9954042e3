"""How a camera spent its time: measured first, then by what the log says; what neither tells of is not known."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audit.log import Event, append
from appliance.reports.camera_times import CameraTime, add_up, cut_days, last_hours, read_times
from appliance.storage import measurements
from appliance.storage.database import reading
from appliance.storage.measurements import HourRow, MeasurementRow
from tests.reports.conftest import Place, utc

HOUR = timedelta(hours=1)
START = utc(1, 8, 0)
SPANS = [(START + HOUR * number, START + HOUR * (number + 1)) for number in range(4)]


def watched(place: Place, minutes: int, seconds: float = 900.0, unreliable: float = 0.0, mode: str = "off") -> None:
    start = START + timedelta(minutes=minutes)
    rows = [
        MeasurementRow(start, 900, "gate", name, "", "", "", value, mode)
        for name, value in (("observed_seconds", seconds), ("unreliable_seconds", unreliable))
    ]
    with place.engine.begin() as connection:
        measurements.add_bucket(connection, rows)


def said(place: Place, minutes: int, action: str, subject: str = "gate", **details: str) -> None:
    with place.engine.begin() as connection:
        append(connection, Event("engine", action, subject, details=details), START + timedelta(minutes=minutes))  # type: ignore[arg-type]


def read(place: Place) -> list[CameraTime]:
    with reading(place.engine) as connection:
        return read_times(connection, "gate", SPANS)


@pytest.mark.parametrize("mode", ["off", "differential", "threshold"])
def test_what_was_watched_is_told_in_every_mode(place: Place, mode: str) -> None:
    watched(place, 0, mode=mode)
    watched(place, 15, unreliable=300.0, mode=mode)
    first, second, *_ = read(place)
    assert (first.streaming, first.unreliable, first.unknown) == (1500.0, 300.0, 1800.0)
    assert (second.streaming, second.unknown) == (0.0, 3600.0)


def test_a_lost_camera_is_away_until_its_pictures_come_again(place: Place) -> None:
    watched(place, 0, 600.0)
    said(place, 10, "camera-state", state="failed")
    said(place, 20, "camera-state", subject="yard", state="streaming")
    said(place, 95, "camera-state", state="streaming")
    first, second, third, _ = read(place)
    assert (first.streaming, first.away) == (600.0, 3000.0)
    assert (second.away, second.stopped) == (2100.0, 0.0)
    assert third.away == 0.0


def test_what_the_log_said_before_the_time_still_holds(place: Place) -> None:
    said(place, -600, "camera-state", state="disabled")
    assert [each.stopped for each in read(place)] == [3600.0] * 4
    said(place, 90, "camera-state", state="streaming")
    assert [each.stopped for each in read(place)] == [3600.0, 1800.0, 0.0, 0.0]


def test_a_stopped_program_is_not_a_lost_camera_and_a_start_says_nothing_yet(place: Place) -> None:
    said(place, -30, "camera-state", state="stalled")
    said(place, 30, "stopped", "engine")
    said(place, 45, "started", "web")
    said(place, 60, "started", "engine")
    first, second, *_ = read(place)
    assert (first.away, first.stopped) == (1800.0, 1800.0)
    assert (second.away, second.stopped, second.unknown) == (0.0, 0.0, 3600.0)


def test_a_removed_camera_is_off_until_it_is_added_again(place: Place) -> None:
    said(place, 0, "camera-removed")
    said(place, 90, "camera-added")
    assert [each.stopped for each in read(place)] == [3600.0, 1800.0, 0.0, 0.0]


moments = st.integers(-120, 300).map(lambda minutes: START + timedelta(minutes=minutes))
buckets = st.builds(
    lambda quarter, measure, value: HourRow(
        START + timedelta(minutes=15 * quarter), 900, "gate", measure, "", "", "", "off", value, 0.0, 0.0
    ),
    st.integers(0, 15),
    st.sampled_from(["observed_seconds", "unreliable_seconds"]),
    st.floats(0.0, 2000.0),
)
reasons = st.tuples(
    st.sampled_from(["away", "stopped"]), st.tuples(moments, moments).map(lambda each: (min(each), max(each)))
)


@given(rows=st.lists(buckets, max_size=20), why=st.lists(reasons, max_size=8))
def test_the_parts_never_exceed_the_time(rows: list[HourRow], why: list[tuple[str, tuple[object, object]]]) -> None:
    for span in SPANS:
        found = add_up(span, rows, why)  # type: ignore[arg-type]
        parts = (found.streaming, found.unreliable, found.away, found.stopped, found.unknown)
        assert all(0.0 <= each <= found.seconds for each in parts)
        assert sum(parts) == pytest.approx(found.seconds)


def test_the_time_ends_with_the_last_whole_quarter() -> None:
    now = utc(1, 12, 38)
    hours = last_hours(now, 3)
    assert hours == [(utc(1, 10, 0), utc(1, 11, 0)), (utc(1, 11, 0), utc(1, 12, 0)), (utc(1, 12, 0), utc(1, 12, 30))]
    assert last_hours(utc(1, 12, 3), 2) == [(utc(1, 10, 0), utc(1, 11, 0)), (utc(1, 11, 0), utc(1, 12, 0))]
    days = [(utc(1, 0, 0), utc(2, 0, 0)), (utc(2, 0, 0), utc(3, 0, 0))]
    assert cut_days(days, utc(1, 0, 5)) == []
    assert cut_days(days, utc(2, 6, 50)) == [days[0], (utc(2, 0, 0), utc(2, 6, 45))]
