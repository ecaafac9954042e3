"""What is asked of the floor: of which days, at which camera, of people or vehicles; every choice is in the address."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from appliance.language import marked
from appliance.reports.exploration import Unit
from appliance.reports.period import Period, PeriodError, make_period, parse_date
from appliance.storage.cameras import Camera
from appliance.web.choice import Against, one_of, other_begin

DEFAULT_DAYS = 7
KINDS = {"person": marked("People"), "vehicle": marked("Vehicles")}
PRESETS = ((marked("Today"), 1), (marked("7 days"), 7), (marked("4 weeks"), 28))


@dataclass(frozen=True)
class FloorChoice:
    """`camera` is empty for every camera; `other` is what the period is compared with, as long as it.

    Only days that are over are compared: `period` then ends before `asked_last`, where that is today.
    """

    period: Period
    camera: str = ""
    kind: str = "person"
    against: Against = Against.NOTHING
    other: Period | None = None
    asked_last: date | None = None

    @property
    def last(self) -> date:
        """The last day that was asked for."""
        return self.asked_last or self.period.last

    @property
    def is_cut(self) -> bool:
        return self.last != self.period.last

    def arguments(self) -> dict[str, str]:
        """The address's arguments."""
        values = {
            "from": self.period.first.isoformat(),
            "to": self.last.isoformat(),
            "camera": self.camera,
            "kind": self.kind if self.kind != "person" else "",
            "against": self.against.value,
            "other": self.other.first.isoformat() if self.other and self.against is Against.OWN else "",
        }
        return {name: value for name, value in values.items() if value}

    def among(self, cameras: Sequence[Camera]) -> tuple[Camera, ...]:
        """The cameras that are meant; every one where the chosen one is there no more."""
        return tuple(each for each in cameras if each.name == self.camera) or tuple(cameras)


def read_floor_choice(arguments: Mapping[str, str], today: date, zone: ZoneInfo) -> FloorChoice:
    """What the address asks for; what it leaves out is people, everywhere, of the last week, compared with nothing.

    Raises `PeriodError` for dates that make no period, or two that can't be compared.
    """
    last = parse_date(arguments["to"]) if arguments.get("to") else today
    first = parse_date(arguments["from"]) if arguments.get("from") else last - timedelta(days=DEFAULT_DAYS - 1)
    kind = arguments.get("kind", "")
    against = one_of(Against, arguments.get("against", ""), Against.NOTHING)
    period, other = make_period(first, last, zone, today), None
    begin = other_begin(against, arguments.get("other", ""), period, Unit.DAY)
    if begin is not None:
        period, other = comparable(period, begin, today)
    return FloorChoice(period, arguments.get("camera", ""), kind if kind in KINDS else "person", against, other, last)


def comparable(period: Period, begin: date, today: date) -> tuple[Period, Period]:
    """The period's days that are over, and as many from `begin` on.

    Raises `PeriodError` where none is over, or the two overlap: their noise would be the same in part, so that the
    error of the difference would not be that of two numbers.
    """
    last = min(period.last, today - timedelta(days=1))
    if last < period.first:
        raise PeriodError(marked("Today is not over, so it can't be compared yet; choose an earlier day."))
    shown = Period(period.first, last, period.zone)
    other = Period(begin, begin + timedelta(days=shown.days - 1), period.zone)
    if other.last >= today:
        raise PeriodError(marked("The time to compare with is not over yet; choose an earlier day."))
    if other.first <= shown.last and shown.first <= other.last:
        raise PeriodError(marked("The two times overlap; choose an earlier day to compare with."))
    return shown, other


def presets(choice: FloorChoice, today: date) -> Iterator[tuple[str, dict[str, str]]]:
    """Periods that are asked for often, each with its arguments; the other choices stay."""
    kept = {name: value for name, value in choice.arguments().items() if name != "other"}
    if choice.against is Against.OWN:
        del kept["against"]
    for label, days in PRESETS:
        span = {"from": (today - timedelta(days=days - 1)).isoformat(), "to": today.isoformat()}
        # Today is not over, so it is compared with nothing.
        yield label, {name: value for name, value in kept.items() if days > 1 or name != "against"} | span
