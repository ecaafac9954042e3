"""What Explore shows of the floor: durations as charts, ways as a table, heat as cells on the plan."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from appliance.language import marked
from appliance.metrics.floor import DWELL_ENDS, HEAT_GRID
from appliance.metrics.geometry import Point
from appliance.metrics.projection import Projection, area
from appliance.metrics.publishing import Published
from appliance.reports.exploration import Point as Drawn
from appliance.reports.exploration import Told
from appliance.reports.floor import Heat, Stays, Ways
from appliance.storage.floor_plan import FloorPlan, Placing
from appliance.web.counts import NO_NUMBER, with_error
from appliance.web.plot import Plot, plot
from appliance.web.wording import gettext, this_language
from appliance.web.words import duration

# Shades of the heat map and of the table of ways, from the faintest on.
SHADES = 5
# A plan's height in the units of its drawing.
PLAN_HEIGHT = 1000.0
MOST_HOT = 8
LONG_WAIT = 120
ANYTIME = datetime(1970, 1, 1, tzinfo=UTC)
STEPS = 12


def bin_labels() -> tuple[str, ...]:
    """The bins of durations as they are read: such as 0 to 5 s, 1 to 2 min and 10 min +."""
    labels = []
    for begin, end in zip((0, *DWELL_ENDS), DWELL_ENDS, strict=False):
        scale, unit = (60, "min") if begin >= 60 else (1, "s")
        labels.append(f"{begin // scale}\N{EN DASH}{end // scale}\N{NO-BREAK SPACE}{unit}")
    return (*labels, f"{DWELL_ENDS[-1] // 60}\N{NO-BREAK SPACE}min\N{NO-BREAK SPACE}+")


@dataclass(frozen=True)
class ZoneStays:
    """One zone's visits by duration; `rows` are a label, the number in words and its part of all."""

    camera: str
    zone: str
    is_queue: bool
    whole: str
    sentence: str
    parked: str
    rows: tuple[tuple[str, str, str], ...]
    plot: Plot
    is_empty: bool


def show_stays(stays: Stays, is_queue: bool, kind: str) -> ZoneStays:
    labels = bin_labels()
    whole = stays.whole
    rows = tuple(
        (label, with_error(each), _percent(each, whole)) for label, each in zip(labels, stays.bins, strict=True)
    )
    return ZoneStays(
        stays.camera,
        stays.zone,
        is_queue,
        with_error(whole),
        _sentence(stays, is_queue, labels),
        with_error(stays.parked) if kind == "vehicle" else "",
        rows,
        plot([Drawn(ANYTIME, ANYTIME, _told(each)) for each in stays.bins], labels),
        not any(each.withheld or each.value for each in stays.bins),
    )


def _sentence(stays: Stays, is_queue: bool, labels: Sequence[str]) -> str:
    """How long most stay, where the numbers are sure enough to say."""
    middle = stays.median_bin
    if middle is None:
        return ""
    longer = stays.longer_than(LONG_WAIT)
    part = _percent(longer, stays.whole) if longer.surely_some else ""
    if is_queue and part:
        return gettext(
            "The usual wait is %(duration)s; %(percent)s wait for two minutes or more.",
            duration=labels[middle],
            percent=part,
        )
    if is_queue:
        return gettext("The usual wait is %(duration)s.", duration=labels[middle])
    if part:
        return gettext(
            "The usual stay is %(duration)s; %(percent)s stay for two minutes or more.",
            duration=labels[middle],
            percent=part,
        )
    return gettext("The usual stay is %(duration)s.", duration=labels[middle])


def _percent(part: Published, whole: Published) -> str:
    """The part of the whole; a dash where either is withheld or not more than noise."""
    if part.withheld or whole.withheld or not whole.surely_some:
        return NO_NUMBER
    return this_language().percent(min(1.0, max(0.0, part.value / whole.value)))


def _told(number: Published) -> Told:
    if number.withheld and number.value <= 0:
        return Told(at_least=True)
    return Told(number.value, number.margin, number.withheld)


@dataclass(frozen=True)
class WayRow:
    """From one zone: to each zone the number in words, and a shade from 0 to `SHADES`; None to itself."""

    zone: str
    cells: tuple[tuple[str, int] | None, ...]


@dataclass(frozen=True)
class CameraWays:
    camera: str
    zones: tuple[str, ...]
    rows: tuple[WayRow, ...]
    is_empty: bool


def show_ways(ways: Ways) -> CameraWays:
    numbers = [each for row in ways.numbers for each in row if each is not None]
    most = max((each.value for each in numbers if each.surely_some), default=0.0)
    rows = tuple(
        WayRow(zone, tuple(None if each is None else (with_error(each), shade(each, each.value, most)) for each in row))
        for zone, row in zip(ways.zones, ways.numbers, strict=True)
    )
    return CameraWays(ways.camera, ways.zones, rows, not any(each.withheld or each.value for each in numbers))


def shade(number: Published, value: float, most: float) -> int:
    """0 for what may be noise alone, else 1 to `SHADES` by the root of the value's part of the most."""
    if not number.surely_some or most <= 0 or value <= 0:
        return 0
    return max(1, min(SHADES, math.ceil(SHADES * math.sqrt(value / most))))


@dataclass(frozen=True)
class HeatCell:
    """`outline` are points of SVG; `title` says where and how long."""

    outline: str
    shade: int
    title: str


@dataclass(frozen=True)
class CameraHeat:
    """A camera's heat map, in its own picture's frame: `columns` by `rows` cells. `hot` are the longest, in words."""

    camera: str
    is_placed: bool
    is_known: bool
    merged: int
    cells: tuple[HeatCell, ...]
    hot: tuple[tuple[str, str], ...]


def show_heat(heat: Heat, placing: Placing | None) -> CameraHeat:
    """The picture's grid, without a picture: 16 by 12 units."""
    numbers = list(_numbered(heat))
    most = max((number.value for _, _, number in numbers if number.surely_some), default=0.0)
    side = heat.merged
    cells = tuple(
        HeatCell(
            _outline(
                Point(x, y)
                for x, y in (
                    (column * side, row * side),
                    ((column + 1) * side, row * side),
                    ((column + 1) * side, (row + 1) * side),
                    (column * side, (row + 1) * side),
                )
            ),
            shade(number, number.value, most),
            _title(heat, column, row, number),
        )
        for column, row, number in numbers
    )
    hot = sorted((each for each in numbers if each[2].surely_some), key=lambda each: -each[2].value)[:MOST_HOT]
    return CameraHeat(
        heat.camera,
        placing is not None,
        heat.is_known,
        heat.merged,
        cells,
        tuple((_place(heat, column, row), in_time(number)) for column, row, number in hot),
    )


def heat_on_plan(heats: Sequence[Heat], plan: FloorPlan) -> tuple[HeatCell, ...]:
    """The cells of every camera that is placed, where they lie on the plan; shaded by time for the floor's area."""
    found: list[tuple[tuple[Point, ...], Published, float, str]] = []
    for heat in heats:
        placing = plan.placing(heat.camera)
        if placing is None:
            continue
        projection = projection_of(placing)
        columns, rows = len(heat.rows[0]), len(heat.rows)
        for column, row, number in _numbered(heat):
            outline = projection.cell(column, row, columns, rows)
            if outline and number.surely_some:
                density = number.value / max(area(outline), 1e-9)
                found.append((outline, number, density, f"{heat.camera}: {in_time(number)}"))
    most = max((density for _, _, density, _ in found), default=0.0)
    width = PLAN_HEIGHT * plan.proportion
    return tuple(
        HeatCell(_outline(Point(x * width, y * PLAN_HEIGHT) for x, y in outline), shade(number, density, most), title)
        for outline, number, density, title in found
    )


def projection_of(placing: Placing) -> Projection:
    """Raises `GeometryError`."""
    first, second, third, fourth = (Point(*corner) for corner in placing.corners)
    return Projection((first, second, third, fourth), placing.top)


def in_time(number: Published) -> str:
    """Such as 3 h 20 min ± 15 min."""
    text = _time(max(0.0, number.value))
    return f"{text}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{_time(number.margin)}" if number.margin else text


def _time(seconds: float) -> str:
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours}\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}{rest:02}\N{NO-BREAK SPACE}min" if hours else duration(seconds)


def _numbered(heat: Heat) -> Iterator[tuple[int, int, Published]]:
    for row, numbers in enumerate(heat.rows):
        for column, number in enumerate(numbers):
            yield column, row, number


def _outline(points: Iterator[Point]) -> str:
    return " ".join(f"{round(x, 1):g},{round(y, 1):g}" for x, y in points)


def _title(heat: Heat, column: int, row: int, number: Published) -> str:
    return f"{_place(heat, column, row)}: {in_time(number)}"


def _place(heat: Heat, column: int, row: int) -> str:
    """Where a cell lies in the picture."""
    columns, rows = (size // heat.merged for size in HEAT_GRID)
    return gettext(
        "%(left)s from the left, %(top)s from the top",
        left=this_language().percent((column + 0.5) / columns),
        top=this_language().percent((row + 0.5) / rows),
    )


@dataclass(frozen=True)
class PlanMark:
    """One part of a plan as SVG: `points` of a wall or an area; x and y of a label or of an area's name."""

    kind: str
    points: str
    text: str
    x: float
    y: float


def draw_plan(plan: FloorPlan) -> list[PlanMark]:
    """Areas first, then walls, then names."""
    width = PLAN_HEIGHT * plan.proportion
    order: Mapping[str, int] = {"area": 0, "wall": 1, "label": 2}
    marks = []
    for shape in sorted(plan.shapes, key=lambda each: order[each.kind]):
        spots = [Point(x * width, y * PLAN_HEIGHT) for x, y in shape.points]
        x, y = (sum(values) / len(spots) for values in zip(*spots, strict=True))
        marks.append(PlanMark(shape.kind, _outline(iter(spots)), shape.text, round(x, 1), round(y, 1)))
    return marks


HEAT_MISSING = marked("No camera measures where people stand. An installer switches it on under Cameras, “Heat map”.")
