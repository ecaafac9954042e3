"""What is asked of the floor: of which days, at which camera, of people or vehicles; every choice is in the address."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from appliance.language import marked
from appliance.reports.period import Period, make_period, parse_date
from appliance.storage.cameras import Camera

DEFAULT_DAYS = 7
KINDS = {"person": marked("People"), "vehicle": marked("Vehicles")}
PRESETS = ((marked("Today"), 1), (marked("7 days"), 7), (marked("4 weeks"), 28))


@dataclass(frozen=True)
class FloorChoice:
    """`camera` is empty for every camera."""

    period: Period
    camera: str = ""
    kind: str = "person"

    def arguments(self) -> dict[str, str]:
        """The address's arguments."""
        values = {
            "from": self.period.first.isoformat(),
            "to": self.period.last.isoformat(),
            "camera": self.camera,
            "kind": self.kind if self.kind != "person" else "",
        }
        return {name: value for name, value in values.items() if value}

    def among(self, cameras: Sequence[Camera]) -> tuple[Camera, ...]:
        """The cameras that are meant; every one where the chosen one is there no more."""
        return tuple(each for each in cameras if each.name == self.camera) or tuple(cameras)


def read_floor_choice(arguments: Mapping[str, str], today: date, zone: ZoneInfo) -> FloorChoice:
    """What the address asks for; what it leaves out is people, everywhere, of the last week.

    Raises `PeriodError` for dates that make no period.
    """
    last = parse_date(arguments["to"]) if arguments.get("to") else today
    first = parse_date(arguments["from"]) if arguments.get("from") else last - timedelta(days=DEFAULT_DAYS - 1)
    kind = arguments.get("kind", "")
    return FloorChoice(
        make_period(first, last, zone, today), arguments.get("camera", ""), kind if kind in KINDS else "person"
    )


def presets(choice: FloorChoice, today: date) -> Iterator[tuple[str, dict[str, str]]]:
    """Periods that are asked for often, each with its arguments; the other choices stay."""
    for label, days in PRESETS:
        span = {"from": (today - timedelta(days=days - 1)).isoformat(), "to": today.isoformat()}
        yield label, choice.arguments() | span
