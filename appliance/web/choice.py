"""What is asked of Explore, read from the address: every choice is in it, so that a page can be kept and sent on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from appliance.language import marked
from appliance.metrics.floor import flows
from appliance.reports.exploration import SUBJECTS, Places, Question, Unit
from appliance.reports.period import Period, PeriodError, make_period, parse_date
from appliance.web.counts import CameraPlaces
from appliance.web.wording import gettext

E = TypeVar("E", bound=StrEnum)

LABELS: Mapping[str, str] = {
    "in": marked("People in"),
    "out": marked("People out"),
    "visits": marked("Visits to zones"),
    "occupancy": marked("People in zones, on average"),
    "occupancy-maximum": marked("People in zones, at most"),
    "dwell": marked("Time in zones, a visit"),
    "queue": marked("Length of queues, on average"),
    "queue-maximum": marked("Length of queues, at most"),
    "waiting": marked("Waiting time, a visit"),
    "flows": marked("Ways from zone to zone"),
    "vehicles-in": marked("Vehicles in"),
    "vehicles-out": marked("Vehicles out"),
    "vehicles-entered": marked("Vehicles into zones"),
    "vehicles-present": marked("Vehicles in zones, on average"),
    "vehicles-parked": marked("Vehicles parked"),
    "vehicles-left": marked("Vehicles out of zones"),
    "car-in": marked("Cars in"),
    "car-out": marked("Cars out"),
    "motorcycle-in": marked("Motorcycles in"),
    "motorcycle-out": marked("Motorcycles out"),
    "bus-in": marked("Buses in"),
    "bus-out": marked("Buses out"),
    "truck-in": marked("Trucks in"),
    "truck-out": marked("Trucks out"),
}
UNITS: Mapping[Unit, str] = {
    Unit.QUARTER: marked("Quarter of an hour"),
    Unit.HOUR: marked("Hour"),
    Unit.DAY: marked("Day"),
    Unit.WEEK: marked("Week"),
    Unit.MONTH: marked("Month"),
}
# The same within a sentence.
UNIT_WORDS: Mapping[Unit, str] = {
    Unit.QUARTER: marked("quarter of an hour"),
    Unit.HOUR: marked("hour"),
    Unit.DAY: marked("day"),
    Unit.WEEK: marked("week"),
    Unit.MONTH: marked("month"),
}
DEFAULT_DAYS = 14
WEEKS_OF_A_YEAR = timedelta(weeks=52)


class Against(StrEnum):
    """What the period is compared with."""

    NOTHING = ""
    BEFORE = "before"
    YEAR = "year"
    OWN = "own"


AGAINST: Mapping[Against, str] = {
    Against.NOTHING: marked("Nothing"),
    Against.BEFORE: marked("The time just before"),
    Against.YEAR: marked("A year earlier"),
    Against.OWN: marked("The time from this day on"),
}


@dataclass(frozen=True)
class Choice:
    """One question, and the same of another period; `where` names what is added up, as the address does."""

    measure: str
    where: str
    unit: Unit
    period: Period
    against: Against = Against.NOTHING
    other: Period | None = None

    def question(self, cameras: Sequence[CameraPlaces], period: Period) -> Question:
        return Question(SUBJECTS[self.measure], places(self.measure, self.where, cameras), period, self.unit)

    def arguments(self) -> dict[str, str]:
        """The address's arguments."""
        values = {
            "measure": self.measure,
            "where": self.where,
            "unit": self.unit.value,
            "from": self.period.first.isoformat(),
            "to": self.period.last.isoformat(),
            "against": self.against.value,
            "other": self.other.first.isoformat() if self.other and self.against is Against.OWN else "",
        }
        return {name: value for name, value in values.items() if value}


def read_choice(arguments: Mapping[str, str], today: date, zone: ZoneInfo) -> Choice:
    """What the address asks for; what it leaves out is people in, everywhere, of the last fortnight by day.

    Raises `PeriodError` for dates that make no period. A name that is not known counts as left out.
    """
    measure = arguments.get("measure", "")
    unit = one_of(Unit, arguments.get("unit", ""), Unit.DAY)
    against = one_of(Against, arguments.get("against", ""), Against.NOTHING)
    last = parse_date(arguments["to"]) if arguments.get("to") else today
    first = parse_date(arguments["from"]) if arguments.get("from") else last - timedelta(days=DEFAULT_DAYS - 1)
    period = make_period(first, last, zone, today)
    begin = other_begin(against, arguments.get("other", ""), period, unit)
    other = None if begin is None else _same_length(begin, period, unit)
    if other is not None and other.last > today:
        raise PeriodError(marked("The time to compare with is not over yet; choose an earlier day."))
    return Choice(measure if measure in SUBJECTS else "in", arguments.get("where", ""), unit, period, against, other)


def other_begin(against: Against, text: str, period: Period, unit: Unit) -> date | None:
    """The first day of what the period is compared with; None for nothing. `text` is the day of one's own choice.

    Raises `PeriodError` for a text that is no date.
    """
    if against is Against.BEFORE:
        return period.first - timedelta(days=period.days)
    if against is Against.YEAR:
        # The same dates for months, the same weekdays for anything shorter.
        return _year_before(period.first) if unit is Unit.MONTH else period.first - WEEKS_OF_A_YEAR
    if against is Against.OWN and text:
        return parse_date(text)
    return None


def _same_length(first: date, period: Period, unit: Unit) -> Period:
    if unit is Unit.MONTH and first == _year_before(period.first):
        return Period(first, _year_before(period.last), period.zone)
    return Period(first, first + timedelta(days=period.days - 1), period.zone)


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def one_of(kind: type[E], text: str, otherwise: E) -> E:
    """The member whose value the text is."""
    return kind(text) if text in set(kind) else otherwise


def measures(chosen: str, cameras: Sequence[CameraPlaces]) -> dict[str, str]:
    """What is offered: vehicles by label only where a camera counts them so, or where one of them is chosen."""
    by_label = any(camera.labels for camera in cameras) or is_by_label(chosen)
    return {name: label for name, label in LABELS.items() if by_label or not is_by_label(name)}


def is_by_label(measure: str) -> bool:
    return SUBJECTS[measure].measure == "crossings_by_label"


@dataclass(frozen=True)
class Option:
    """One place to choose; `group` is the camera it is listed under."""

    value: str
    label: str
    group: str = ""


def options(measure: str, cameras: Sequence[CameraPlaces]) -> list[Option]:
    """Where the measure can be asked for: everywhere, at a camera, at one line, zone or way."""
    found = [Option("", gettext("Everywhere"))]
    for camera in cameras:
        names = _names(SUBJECTS[measure].places, camera)
        if len(names) > 1:
            found.append(Option(_value(camera.name), gettext("All of %(camera)s", camera=camera.name), camera.name))
        is_way = SUBJECTS[measure].places == "flows"
        labels = [name.replace(">", " → ") if is_way else name for name in names]
        found += [
            Option(_value(camera.name, name), label, camera.name) for name, label in zip(names, labels, strict=True)
        ]
    return found


def places(measure: str, where: str, cameras: Sequence[CameraPlaces]) -> frozenset[tuple[str, str]] | None:
    """The cameras and places that `where` means; None is every one, those included that are there no more."""
    kind = SUBJECTS[measure].places
    known = frozenset((camera.name, name) for camera in cameras for name in _names(kind, camera))
    camera, _, place = where.partition("/")
    chosen = frozenset(
        each for each in known if each[0] == unquote(camera) and (not place or each[1] == unquote(place))
    )
    if chosen:
        return chosen
    # Whether a zone was a queue is not stored with its counts.
    return known if kind == "queues" else None


def is_known(measure: str, where: str, cameras: Sequence[CameraPlaces]) -> bool:
    return any(option.value == where for option in options(measure, cameras))


def _names(kind: Places, camera: CameraPlaces) -> tuple[str, ...]:
    found: Mapping[Places, tuple[str, ...]] = {
        "lines": camera.lines,
        "zones": camera.zones,
        "queues": camera.queues,
        "flows": flows(camera.zones),
    }
    return found[kind]


def _value(*names: str) -> str:
    return "/".join(quote(name, safe="") for name in names)


def presets(choice: Choice, today: date) -> Iterator[tuple[str, dict[str, str]]]:
    """Periods that are asked for often, each with its arguments; the other choices stay."""
    kept = {name: value for name, value in choice.arguments().items() if name not in ("from", "to", "unit", "other")}
    spans = (
        (marked("Today"), today, Unit.HOUR),
        (marked("7 days"), today - timedelta(days=6), Unit.HOUR),
        (marked("4 weeks"), today - timedelta(days=27), Unit.DAY),
        (marked("12 months"), (today.replace(day=1) - timedelta(days=334)).replace(day=1), Unit.MONTH),
    )
    for label, first, unit in spans:
        yield label, kept | {"from": first.isoformat(), "to": today.isoformat(), "unit": unit.value}
