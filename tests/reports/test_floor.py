"""Durations, ways and heat of a period: from days' sums and from buckets alike, and withheld where they are small."""

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from appliance.metrics.floor import DWELL_BINS, HEAT_CELLS
from appliance.metrics.publishing import Published
from appliance.metrics.uncertainty import Noise
from appliance.reports.daily import sum_days
from appliance.reports.floor import (
    Heat,
    Stays,
    TooLong,
    Ways,
    clearest,
    merge,
    read_heat,
    read_stays,
    read_ways,
    stands_out,
)
from appliance.reports.period import Period
from appliance.storage import measurements
from appliance.storage.database import reading
from appliance.storage.measurements import MeasurementRow
from tests.reports.conftest import Place, utc

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 3)
ZONES = {"gate": ["Till", "Hall"], "yard": ["Bay"]}


def stored(
    place: Place, start: datetime, measure: str, where: str, direction: str, value: float, **more: object
) -> None:
    fields = {"kind": "person", "mode": "differential", "epsilon": 2.0, "variance": 9.0} | more
    row = MeasurementRow(
        start,
        900,
        "gate",
        measure=measure,
        place=where,
        direction=direction,
        value=value,
        **fields,  # type: ignore[arg-type]
    )
    with place.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def asked(place: Place, read: Callable[..., list[object]], *what: object, last: date = LAST) -> list[object]:
    period = Period(FIRST, last, place.settings.site.zone)
    with reading(place.engine) as connection:
        return read(connection, period, *what, period.end + timedelta(hours=1), 5)


def stays(place: Place, kind: str = "person") -> Stays:
    (found,) = asked(place, read_stays, [("gate", "Till")], kind)
    assert isinstance(found, Stays)
    return found


def sum_up(place: Place) -> None:
    """All days but the last are over and added up."""
    sum_days(place.engine, place.settings.site.zone, utc(3, 12, 0))


@pytest.mark.parametrize("summed", [False, True])
def test_durations_are_added_up_over_days_and_buckets(place: Place, summed: bool) -> None:
    stored(place, utc(1, 8, 0), "dwell", "Till", "30-60", 4.0)
    stored(place, utc(1, 21, 45), "dwell", "Till", "30-60", -1.0)
    stored(place, utc(3, 8, 0), "dwell", "Till", "30-60", 5.0)
    stored(place, utc(3, 8, 0), "dwell", "Till", "600+", 2.0)
    stored(place, utc(3, 8, 0), "dwell", "Hall", "30-60", 70.0)
    stored(place, utc(3, 8, 0), "dwell", "Till", "60-120", 8.0, kind="vehicle")
    stored(place, utc(3, 22, 0), "dwell", "Till", "30-60", 900.0)
    if summed:
        sum_up(place)
    found = stays(place)
    assert found.bins[DWELL_BINS.index("30-60")] == Published(8.0, Noise(27.0, 243.0))
    assert found.whole.value == 10.0
    assert found.longer_than(120).value == 2.0
    assert stays(place, "vehicle").parked.value == 8.0
    assert len(found.bins) == len(DWELL_BINS)


def test_a_late_bucket_is_in_it_though_the_day_was_added_up(place: Place) -> None:
    stored(place, utc(1, 8, 0), "dwell", "Till", "30-60", 4.0)
    stored(place, utc(2, 8, 0), "dwell", "Till", "30-60", 1.0)
    sum_up(place)
    stored(place, utc(1, 8, 15), "dwell", "Till", "30-60", 3.0)
    assert stays(place).whole.value == 8.0


def test_the_middle_is_told_where_it_is_more_than_noise(place: Place) -> None:
    assert stays(place).median_bin is None
    stored(place, utc(1, 8, 0), "dwell", "Till", "0-5", 3.0, variance=400.0)
    assert stays(place).median_bin is None
    stored(place, utc(1, 8, 15), "dwell", "Till", "15-30", 400.0)
    stored(place, utc(1, 8, 15), "dwell", "Till", "30-60", 300.0)
    stored(place, utc(1, 8, 15), "dwell", "Till", "600+", -40.0)
    assert stays(place).median_bin == DWELL_BINS.index("15-30")


def test_small_durations_are_withheld_until_the_day_is_over(place: Place) -> None:
    exact = {"mode": "threshold", "epsilon": 0.0, "variance": 0.0}
    for name in DWELL_BINS:
        stored(place, utc(1, 8, 0), "dwell", "Till", name, 6.0, **exact)
        stored(place, utc(2, 8, 0), "dwell", "Till", name, 6.0 if name != "600+" else 1.0, **exact)
    found = stays(place)
    # The second day's smallest would follow from its sum: so of that day nothing is told.
    assert {each.value for each in found.bins} == {6.0}
    assert all(each.withheld for each in found.bins)
    assert found.median_bin is None
    period = Period(FIRST, FIRST, place.settings.site.zone)
    with reading(place.engine) as connection:
        (during,) = read_stays(connection, period, [("gate", "Till")], "person", utc(1, 20, 0), 5)
        (after,) = read_stays(connection, period, [("gate", "Till")], "person", period.end + timedelta(hours=1), 5)
    assert all(each == Published(withheld=True) for each in during.bins)
    assert all(each == Published(6.0) for each in after.bins)


@pytest.mark.parametrize("summed", [False, True])
def test_ways_are_between_a_cameras_own_zones(place: Place, summed: bool) -> None:
    stored(place, utc(1, 8, 0), "flows", "Till>Hall", "", 4.0)
    stored(place, utc(2, 8, 0), "flows", "Till>Hall", "", 5.0)
    stored(place, utc(2, 8, 0), "flows", "Gone>Hall", "", 5.0)
    if summed:
        sum_up(place)
    (found,) = asked(place, read_ways, ZONES)
    assert isinstance(found, Ways)
    assert (found.camera, found.zones) == ("gate", ("Till", "Hall"))
    numbers = [[each and each.value for each in row] for row in found.numbers]
    assert numbers == [[None, 9.0], [0.0, None]]


def cell(value: float, variance: float = 1.0) -> Published:
    return Published(value, Noise.of(variance))


def grid(value: float, variance: float) -> list[list[Published]]:
    return [[cell(value, variance) for _ in range(16)] for _ in range(12)]


@pytest.mark.parametrize(("variance", "merged"), [(1.0, 1), (2000.0, 2), (8000.0, 4), (1e9, 4)])
def test_the_heat_map_is_as_fine_as_the_noise_allows(variance: float, merged: int) -> None:
    found = clearest("gate", grid(100.0, variance))
    assert found.merged == merged
    assert len(found.rows) == 12 // merged
    assert sum(each.value for row in found.rows for each in row) == 100.0 * 16 * 12
    assert found.is_known == (variance < 1e9)


def test_noise_alone_seldom_makes_a_cell() -> None:
    chance, variance = random.Random(3), 900.0  # noqa: S311 - no secret
    cells = [cell(chance.gauss(0.0, variance**0.5), variance) for _ in range(192 * 20)]
    assert sum(map(stands_out, cells)) < 20, "less than one in each map"
    assert stands_out(cell(100.0, variance))


def test_merged_cells_are_those_that_lie_together() -> None:
    numbers = [[cell(16 * row + column) for column in range(16)] for row in range(12)]
    assert merge(numbers, 2)[1][0].value == 32 + 33 + 48 + 49
    assert merge(numbers, 2)[1][0].noise == Noise(4.0, 4.0)


def test_heat_is_read_of_the_cameras_that_are_asked_for(place: Place) -> None:
    stored(place, utc(1, 8, 0), "heat_seconds", "15,11", "", 500.0)
    sum_up(place)
    stored(place, utc(3, 8, 0), "heat_seconds", "15,11", "", 100.0)
    (found, other) = asked(place, read_heat, ["gate", "yard"])
    assert isinstance(found, Heat)
    assert isinstance(other, Heat)
    assert found.rows[-1][-1].value == 600.0
    assert sum(len(row) for row in found.rows) == len(HEAT_CELLS)
    assert not other.is_known


def test_where_small_numbers_are_withheld_there_is_no_heat_map(place: Place) -> None:
    stored(place, utc(1, 8, 0), "heat_seconds", "3,4", "", 5000.0, mode="threshold", epsilon=0.0, variance=0.0)
    (found,) = asked(place, read_heat, ["gate"])
    assert isinstance(found, Heat)
    assert not found.is_known


def test_no_more_days_are_read_than_a_page_can_wait_for(place: Place) -> None:
    with pytest.raises(TooLong, match="choose 31 at most"):
        asked(place, read_heat, ["gate"], last=date(2026, 11, 30))
    with pytest.raises(TooLong, match="choose 400 at most"):
        asked(place, read_stays, [], "person", last=date(2028, 11, 30))
