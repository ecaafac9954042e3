"""The counts of a period, from the stored buckets."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from appliance.reports.period import Interval, Period
from appliance.storage.cameras import Camera
from appliance.storage.tables import measurement

Key = tuple[str, str, str, str, str]
"""Camera, measure, place, kind, direction."""
Sums = Mapping[Key, float]

KINDS = ("person", "vehicle")
# Whole numbers of seconds and crossings survive; what is cut is the noise of adding up fractions.
DECIMALS = 4


def collect_counts(connection: Connection, period: Period, cameras: Iterable[Camera]) -> dict[str, Any]:
    """Counts for each camera that is configured or was counted: totals, and rows by hour, day or month.

    A bucket belongs to the interval that it begins in. JSON-able; equal data give equal results.
    """
    lengths = select(measurement.c.bucket_seconds).where(*_within(period.start, period.end)).distinct()
    intervals = [(interval, _sums(connection, interval.start, interval.end)) for interval in period.intervals()]
    places = _places(cameras, [sums for _, sums in intervals])
    shares = _zone_seconds(connection, period)
    return {
        "unit": period.unit,
        "bucket_minutes": [seconds // 60 for seconds in sorted(connection.execute(lengths).scalars())],
        "cameras": [_camera(name, places[name], intervals, shares) for name in sorted(places)],
    }


def _within(start: datetime, end: datetime) -> tuple[Any, ...]:
    return measurement.c.bucket_start >= start, measurement.c.bucket_start < end


def _sums(connection: Connection, start: datetime, end: datetime) -> Sums:
    """All measures added up over [start, end); those named `*_maximum` by their maximum."""
    columns = (
        measurement.c.camera,
        measurement.c.measure,
        measurement.c.place,
        measurement.c.kind,
        measurement.c.direction,
    )
    query = select(*columns, func.sum(measurement.c.value), func.max(measurement.c.value))
    rows = connection.execute(query.where(*_within(start, end)).group_by(*columns))
    return {
        (camera, measure, place, kind, direction): largest if measure.endswith("_maximum") else total
        for camera, measure, place, kind, direction, total, largest in rows
    }


def _zone_seconds(connection: Connection, period: Period) -> Mapping[tuple[str, str, str], float]:
    """For how long each camera's zone and kind was observed: a zone may be younger than its camera."""
    zone, whole = measurement.alias("zone"), measurement.alias("whole")
    same = (
        (whole.c.camera == zone.c.camera)
        & (whole.c.bucket_start == zone.c.bucket_start)
        & (whole.c.bucket_seconds == zone.c.bucket_seconds)
        & (whole.c.measure == "observed_seconds")
    )
    columns = (zone.c.camera, zone.c.place, zone.c.kind)
    query = select(*columns, func.sum(whole.c.value)).select_from(zone.join(whole, same))
    query = query.where(
        zone.c.measure == "occupancy_seconds", zone.c.bucket_start >= period.start, zone.c.bucket_start < period.end
    )
    return {
        (camera, place, kind): seconds for camera, place, kind, seconds in connection.execute(query.group_by(*columns))
    }


class _Places:
    """The lines and zones of one camera, with the kinds that were counted there."""

    def __init__(self) -> None:
        self.lines: set[tuple[str, str]] = set()
        self.zones: set[tuple[str, str]] = set()


def _places(cameras: Iterable[Camera], sums: Iterable[Sums]) -> Mapping[str, _Places]:
    """Lines and zones that are configured (for persons at least) or have counts, by camera."""
    places: defaultdict[str, _Places] = defaultdict(_Places)
    for camera in cameras:
        places[camera.name].lines.update((line.name, "person") for line in camera.lines)
        places[camera.name].zones.update((zone.name, "person") for zone in camera.zones)
    for name, measure, place, kind, _ in (key for each in sums for key in each):
        known = places[name]
        if measure == "crossings":
            known.lines.add((place, kind))
        elif place:
            known.zones.add((place, kind))
    return places


def _camera(
    name: str,
    places: _Places,
    intervals: list[tuple[Interval, Sums]],
    shares: Mapping[tuple[str, str, str], float],
) -> dict[str, Any]:
    rows = [_row(name, places, interval, sums) for interval, sums in intervals]
    lines = [
        {"line": line, "kind": kind, "in": _total(rows, number, "in"), "out": _total(rows, number, "out")}
        for number, (line, kind) in enumerate(sorted(places.lines))
    ]
    zones = [
        _zone(name, zone, kind, [sums for _, sums in intervals], shares.get((name, zone, kind), 0.0))
        for zone, kind in sorted(places.zones)
    ]
    seconds = sum(sums.get((name, "observed_seconds", "", "", ""), 0.0) for _, sums in intervals)
    return {"camera": name, "observed_hours": _hours(seconds), "lines": lines, "zones": zones, "rows": rows}


def _row(name: str, places: _Places, interval: Interval, sums: Sums) -> dict[str, Any]:
    """One interval's crossings, lines in the order of the camera's own list."""
    return {
        "label": interval.label,
        "short": interval.short,
        "observed_hours": _hours(sums.get((name, "observed_seconds", "", "", ""), 0.0)),
        "lines": [
            {
                "line": line,
                "kind": kind,
                "in": round(sums.get((name, "crossings", line, kind, "in"), 0.0)),
                "out": round(sums.get((name, "crossings", line, kind, "out"), 0.0)),
            }
            for line, kind in sorted(places.lines)
        ],
    }


def _zone(name: str, zone: str, kind: str, sums: list[Sums], observed_seconds: float) -> dict[str, Any]:
    def values(measure: str) -> list[float]:
        return [each.get((name, measure, zone, kind, ""), 0.0) for each in sums]

    occupancy = sum(values("occupancy_seconds")) / observed_seconds if observed_seconds > 0 else None
    return {
        "zone": zone,
        "kind": kind,
        "visits": round(sum(values("visits"))),
        "mean_occupancy": None if occupancy is None else round(occupancy, DECIMALS),
        "maximum_occupancy": round(max(values("occupancy_maximum"))),
    }


def _total(rows: list[dict[str, Any]], number: int, direction: str) -> int:
    return sum(row["lines"][number][direction] for row in rows)


def _hours(seconds: float) -> float:
    return round(seconds / 3600, DECIMALS)
