"""Today's numbers: stored buckets and the engine's open one, added up for the page. Plain arithmetic, no database.

What is stored is shown as its mode of anonymity allows (`appliance.metrics.publishing`). The open bucket's numbers are
exact: whoever is allowed to look at the page sees what somebody at the door would see, and none of it is stored. In the
mode `threshold` they are left out, since numbers that grow would show every single step.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

from appliance.metrics.opening import Opening, Step, share_left, store_occupancy
from appliance.metrics.publishing import Published, hour_is_over, suppress, total
from appliance.metrics.uncertainty import Noise
from appliance.metrics.uncertainty import add_up as add_up_noise
from appliance.storage.cameras import Camera
from appliance.web.day import HOUR, Day
from appliance.web.wording import gettext, ngettext
from appliance.web.words import number

Series = tuple[str, str, str, str, str]
"""Camera, measure, place, kind, direction."""

NO_NUMBER = "\N{EN DASH}"
# A number and its error stay on one line.
NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Count:
    """One number of one bucket or hour that begins at `start` (UTC); the measures are those of metrics.measures.

    `squares` is the sum of the squares of the variances, where the number is a sum of several; -1 where it is one.
    """

    start: datetime
    camera: str
    measure: str
    place: str
    kind: str
    direction: str
    value: float
    mode: str = "off"
    variance: float = 0.0
    length: timedelta = timedelta(minutes=15)
    squares: float = -1.0

    @property
    def published(self) -> Published:
        """The number as it may be shown in the modes `differential` and `off`."""
        squares = self.variance * self.variance if self.squares < 0 else self.squares
        return Published(self.value, Noise(self.variance, squares))

    def part(self, part: float) -> "Count":
        """So great a part of the number, with its noise."""
        squares = self.squares if self.squares < 0 else part**4 * self.squares
        return replace(self, value=part * self.value, variance=part * part * self.variance, squares=squares)


@dataclass(frozen=True)
class CameraPlaces:
    """The lines and zones that are set up for a camera, by name.

    The `inner` of the lines are no entrances; in the `queues` of the zones people wait in line. With `labels` vehicles
    are counted by label too.
    """

    name: str
    lines: tuple[str, ...]
    zones: tuple[str, ...]
    inner: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    labels: bool = False

    @classmethod
    def of(cls, camera: Camera) -> "CameraPlaces":
        return cls(
            camera.name,
            tuple(line.name for line in camera.lines),
            tuple(zone.name for zone in camera.zones),
            tuple(line.name for line in camera.lines if line.inner),
            tuple(zone.name for zone in camera.zones if zone.queue),
            camera.vehicle_labels,
        )


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
    """What a page shows of a day. `values` are texts by name; `structure` changes when rows come or go.

    `inside` is how many people are in the store, None where that may not be told. `sums` is what all of it was made of.
    """

    values: dict[str, str]
    hours: dict[str, list[str] | list[int | None]]
    cameras: tuple[CameraRows, ...]
    structure: str
    sums: "Sums"
    inside: int | None = None


@dataclass
class Sums:
    """What may be shown, by camera, place, kind and direction, for the whole day and by hour."""

    crossings: dict[tuple[str, str, str, str], Published] = field(default_factory=lambda: defaultdict(Published))
    visits: dict[tuple[str, str], Published] = field(default_factory=lambda: defaultdict(Published))
    maxima: dict[tuple[str, str], float] = field(default_factory=dict)
    hourly: dict[tuple[int, str], Published] = field(default_factory=lambda: defaultdict(Published))

    def people(self, direction: str) -> Published:
        """Who crossed any line in that direction."""
        return total(value for key, value in self.crossings.items() if key[2:] == ("person", direction))

    @property
    def lines(self) -> frozenset[tuple[str, str]]:
        """Camera and name of each line that people were counted at, be it nobody."""
        return frozenset((camera, place) for camera, place, kind, _ in self.crossings if kind == "person")

    def add(self, series: Series, hour: int, number: Published) -> None:
        """A number of one hour, into the day and the hour."""
        self.add_to_day(series, number)
        self.add_to_hour(series, hour, number)

    def add_to_day(self, series: Series, number: Published) -> None:
        camera, measure, place, kind, direction = series
        if measure == "crossings":
            self.crossings[camera, place, kind, direction] += number
        elif measure == "visits" and kind == "person":
            self.visits[camera, place] += number

    def add_to_hour(self, series: Series, hour: int, number: Published) -> None:
        if series[1] == "crossings" and series[3] == "person":
            self.hourly[hour, series[4]] += number


def count_day(
    day: Day,
    now: datetime,
    cameras: Sequence[CameraPlaces],
    counts: Iterable[Count],
    present: Mapping[str, Mapping[str, int]] | None,
    k: int = 5,
    opening: Opening | None = None,
) -> DayCounts:
    """Add the day's counts up. `present` is how many people are in each camera's zones now; None if nobody knows.

    With an `opening`, how many are inside is counted since then, and drifts to nobody after its end. `k` is the
    smallest number that is shown in the mode `threshold`.
    """
    counts = tuple(counts)
    sums = add_up(day, now, counts, k)
    rows = _rows(cameras, sums)
    inside, note = _inside_now(counts, cameras, opening, now, day) or _inside_today(sums, cameras)
    values = _totals(sums) | _hour_values(day, now, sums)
    values |= {
        "inside": gettext("about %(number)s", number=number(inside.shown)) if inside.withheld else shown(inside),
        "inside_note": note,
    }
    for camera in rows:
        values |= _camera_values(camera, sums, None if present is None else present.get(camera.name, {}))
    names = [day.date.isoformat(), *(f"{row}" for row in rows), *(f"{each.queues}" for each in cameras)]
    structure = sha256("\n".join(names).encode()).hexdigest()[:16]
    return DayCounts(values, _hours(day, now, sums), rows, structure, sums, None if inside.withheld else inside.shown)


def add_up(day: Day, now: datetime, counts: Iterable[Count], k: int) -> Sums:
    """What of the day's counts may be shown at the moment `now`."""
    sums = Sums()
    small: dict[Series, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for count in counts:
        if not day.start <= count.start < day.end:
            continue
        series = (count.camera, count.measure, count.place, count.kind, count.direction)
        hour = int((count.start - day.start) / HOUR)
        if count.mode == "threshold":
            small[series][hour] += count.value
        elif count.measure != "occupancy_maximum":
            sums.add(series, hour, count.published)
        elif count.kind == "person":
            place = (count.camera, count.place)
            sums.maxima[place] = max(sums.maxima.get(place, 0.0), count.value)
    for series, hours in small.items():
        _add_suppressed(sums, series, hours, day, now, k)
    return sums


def _add_suppressed(sums: Sums, series: Series, hours: Mapping[int, float], day: Day, now: datetime, k: int) -> None:
    """Add a series that is stored exact. Maxima are left out: few people are most of what a zone sees in a day."""
    if series[1] not in ("crossings", "visits"):
        return
    over = [hour for hour in sorted(hours) if hour_is_over(day.start + HOUR * hour, now)]
    of_hours, whole = suppress([hours[hour] for hour in over], k, hour_is_over(day.end - HOUR, now))
    sums.add_to_day(series, whole if len(over) == len(hours) else whole + Published(withheld=True))
    for hour, published in zip(over, of_hours, strict=True):
        sums.add_to_hour(series, hour, published)
    for hour in set(hours) - set(over):
        sums.add_to_hour(series, hour, Published(withheld=True))


def _rows(cameras: Sequence[CameraPlaces], sums: Sums) -> tuple[CameraRows, ...]:
    """One entry a camera: those set up now, then those that were counted earlier today and have gone since."""
    names = [camera.name for camera in cameras]
    names += sorted({key[0] for key in sums.crossings} - set(names))
    by_name = {camera.name: camera for camera in cameras}
    return tuple(
        _camera_rows(f"c{index}", by_name.get(name, CameraPlaces(name, (), ())), sums)
        for index, name in enumerate(names)
    )


def _camera_rows(key: str, camera: CameraPlaces, sums: Sums) -> CameraRows:
    counted = {
        (place, kind)
        for (name, place, kind, _), number in sums.crossings.items()
        if name == camera.name and number.surely_some
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


def _totals(sums: Sums) -> dict[str, str]:
    def vehicles(direction: str) -> Published:
        return total(value for key, value in sums.crossings.items() if key[2:] == ("vehicle", direction))

    came, left = sums.people("in"), sums.people("out")
    return {
        "in": shown(came),
        "out": shown(left),
        "in_note": _total_note(vehicles("in")) + in_error(came),
        "out_note": _total_note(vehicles("out")) + in_error(left),
    }


def _inside_today(sums: Sums, cameras: Sequence[CameraPlaces]) -> tuple[Published, str]:
    """In minus out of the day, over the entrances."""
    inner = {(camera.name, line) for camera in cameras for line in camera.inner}

    def of(direction: str) -> Published:
        return total(
            value for key, value in sums.crossings.items() if key[2:] == ("person", direction) and key[:2] not in inner
        )

    inside = of("in") - of("out")
    inside_note = gettext("in minus out since midnight") + in_error(inside)
    if inside.withheld:
        inside_note = gettext("in minus out since midnight, of the hours that are shown")
    if inside.value < 0 and not inside.margin and not inside.withheld:
        inside_note = gettext(
            "in minus out since midnight; %(number)s more went out than came in", number=number(-inside.value)
        )
    return inside, inside_note


def _inside_now(
    counts: Sequence[Count], cameras: Sequence[CameraPlaces], opening: Opening | None, now: datetime, day: Day
) -> tuple[Published, str] | None:
    """In minus out since the store opened, over the entrances; None where that can't be told."""
    if opening is None or any(each.mode == "threshold" for each in counts):
        return None
    inner = {(camera.name, line) for camera in cameras for line in camera.inner}
    entered = [
        each
        for each in counts
        if (each.measure, each.kind) == ("crossings", "person")
        and (each.camera, each.place) not in inner
        and each.start + each.length > opening.start
    ]
    steps = [
        Step(each.start, each.start + each.length, each.value if each.direction == "in" else -each.value)
        for each in entered
    ]
    share = share_left(now, opening)
    noise = add_up_noise(each.part(share).published.noise for each in entered)
    inside = Published(store_occupancy(now, opening, steps), noise)
    if now >= opening.end:
        note = gettext("closed since %(clock)s", clock=f"{opening.end.astimezone(day.zone):%H:%M}")
    else:
        clock = f"{opening.start.astimezone(day.zone):%H:%M}"
        note = gettext("in minus out since opening at %(clock)s", clock=clock)
    return inside, note + in_error(inside)


def _total_note(vehicles: Published) -> str:
    if not vehicles.surely_some:
        return gettext("all lines together")
    return ngettext(
        "all lines together; also %(number)s vehicle",
        "all lines together; also %(number)s vehicles",
        vehicles.shown,
        number=shown(vehicles),
    )


def shown(published: Published) -> str:
    """A number as it may be shown: `1,204`, `at least 40`, or a dash where nothing may be said."""
    if not published.withheld:
        return number(published.shown)
    return gettext("at least %(number)s", number=number(published.shown)) if published.shown else NO_NUMBER


def with_error(published: Published) -> str:
    """The same with the 95 % interval, such as `1,204 ± 27`."""
    return f"{shown(published)}{NBSP}±{NBSP}{number(published.margin)}" if published.margin else shown(published)


def in_error(published: Published) -> str:
    """The 95 % interval for a note, or nothing where the number is exact."""
    if not published.margin:
        return ""
    margin = f"±{NBSP}{number(published.margin)}"
    return "; " + gettext("%(margin)s (95 %% interval)", margin=margin).replace(" %", f"{NBSP}%")


def _hours(day: Day, now: datetime, sums: Sums) -> dict[str, list[str] | list[int | None]]:
    """Labels and people in and out by hour; None for hours that have not begun or of which nothing may be said."""
    numbers: dict[str, list[int | None]] = {}
    for direction in ("in", "out"):
        found = [sums.hourly[index, direction] for index, _ in enumerate(day.hours)]
        numbers[direction] = [
            each.shown if hour <= now and (each.shown or not each.withheld) else None
            for hour, each in zip(day.hours, found, strict=True)
        ]
    return {"labels": [day.label(hour) for hour in day.hours], **numbers}


def _hour_values(day: Day, now: datetime, sums: Sums) -> dict[str, str]:
    return {
        f"h{index}.{direction}": with_error(sums.hourly[index, direction]) if hour <= now else NO_NUMBER
        for index, hour in enumerate(day.hours)
        for direction in ("in", "out")
    }


def _camera_values(camera: CameraRows, sums: Sums, present: Mapping[str, int] | None) -> dict[str, str]:
    values = {}
    for line in camera.lines:
        for direction in ("in", "out"):
            values[f"{line.key}.{direction}"] = with_error(sums.crossings[camera.name, line.name, line.kind, direction])
    for zone in camera.zones:
        values[f"{zone.key}.now"] = NO_NUMBER if present is None else number(present.get(zone.name, 0))
        visits = sums.visits[camera.name, zone.name]
        note = ngettext("%(number)s visit today", "%(number)s visits today", visits.shown, number=with_error(visits))
        most = sums.maxima.get((camera.name, zone.name), 0.0)
        # Where noise is added no maximum is stored, and the open bucket's alone is not the day's.
        values[f"{zone.key}.note"] = (
            note
            if visits.margin or visits.withheld
            else gettext("at most %(number)s; %(note)s", number=number(most), note=note)
        )
    return values
