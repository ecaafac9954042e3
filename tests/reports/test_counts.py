"""Counts of a period: which bucket belongs to which day, and what is added up how."""

from datetime import date, datetime, timedelta
from typing import Any

from appliance.reports.counts import collect_counts
from appliance.reports.period import Period
from appliance.storage.cameras import Camera, list_cameras
from appliance.storage.database import reading
from tests.reports.conftest import DOOR, TILL, Place, utc

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
