"""Today's numbers: stored buckets and the engine's open one, added up for the page. Plain arithmetic, no database."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from appliance.metrics.buckets import merge_values
from appliance.web.words import number, plural

HOUR = timedelta(hours=1)
NO_NUMBER = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Count:
    """One number of one bucket that begins at `start` (UTC); the measures are those of metrics.buckets."""

    start: datetime
    camera: str
    measure: str
    place: str
    kind: str
    direction: str
    value: float


@dataclass(frozen=True)
class Day:
    """One day of the site: `start` and `end` in UTC. It has 23 or 25 hours when the clocks change."""

    date: date
    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def hours(self) -> tuple[datetime, ...]:
        """Beginnings of the day's hours, in UTC."""
        count = round((self.end - self.start) / HOUR)
        return tuple(self.start + HOUR * number for number in range(count))

    def label(self, hour: datetime) -> str:
        return f"{hour.astimezone(self.zone):%H}:00"


@dataclass(frozen=True)
class CameraPlaces:
    """The lines and zones that are set up for a camera, by name."""

    name: str
    lines: tuple[str, ...]
    zones: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A line (with the kind it counts) or a zone; `key` begins the names of its values."""

    key: str
    name: str
    kind: str = "person"


@dataclass(frozen=True)
class CameraRows:
    key: str
    name: str
    lines: tuple[Row, ...]
    zones: tuple[Row, ...]


@dataclass(frozen=True)
class DayCounts:
    """What a page shows of a day. `values` are texts by name; `structure` changes when rows come or go."""

    values: dict[str, str]
    hours: dict[str, list[str] | list[int | None]]
    cameras: tuple[CameraRows, ...]
    structure: str


@dataclass
class _Sums:
    """Values by camera, place, kind and direction, whole days and by hour."""

    crossings: dict[tuple[str, str, str, str], float] = field(default_factory=lambda: defaultdict(float))
    zones: dict[tuple[str, str, str], float] = field(default_factory=lambda: defaultdict(float))
    hourly: dict[tuple[int, str], float] = field(default_factory=lambda: defaultdict(float))


def day_of(now: datetime, zone: ZoneInfo) -> Day:
    """The site's day that holds the moment `now`."""
    today = now.astimezone(zone).date()
    start, end = (datetime.combine(each, time.min, zone) for each in (today, today + timedelta(days=1)))
    utc = now.tzinfo
    return Day(today, start.astimezone(utc), end.astimezone(utc), zone)


def count_day(
    day: Day,
    now: datetime,
    cameras: Sequence[CameraPlaces],
    counts: Iterable[Count],
    present: Mapping[str, Mapping[str, int]] | None,
) -> DayCounts:
    """Add the day's counts up. `present` is how many people are in each camera's zones now; None if nobody knows."""
    sums = _add_up(day, counts)
    rows = _rows(cameras, sums)
    values = _totals(sums) | _hour_values(day, now, sums)
    for camera in rows:
        values |= _camera_values(camera, sums, None if present is None else present.get(camera.name, {}))
    names = [day.date.isoformat(), *(f"{row}" for row in rows)]
    structure = sha256("\n".join(names).encode()).hexdigest()[:16]
    return DayCounts(values, _hours(day, now, sums), rows, structure)


def _add_up(day: Day, counts: Iterable[Count]) -> _Sums:
    sums = _Sums()
    for count in counts:
        if not day.start <= count.start < day.end:
            continue
        if count.measure == "crossings":
            sums.crossings[count.camera, count.place, count.kind, count.direction] += count.value
            if count.kind == "person":
                sums.hourly[int((count.start - day.start) / HOUR), count.direction] += count.value
        elif count.kind in ("person", ""):
            key = (count.camera, count.place, count.measure)
            sums.zones[key] = merge_values(count.measure, sums.zones[key], count.value)
    return sums


def _rows(cameras: Sequence[CameraPlaces], sums: _Sums) -> tuple[CameraRows, ...]:
    """One entry a camera: those set up now, then those that were counted earlier today and have gone since."""
    names = [camera.name for camera in cameras]
    names += sorted({key[0] for key in sums.crossings} - set(names))
    by_name = {camera.name: camera for camera in cameras}
    return tuple(
        _camera_rows(f"c{index}", by_name.get(name, CameraPlaces(name, (), ())), sums)
        for index, name in enumerate(names)
    )


def _camera_rows(key: str, camera: CameraPlaces, sums: _Sums) -> CameraRows:
    counted = {
        (place, kind) for (name, place, kind, _), value in sums.crossings.items() if name == camera.name and value
    }
    lines = [*camera.lines, *sorted({place for place, _ in counted} - set(camera.lines))]
    pairs = [
        (line, kind) for line in lines for kind in ("person", "vehicle") if kind == "person" or (line, kind) in counted
    ]
    return CameraRows(
        key,
        camera.name,
        tuple(Row(f"{key}.l{index}", line, kind) for index, (line, kind) in enumerate(pairs)),
        tuple(Row(f"{key}.z{index}", zone) for index, zone in enumerate(camera.zones)),
    )


def _totals(sums: _Sums) -> dict[str, str]:
    def total(kind: str, direction: str) -> int:
        return round(sum(value for key, value in sums.crossings.items() if key[2:] == (kind, direction)))

    came, left = total("person", "in"), total("person", "out")
    vehicles = {direction: total("vehicle", direction) for direction in ("in", "out")}
    inside_note = "in minus out since midnight"
    if left > came:
        inside_note = f"in minus out since midnight; {number(left - came)} more went out than came in"
    return {
        "in": number(came),
        "out": number(left),
        "inside": number(max(0, came - left)),
        "in_note": _total_note(vehicles["in"]),
        "out_note": _total_note(vehicles["out"]),
        "inside_note": inside_note,
    }


def _total_note(vehicles: int) -> str:
    if not vehicles:
        return "all lines together"
    return f"all lines together; also {number(vehicles)} {plural(vehicles, 'vehicle', 'vehicles')}"


def _hours(day: Day, now: datetime, sums: _Sums) -> dict[str, list[str] | list[int | None]]:
    """Labels and people in and out by hour; None for hours that have not begun."""
    numbers: dict[str, list[int | None]] = {}
    for direction in ("in", "out"):
        numbers[direction] = [
            round(sums.hourly[index, direction]) if hour <= now else None for index, hour in enumerate(day.hours)
        ]
    return {"labels": [day.label(hour) for hour in day.hours], **numbers}


def _hour_values(day: Day, now: datetime, sums: _Sums) -> dict[str, str]:
    return {
        f"h{index}.{direction}": number(sums.hourly[index, direction]) if hour <= now else NO_NUMBER
        for index, hour in enumerate(day.hours)
        for direction in ("in", "out")
    }


def _camera_values(camera: CameraRows, sums: _Sums, present: Mapping[str, int] | None) -> dict[str, str]:
    values = {}
    for line in camera.lines:
        for direction in ("in", "out"):
            values[f"{line.key}.{direction}"] = number(sums.crossings[camera.name, line.name, line.kind, direction])
    for zone in camera.zones:
        values[f"{zone.key}.now"] = NO_NUMBER if present is None else number(present.get(zone.name, 0))
        most = sums.zones[camera.name, zone.name, "occupancy_maximum"]
        visits = sums.zones[camera.name, zone.name, "visits"]
        values[f"{zone.key}.note"] = (
            f"at most {number(most)}; {number(visits)} {plural(round(visits), 'visit', 'visits')} today"
        )
    return values
