"""The counts of a period, from the stored buckets, as they may be shown."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from appliance.metrics.floor import VEHICLE_LABELS, labelled
from appliance.metrics.publishing import Published, total
from appliance.reports import floor_facts
from appliance.reports.period import Interval, Period
from appliance.reports.sums import Sums, read_sums
from appliance.storage.cameras import Camera
from appliance.storage.tables import measurement

KINDS = ("person", "vehicle")
DIRECTIONS = ("in", "out")
# What a zone counts; flows and the heat map have places of their own.
OF_ZONES = ("visits", "occupancy_seconds", "occupancy_maximum", "dwell")
# Whole numbers of seconds and crossings survive; what is cut is the noise of adding up fractions.
DECIMALS = 4
NOTHING = Published()


def collect_counts(
    connection: Connection,
    period: Period,
    cameras: Iterable[Camera],
    now: datetime,
    k: int,
    read: tuple[list[Sums], Sums] | None = None,
) -> dict[str, Any]:
    """Counts for each camera that is configured or was counted: totals, and rows by hour, day or month.

    A bucket belongs to the interval that it begins in. `k` is the smallest number shown of what was stored in the mode
    `threshold`. A number with noise has its 95 % interval beside it, as `in_margin` to `in`, and may be negative; one
    of which a part is withheld has `in_withheld`. `read` is what `read_sums` says of the period, where that is known.
    JSON-able; equal data give equal results.
    """
    lengths = select(measurement.c.bucket_seconds).where(
        measurement.c.bucket_start >= period.start, measurement.c.bucket_start < period.end
    )
    intervals = period.intervals()
    sums, whole = read or read_sums(connection, period, intervals, now, k)
    places = _places(cameras, whole)
    persons = {
        way: total(
            number
            for (_, measure, _, kind, direction), number in whole.numbers.items()
            if (measure, kind, direction) == ("crossings", "person", way)
        )
        for way in DIRECTIONS
    }
    return {
        "unit": period.unit,
        "bucket_minutes": [seconds // 60 for seconds in sorted(connection.execute(lengths.distinct()).scalars())],
        "persons": _crossings(persons),
        "cameras": [
            _camera(name, places[name], list(zip(intervals, sums, strict=True)), whole) for name in sorted(places)
        ],
    }


class _Places:
    """The lines and zones of one camera, with the kinds that were counted there."""

    def __init__(self) -> None:
        self.lines: set[tuple[str, str]] = set()
        self.zones: set[tuple[str, str]] = set()


def _places(cameras: Iterable[Camera], whole: Sums) -> Mapping[str, _Places]:
    """Lines and zones that are configured (for persons at least) or have counts, by camera."""
    places: defaultdict[str, _Places] = defaultdict(_Places)
    for camera in cameras:
        places[camera.name].lines.update((line.name, "person") for line in camera.lines)
        places[camera.name].zones.update((zone.name, "person") for zone in camera.zones)
    for name, measure, place, kind, _ in whole.numbers:
        known = places[name]
        if measure == "crossings":
            known.lines.add((place, kind))
        elif measure in OF_ZONES:
            known.zones.add((place, kind))
    return places


def _camera(name: str, places: _Places, intervals: list[tuple[Interval, Sums]], whole: Sums) -> dict[str, Any]:
    return {
        "camera": name,
        "observed_hours": _observed_hours(name, whole),
        "unreliable_hours": _hours(name, "unreliable_seconds", whole),
        "lines": [_line(name, line, kind, whole) for line, kind in sorted(places.lines)],
        "labels": list(_labels(name, places, whole)),
        "zones": [_zone(name, zone, kind, whole) for zone, kind in sorted(places.zones)],
        "stays": floor_facts.stays(name, places.zones, whole),
        "ways": floor_facts.ways(name, places.zones, whole),
        "heat": floor_facts.heat(name, whole),
        "rows": [_row(name, places, interval, sums) for interval, sums in intervals],
    }


def _row(name: str, places: _Places, interval: Interval, sums: Sums) -> dict[str, Any]:
    """One interval's crossings, lines in the order of the camera's own list."""
    return {
        "label": interval.label,
        "short": interval.short,
        "observed_hours": _observed_hours(name, sums),
        "lines": [_line(name, line, kind, sums) for line, kind in sorted(places.lines)],
    }


def _line(name: str, line: str, kind: str, sums: Sums) -> dict[str, Any]:
    numbers = {way: sums.get(name, "crossings", line, kind, way) or NOTHING for way in DIRECTIONS}
    together = _told("together", total(numbers.values()))
    return {"line": line, "kind": kind, **_crossings(numbers), **together}


def _labels(name: str, places: _Places, whole: Sums) -> Iterator[dict[str, Any]]:
    """The vehicles of each line by label, where they were counted so."""
    for line in sorted({line for line, _ in places.lines}):
        for label in VEHICLE_LABELS:
            found = {
                way: whole.get(name, "crossings_by_label", line, "vehicle", labelled(label, way)) for way in DIRECTIONS
            }
            numbers = {way: number for way, number in found.items() if number is not None}
            if len(numbers) == len(found):
                together = _told("together", total(numbers.values()))
                yield {"line": line, "label": label, **_crossings(numbers), **together}


def _crossings(numbers: Mapping[str, Published]) -> dict[str, Any]:
    return {key: value for way, number in numbers.items() for key, value in _told(way, number).items()}


def _told(name: str, number: Published) -> dict[str, Any]:
    """A number with what is to be known about it."""
    told: dict[str, Any] = {name: round(number.value)}
    if number.margin:
        told[f"{name}_margin"] = number.margin
    if number.withheld:
        told[f"{name}_withheld"] = True
    return told


def _zone(name: str, zone: str, kind: str, whole: Sums) -> dict[str, Any]:
    visits = whole.get(name, "visits", zone, kind, "") or NOTHING
    seconds = whole.get(name, "occupancy_seconds", zone, kind, "") or NOTHING
    most = whole.get(name, "occupancy_maximum", zone, kind, "")
    observed = whole.zone_seconds.get((name, zone, kind), 0.0)
    told = {
        "zone": zone,
        "kind": kind,
        **_told("visits", visits),
        "mean_occupancy": round(seconds.value / observed, DECIMALS) if observed > 0 else None,
        "maximum_occupancy": None if most is None else round(most.value),
    }
    if seconds.margin and observed > 0:
        told["mean_occupancy_margin"] = round(seconds.margin / observed, DECIMALS)
    return told


def _observed_hours(name: str, sums: Sums) -> float:
    return _hours(name, "observed_seconds", sums)


def _hours(name: str, measure: str, sums: Sums) -> float:
    seconds = sums.get(name, measure, "", "", "") or NOTHING
    return round(seconds.value / 3600, DECIMALS)
