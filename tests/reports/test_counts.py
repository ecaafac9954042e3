"""Counts of a period: which bucket belongs to which day, and what is added up how."""

from datetime import date, datetime, timedelta
from typing import Any

from appliance.metrics.floor import DWELL_BINS, labelled
from appliance.metrics.measures import LABELS_OF_WAYS
from appliance.reports.counts import collect_counts
from appliance.reports.period import Period
from appliance.reports.sums import read_sums
from appliance.storage import measurements
from appliance.storage.cameras import Camera, ZoneSetting, list_cameras
from appliance.storage.database import reading
from appliance.storage.measurements import MeasurementRow
from tests.reports.conftest import DOOR, TILL, Place, utc

LABELLED = [name for names in LABELS_OF_WAYS.values() for name in names]
HALL = ZoneSetting("Hall", TILL.points)
OBSERVED = ("observed_seconds", "", "", "", 900.0)


def crossing(way: str, value: float, line: str = "Door", kind: str = "person") -> tuple[str, str, str, str, float]:
    return ("crossings", line, kind, way, value)


def counts(place: Place, first: date, last: date, now: datetime | None = None) -> dict[str, Any]:
    with reading(place.engine) as connection:
        period = Period(first, last, place.settings.site.zone)
        return collect_counts(connection, period, list_cameras(connection), now or period.end + timedelta(hours=1), 5)


def test_a_bucket_belongs_to_the_day_at_the_site(place: Place) -> None:
    place.counted(utc(1, 21, 45), "gate", OBSERVED, crossing("in", 3.0))
    place.counted(utc(1, 22, 0), "gate", OBSERVED, crossing("in", 5.0))
    found = counts(place, date(2026, 10, 1), date(2026, 10, 2))
    (camera,) = found["cameras"]
    assert [(row["label"], row["lines"][0]["in"]) for row in camera["rows"]] == [("2026-10-01", 3), ("2026-10-02", 5)]
    assert camera["lines"] == [{"line": "Door", "kind": "person", "in": 8, "out": 0, "together": 8}]
    assert camera["observed_hours"] == 0.5


def test_hours_in_which_a_camera_did_not_see_are_told(place: Place) -> None:
    place.counted(utc(1, 8, 0), "gate", OBSERVED, ("unreliable_seconds", "", "", "", 0.0))
    place.counted(utc(1, 8, 15), "gate", OBSERVED, ("unreliable_seconds", "", "", "", 720.0))
    (camera,) = counts(place, date(2026, 10, 1), date(2026, 10, 1))["cameras"]
    assert (camera["observed_hours"], camera["unreliable_hours"]) == (0.5, 0.2)


def test_buckets_outside_the_period_are_not_counted(place: Place) -> None:
    place.counted(utc(1, 21, 45), "gate", OBSERVED, crossing("in", 3.0))
    place.counted(utc(2, 22, 0), "gate", OBSERVED, crossing("in", 5.0))
    assert counts(place, date(2026, 10, 2), date(2026, 10, 2))["cameras"] == []


def test_one_day_is_told_by_the_hour_and_a_year_by_the_month(place: Place) -> None:
    place.counted(utc(5, 8, 15), "gate", OBSERVED, crossing("out", 2.0))
    day = counts(place, date(2026, 10, 5), date(2026, 10, 5))
    assert day["unit"] == "hour"
    assert [row["label"] for row in day["cameras"][0]["rows"] if row["lines"][0]["out"]] == ["10:00"]
    year = counts(place, date(2025, 11, 1), date(2026, 10, 31))
    assert year["unit"] == "month"
    assert [row["label"] for row in year["cameras"][0]["rows"] if row["lines"][0]["out"]] == ["2026-10"]


def test_a_configured_camera_without_counts_says_zero(place: Place) -> None:
    place.add_camera(Camera("gate", "rtsp://x/", lines=(DOOR,), zones=(TILL,)), utc(1))
    (camera,) = counts(place, date(2026, 10, 1), date(2026, 10, 1))["cameras"]
    assert camera["observed_hours"] == 0
    assert camera["lines"] == [{"line": "Door", "kind": "person", "in": 0, "out": 0, "together": 0}]
    (zone,) = camera["zones"]
    assert zone["visits"] == 0
    assert zone["mean_occupancy"] is None, "nothing was observed, so there is no mean"


def test_mean_occupancy_is_over_the_time_that_the_zone_was_observed(place: Place) -> None:
    zone = [("occupancy_seconds", "Till", "person", "", 450.0), ("occupancy_maximum", "Till", "person", "", 4.0)]
    place.counted(utc(1, 8, 0), "gate", OBSERVED)
    place.counted(utc(1, 8, 15), "gate", OBSERVED, *zone, ("visits", "Till", "person", "", 2.0))
    place.counted(utc(2, 8, 15), "gate", OBSERVED, *zone[:1], ("occupancy_maximum", "Till", "person", "", 7.0))
    (camera,) = counts(place, date(2026, 10, 1), date(2026, 10, 2))["cameras"]
    assert camera["zones"] == [
        {"zone": "Till", "kind": "person", "visits": 2, "mean_occupancy": 0.5, "maximum_occupancy": 7}
    ]


def test_persons_and_vehicles_are_told_apart(place: Place) -> None:
    place.counted(utc(1), "gate", OBSERVED, crossing("in", 4.0), crossing("in", 1.0, kind="vehicle"))
    (camera,) = counts(place, date(2026, 10, 1), date(2026, 10, 1))["cameras"]
    assert [(line["kind"], line["in"]) for line in camera["lines"]] == [("person", 4), ("vehicle", 1)]


def exact(place: Place, hours: list[float], *more: tuple[str, str, str, str, float], day: int = 5) -> None:
    """Crossings of the hours of a day, from midnight at the site, stored exact in the mode `threshold`."""
    with place.engine.begin() as connection:
        for hour, value in enumerate(hours):
            start = utc(day - 1, 22) + timedelta(hours=hour)
            values = [OBSERVED, crossing("in", value), *(each for each in more if hour == 2)]
            rows = [MeasurementRow(start, 900, "gate", *each, "threshold") for each in values]
            measurements.add_bucket(connection, rows)


DAY = date(2026, 10, 5)


def test_small_hours_are_withheld_in_every_report_alike(place: Place) -> None:
    exact(place, [0, 3, 12, 40])
    of_day = counts(place, DAY, DAY)
    rows = [row["lines"][0] for row in of_day["cameras"][0]["rows"]]
    assert [(row["in"], row.get("in_withheld", False)) for row in rows[:5]] == [
        (0, True),
        (0, True),
        (12, False),
        (40, False),
        (0, False),
    ]
    assert of_day["persons"]["in"] == 52
    assert of_day["persons"]["in_withheld"]
    of_week = counts(place, date(2026, 10, 1), date(2026, 10, 7))
    (row,) = (each for each in of_week["cameras"][0]["rows"] if each["label"] == "2026-10-05")
    assert (row["lines"][0]["in"], row["lines"][0]["in_withheld"]) == (52, True)
    of_year = counts(place, date(2026, 1, 1), date(2026, 10, 31))
    assert (of_year["persons"]["in"], of_year["persons"]["in_withheld"]) == (52, True)
    assert of_year["cameras"][0]["observed_hours"] == 1.0


def test_a_day_that_is_not_over_shows_its_whole_hours_alone(place: Place) -> None:
    exact(place, [2, 1, 4, 40, 50])
    after, during = counts(place, DAY, DAY), counts(place, DAY, DAY, now=utc(5, 2, 30))
    assert after["persons"] == {"in": 97, "out": 0}
    assert during["persons"] == {"in": 40, "in_withheld": True, "out": 0}
    rows = during["cameras"][0]["rows"]
    assert [row["lines"][0].get("in_withheld", False) for row in rows[:5]] == [True, True, True, False, True]


def test_times_and_maxima_are_told_of_zones_whose_visits_are(place: Place) -> None:
    zone = [("occupancy_seconds", "Till", "person", "", 450.0), ("occupancy_maximum", "Till", "person", "", 6.0)]
    exact(place, [9, 9, 9], *zone, ("visits", "Till", "person", "", 7.0))
    exact(place, [9, 9, 9], *zone, ("visits", "Till", "person", "", 4.0), day=6)
    (shown,) = counts(place, DAY, DAY)["cameras"][0]["zones"]
    assert (shown["visits"], shown["mean_occupancy"], shown["maximum_occupancy"]) == (7, 0.5, 6)
    (withheld,) = counts(place, date(2026, 10, 6), date(2026, 10, 6))["cameras"][0]["zones"]
    assert (withheld["visits"], withheld["mean_occupancy"], withheld["maximum_occupancy"]) == (0, None, None)
    (both,) = counts(place, DAY, date(2026, 10, 6))["cameras"][0]["zones"]
    assert (both["visits"], both["visits_withheld"], both["mean_occupancy"]) == (7, True, 0.5)


def test_noisy_sums_have_their_margin_and_may_be_negative(place: Place) -> None:
    with place.engine.begin() as connection:
        for hour, value in enumerate((-7.0, 4.0)):
            row = MeasurementRow(utc(5, 8 + hour), 900, "gate", *crossing("in", value), "differential", 2.0, 9.0)
            measurements.add_bucket(connection, [row])
    found = counts(place, DAY, DAY)["cameras"][0]["lines"][0]
    assert (found["in"], found["in_margin"]) == (-3, 9)
    assert found["out"] == 0


def test_modes_that_were_mixed_in_one_bucket_are_added_up(place: Place) -> None:
    for mode, value, variance in (("off", 10.0, 0.0), ("differential", 6.0, 9.0), ("threshold", 20.0, 0.0)):
        with place.engine.begin() as connection:
            row = MeasurementRow(utc(5, 8), 900, "gate", *crossing("in", value), mode, 0.0, variance)
            measurements.add_bucket(connection, [row])
    assert counts(place, DAY, DAY)["persons"] == {"in": 36, "in_margin": 7, "out": 0}


def bins(place: Place, day: int, **counts_by_bin: float) -> dict[str, tuple[float, bool]]:
    """A day's histogram of how long visits lasted, stored exact: what may be shown of it."""
    exact(
        place, [0, 0, 0], *(("dwell", "Till", "person", name, value) for name, value in counts_by_bin.items()), day=day
    )
    period = Period(date(2026, 10, day), date(2026, 10, day), place.settings.site.zone)
    with reading(place.engine) as connection:
        _, whole = read_sums(connection, period, period.intervals(), period.end + timedelta(hours=1), 5)
    return {key[4]: (number.value, number.withheld) for key, number in whole.numbers.items() if key[1] == "dwell"}


def test_a_histogram_is_withheld_where_its_sum_would_give_a_small_bin_away(place: Place) -> None:
    told = bins(place, 5, **{"0-5": 2.0, "5-15": 3.0, "15-30": 30.0, "30-60": 40.0})
    assert (told["15-30"], told["30-60"]) == ((30.0, False), (40.0, False))
    assert {told[name] for name in told if name not in ("15-30", "30-60")} == {(0.0, True)}
    hidden = bins(place, 6, **{"0-5": 2.0, "15-30": 30.0, "30-60": 40.0})
    assert set(hidden.values()) == {(0.0, True)}, "the visits are published, and two of them would be left"


def by_label(place: Place, day: int, hours: list[float], **counts_by_label: float) -> dict[str, tuple[float, bool]]:
    """A day's vehicles that went in, by the hour and by label, stored exact: what may be shown of them by label."""
    vehicles = [crossing("in", value, kind="vehicle") for value in hours]
    labels = [
        ("crossings_by_label", vehicles[0][1], "vehicle", labelled(name, "in"), value)
        for name, value in counts_by_label.items()
    ]
    with place.engine.begin() as connection:
        for hour, value in enumerate(vehicles):
            rows = [OBSERVED, value, *(labels if hour == 0 else ())]
            start = utc(day - 1, 22) + timedelta(hours=hour)
            measurements.add_bucket(
                connection, [MeasurementRow(start, 900, "gate", *each, "threshold") for each in rows]
            )
    period = Period(date(2026, 10, day), date(2026, 10, day), place.settings.site.zone)
    with reading(place.engine) as connection:
        of_hours, whole = read_sums(connection, period, period.intervals(), period.end + timedelta(hours=1), 5)
    assert not any(key[1] == "crossings_by_label" for sums in of_hours for key in sums.numbers)
    return {
        key[4].removesuffix("-in"): (number.value, number.withheld)
        for key, number in whole.numbers.items()
        if key[1] == "crossings_by_label" and key[4].endswith("-in")
    }


def test_labels_are_withheld_where_their_kinds_total_would_give_a_small_one_away(place: Place) -> None:
    withheld = (0.0, True)
    # The 75 are shown: three buses would be what is left of them.
    told = by_label(place, 5, [25, 25, 25], car=50.0, truck=13.0, bus=3.0, motorcycle=9.0)
    assert told == {"car": (50.0, False), "truck": (13.0, False), "bus": withheld, "motorcycle": withheld}
    # Of two that add up to five one may be none.
    told = by_label(place, 6, [25, 25, 25], car=50.0, truck=20.0, bus=0.0, motorcycle=5.0)
    assert set(told.values()) == {withheld}


def test_labels_do_not_give_the_total_of_their_kind_away(place: Place) -> None:
    """All labels are large enough. With their sum, the one small hour would be what is left of it."""
    told = by_label(place, 5, [40, 2, 30], car=20.0, truck=20.0, bus=20.0, motorcycle=12.0)
    assert set(told.values()) == {(0.0, True)}
    told = by_label(place, 6, [40, 20, 12], car=20.0, truck=20.0, bus=20.0, motorcycle=12.0)
    assert set(told.values()) == {(20.0, False), (12.0, False)}


def test_durations_do_not_give_the_number_of_visits_away(place: Place) -> None:
    """All visits of the day have ended: the bins together would tell how many came, and so the one small hour."""
    full = dict.fromkeys(DWELL_BINS, 6.0)
    told = bins(place, 5, **full)
    assert set(told.values()) == {(6.0, False)}
    with place.engine.begin() as connection:
        for hour, value in enumerate((40.0, 2.0, 6.0)):
            start = utc(5, 22) + timedelta(hours=hour)
            row = MeasurementRow(start, 900, "gate", "visits", "Till", "person", "", value, "threshold")
            measurements.add_bucket(connection, [row])
    told = bins(place, 6, **full)
    assert set(told.values()) == {(0.0, True)}


def test_vehicles_are_told_by_label_each_with_its_error(place: Place) -> None:
    labels = [("crossings_by_label", "Door", "vehicle", name, 3.0) for name in LABELLED]
    with place.engine.begin() as connection:
        rows = [
            MeasurementRow(utc(5, 8), 900, "gate", *each, "differential", 2.0, 9.0)
            for each in (OBSERVED, crossing("in", 9.0, kind="vehicle"), *labels)
        ]
        measurements.add_bucket(connection, rows)
    (camera,) = counts(place, DAY, DAY)["cameras"]
    assert [(row["line"], row["label"], row["in"], row["out"], row["together"]) for row in camera["labels"]] == [
        ("Door", name, 3, 3, 6) for name in ("car", "motorcycle", "bus", "truck")
    ]
    assert all(row["in_margin"] > 0 and row["together_margin"] > row["in_margin"] for row in camera["labels"])
    assert not any("crossings_by_label" in str(each) for each in camera["lines"])


def test_ways_and_the_heat_map_are_no_zones(place: Place) -> None:
    place.counted(
        utc(1, 8, 0),
        "gate",
        OBSERVED,
        ("visits", "Till", "person", "", 2.0),
        ("flows", "Till>Hall", "person", "", 1.0),
        ("heat_seconds", "3,4", "person", "", 9.0),
    )
    (camera,) = counts(place, date(2026, 10, 1), date(2026, 10, 1))["cameras"]
    assert [each["zone"] for each in camera["zones"]] == ["Till"]


def test_durations_ways_and_heat_are_told_where_they_were_counted(place: Place) -> None:
    place.add_camera(Camera("gate", "rtsp://x/", lines=(DOOR,), zones=(TILL, HALL), heat_map=True), utc(1))
    place.add_camera(Camera("yard", "rtsp://y/", lines=(DOOR,)), utc(1))
    place.counted(
        utc(1, 8, 0),
        "gate",
        OBSERVED,
        *(("dwell", zone, "person", name, 0.0) for zone in ("Till", "Hall") for name in DWELL_BINS[1:]),
        ("dwell", "Till", "person", "0-5", 6.0),
        ("dwell", "Hall", "person", "0-5", 0.0),
        ("flows", "Hall>Till", "person", "", 4.0),
        ("flows", "Till>Hall", "person", "", 0.0),
        ("heat_seconds", "15,11", "person", "", 90.0),
    )
    place.counted(utc(1, 8, 0), "yard", OBSERVED, crossing("in", 1.0))
    gate, yard = counts(place, date(2026, 10, 1), date(2026, 10, 1))["cameras"]
    assert [(each["zone"], each["usual"]) for each in gate["stays"]] == [("Hall", None), ("Till", "0-5")]
    assert gate["stays"][1]["bins"][0] == {"seconds": "0-5", "visits": 6}
    assert gate["ways"] == [
        {"from": "Hall", "to": "Till", "shade": 5, "people": 4},
        {"from": "Till", "to": "Hall", "shade": 0, "people": 0},
    ]
    assert (gate["heat"]["columns"], gate["heat"]["rows"], gate["heat"]["margin"]) == (16, 12, 0)
    assert gate["heat"]["seconds"] == [*([0] * 191), 90]
    assert gate["heat"]["shades"] == [*([0] * 191), 5]
    assert (yard["stays"], yard["ways"], yard["heat"]) == ([], [], None)
