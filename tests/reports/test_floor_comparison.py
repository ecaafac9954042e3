"""Two periods of the floor: zone by zone, way by way and cell by cell, each with the interval of its difference."""

from datetime import date, timedelta

from appliance.metrics.floor import DWELL_BINS, HEAT_GRID
from appliance.metrics.publishing import Published
from appliance.metrics.uncertainty import Noise
from appliance.reports.floor import Ways, read_stays, read_ways
from appliance.reports.floor_comparison import (
    StaysChange,
    compare_ways,
    has_changed,
    heat_change,
    read_heat_change,
    unequal_hours,
)
from appliance.reports.period import Period
from appliance.storage.database import reading
from tests.reports.conftest import Place, utc
from tests.reports.test_floor import stored

COLUMNS, ROWS = HEAT_GRID
NOW = utc(5, 12, 0)


def day(place: Place, number: int) -> Period:
    return Period(date(2026, 10, number), date(2026, 10, number), place.settings.site.zone)


def stays_change(place: Place, zone: str = "Till") -> StaysChange:
    with reading(place.engine) as connection:
        (now,), (before,) = (
            read_stays(connection, day(place, number), [("gate", zone)], "person", NOW, 5) for number in (2, 1)
        )
    return StaysChange(now, before)


def test_a_zones_visits_are_compared_bin_by_bin_and_as_a_whole(place: Place) -> None:
    stored(place, utc(1, 8, 0), "dwell", "Till", "30-60", 40.0)
    stored(place, utc(2, 8, 0), "dwell", "Till", "30-60", 90.0)
    stored(place, utc(2, 8, 0), "dwell", "Till", "120-300", 30.0)
    changed = stays_change(place)
    bins = dict(zip(DWELL_BINS, changed.bins, strict=True))
    assert bins["30-60"].difference == Published(50.0, Noise(18.0, 162.0))
    assert changed.whole.difference == Published(80.0, Noise(27.0, 243.0))
    assert changed.longer_than(120).difference == Published(30.0, Noise(9.0, 81.0))
    assert changed.whole.is_clear


def test_a_zone_that_is_new_is_not_compared(place: Place) -> None:
    stored(place, utc(2, 8, 0), "dwell", "Till", "30-60", 90.0)
    assert not stays_change(place).is_counted
    assert stays_change(place).whole.difference is None
    stored(place, utc(1, 8, 0), "dwell", "Till", "30-60", 0.0)
    assert stays_change(place).whole.difference is not None, "a stored zero is a measurement"


def test_what_is_withheld_on_one_day_is_compared_with_nothing(place: Place) -> None:
    exact = {"mode": "threshold", "epsilon": 0.0, "variance": 0.0}
    for name in DWELL_BINS:
        stored(place, utc(1, 8, 0), "dwell", "Till", name, 6.0, **exact)
        stored(place, utc(2, 8, 0), "dwell", "Till", name, 6.0 if name != "600+" else 1.0, **exact)
    changed = stays_change(place)
    assert changed.is_counted
    assert changed.whole.difference is None
    assert all(each.difference is None for each in changed.bins)


def test_ways_are_compared_where_both_zones_were_there(place: Place) -> None:
    zones = {"gate": ["Till", "Hall", "Bay"]}
    for start, value in ((utc(1, 8, 0), 4.0), (utc(2, 8, 0), 10.0)):
        stored(place, start, "flows", "Till>Hall", "", value)
    stored(place, utc(2, 8, 0), "flows", "Till>Bay", "", 7.0)
    with reading(place.engine) as connection:
        (now,), (before,) = (read_ways(connection, day(place, number), zones, NOW, 5) for number in (2, 1))
    assert isinstance(now, Ways)
    table = compare_ways(now, before)
    to_hall, to_bay = table[0][1], table[0][2]
    assert table[0][0] is None
    assert to_hall is not None
    assert to_hall.difference == Published(6.0, Noise(18.0, 162.0))
    assert to_bay is not None
    assert to_bay.difference is None, "the other day has no such zone"


def grid(value: float, variance: float = 9.0) -> tuple[tuple[Published, ...], ...]:
    cell = Published(value, Noise.of(variance))
    return tuple(tuple(cell for _ in range(COLUMNS)) for _ in range(ROWS))


def test_heat_that_stayed_the_same_has_not_changed_and_less_counts_as_much_as_more() -> None:
    assert not heat_change("gate", grid(500.0), grid(500.0)).is_known
    less = heat_change("gate", grid(100.0), grid(500.0))
    assert less.merged == 1
    assert all(has_changed(each) for row in less.rows for each in row)


def test_a_change_that_noise_would_hide_is_looked_for_in_larger_cells() -> None:
    changed = heat_change("gate", grid(570.0, 900.0), grid(500.0, 900.0))
    assert changed.merged == 2
    assert len(changed.rows) == ROWS // 2
    assert changed.rows[0][0].now.value == 4 * 570.0
    assert changed.rows[0][0].difference == Published(4 * 70.0, Noise(8 * 900.0, 8 * 900.0**2))


def test_heat_is_read_of_both_days(place: Place) -> None:
    stored(place, utc(1, 8, 0), "heat_seconds", "3,4", "", 900.0)
    stored(place, utc(2, 8, 0), "heat_seconds", "3,4", "", 300.0)
    with reading(place.engine) as connection:
        gate, yard = read_heat_change(connection, day(place, 2), day(place, 1), ["gate", "yard"], NOW, 5)
    assert gate.rows[4][3].difference == Published(-600.0, Noise(18.0, 162.0))
    assert (gate.is_counted, yard.is_counted) == (True, False)


def test_a_camera_that_watched_for_another_time_is_named(place: Place) -> None:
    about = {"kind": "", "mode": "off", "variance": 0.0, "epsilon": 0.0}
    for number in range(8):
        stored(place, utc(2, 8, 0) + timedelta(minutes=15 * number), "observed_seconds", "", "", 900.0, **about)
    for number in range(4):
        stored(place, utc(1, 8, 0) + timedelta(minutes=15 * number), "observed_seconds", "", "", 900.0, **about)
    with reading(place.engine) as connection:
        found = unequal_hours(connection, day(place, 2), day(place, 1), ["gate", "yard"], NOW, 5)
        same = unequal_hours(connection, day(place, 2), day(place, 2), ["gate"], NOW, 5)
    assert found == {"gate": (2.0, 1.0)}
    assert same == {}
