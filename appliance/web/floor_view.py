"""What Explore shows of the floor: durations as charts, ways as a table, heat as cells on the plan."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from appliance.metrics.floor import DWELL_ENDS, HEAT_GRID
from appliance.metrics.geometry import Point
from appliance.metrics.projection import Projection, area
from appliance.metrics.publishing import Published
from appliance.reports.exploration import Point as Drawn
from appliance.reports.exploration import Told
from appliance.reports.floor import Heat, Stays, Ways, shade, stands_out
from appliance.storage.floor_plan import FloorPlan, Placing
from appliance.web.counts import NO_NUMBER, with_error
from appliance.web.plot import Plot, plot
from appliance.web.wording import gettext, this_language
from appliance.web.words import duration

# A plan's height in the units of its drawing.
PLAN_HEIGHT = 1000.0
MOST_HOT = 5
LONG_WAIT = 120
# From so many hours on, minutes are of no use.
WHOLE_HOURS = 10
ANYTIME = datetime(1970, 1, 1, tzinfo=UTC)


def bin_labels() -> tuple[str, ...]:
    """The bins of durations as they are read: such as 0 to 5 s, 1 to 2 min and 10 min +."""
    labels = []
    for begin, end in zip((0, *DWELL_ENDS), DWELL_ENDS, strict=False):
        scale, unit = (60, "min") if begin >= 60 else (1, "s")
        labels.append(f"{begin // scale}\N{EN DASH}{end // scale}\N{NO-BREAK SPACE}{unit}")
    return (*labels, f"{DWELL_ENDS[-1] // 60}\N{NO-BREAK SPACE}min\N{NO-BREAK SPACE}+")


def short_labels() -> list[str]:
    """The same for a chart's axis, where each unit is named once."""
    return [
        label if begin in (0, 60) else label.partition("\N{NO-BREAK SPACE}")[0]
        for begin, label in zip((0, *DWELL_ENDS[:-1]), bin_labels(), strict=False)
    ] + [f"{DWELL_ENDS[-1] // 60}\N{NO-BREAK SPACE}+"]


@dataclass(frozen=True)
class ChangeWords:
    """The number of another period, and the change since: such as `+12 ± 8`, or a dash.

    A change that `is_clear` is more than noise would make.
    """

    before: str
    change: str
    is_clear: bool


@dataclass(frozen=True)
class ZoneStays:
    """One zone's visits by duration. `told` says how many there were, `sentence` how long most lasted, or nothing.

    `rows` are a label, the number in words and its part of all; `drawn` the same numbers for a chart. Beside another
    period (`floor_change`) there are `changes`, `others` for the chart, and what is told `before` and of the change.
    """

    camera: str
    zone: str
    is_queue: bool
    told: str
    sentence: str
    rows: tuple[tuple[str, str, str], ...]
    plot: Plot
    drawn: tuple[Told, ...]
    is_empty: bool
    changes: tuple[tuple[str, str, ChangeWords], ...] = ()
    others: tuple[Told, ...] = ()
    before: str = ""
    sentence_of_change: str = ""


def show_stays(stays: Stays, is_queue: bool, kind: str) -> ZoneStays:
    labels = bin_labels()
    whole = stays.whole
    drawn = tuple(_told(each) for each in stays.bins)
    rows = tuple(
        (label, with_error(each), _percent(each, whole)) for label, each in zip(labels, stays.bins, strict=True)
    )
    return ZoneStays(
        stays.camera,
        stays.zone,
        is_queue,
        _visits(stays, kind),
        _sentence(stays, is_queue, labels),
        rows,
        plot([Drawn(ANYTIME, ANYTIME, each) for each in drawn], short_labels()),
        drawn,
        not any(each.withheld or each.value for each in stays.bins),
    )


def _visits(stays: Stays, kind: str) -> str:
    whole = with_error(stays.whole)
    if kind != "vehicle":
        return gettext("%(number)s visits", number=whole)
    parked = with_error(stays.parked)
    return gettext("%(number)s parked, for a minute or more, of %(whole)s that came", number=parked, whole=whole)


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
    """From one zone: to each zone the number in words, and a shade from 0 to `SHADES`; None to itself.

    Beside another period each cell has a change.
    """

    zone: str
    cells: tuple[tuple[str, int] | None, ...]
    changes: tuple[ChangeWords | None, ...] = ()


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
        WayRow(
            zone,
            tuple(
                None if each is None else (with_error(each), shade(each.surely_some, each.value, most)) for each in row
            ),
        )
        for zone, row in zip(ways.zones, ways.numbers, strict=True)
    )
    return CameraWays(ways.camera, ways.zones, rows, not any(each.withheld or each.value for each in numbers))


@dataclass(frozen=True)
class HeatCell:
    """`points` in the units of what it is drawn on; `title` says where and how long.

    A cell of a change `is_less` where people stood for a shorter time.
    """

    points: tuple[Point, ...]
    shade: int
    title: str
    is_less: bool = False

    @property
    def outline(self) -> str:
        """The points as SVG's."""
        return outline(self.points)

    @property
    def middle(self) -> Point:
        """Where a sign may stand."""
        x, y = (sum(values) / len(self.points) for values in zip(*self.points, strict=True))
        return Point(round(x, 1), round(y, 1))


@dataclass(frozen=True)
class CameraHeat:
    """A camera's heat map, in its own picture's frame: `columns` by `rows` cells. `hot` are the longest, in words.

    Beside another period the cells are of what changed, and `changes` the strongest: place, now, before, change.
    """

    camera: str
    is_placed: bool
    is_known: bool
    merged: int
    cells: tuple[HeatCell, ...]
    hot: tuple[tuple[str, str], ...]
    changes: tuple[tuple[str, str, str, str], ...] = ()
    is_counted: bool = True


def show_heat(heat: Heat, placing: Placing | None) -> CameraHeat:
    """The picture's grid, without a picture: 16 by 12 units."""
    numbers = list(_numbered(heat))
    most = max((number.value for _, _, number in numbers if stands_out(number)), default=0.0)
    cells = tuple(
        HeatCell(
            grid_cell(column, row, heat.merged),
            shade(stands_out(number), number.value, most),
            f"{place_in_picture(heat.merged, column, row)}: {in_time(number)}",
        )
        for column, row, number in numbers
    )
    hot = sorted((each for each in numbers if stands_out(each[2])), key=lambda each: -each[2].value)[:MOST_HOT]
    return CameraHeat(
        heat.camera,
        placing is not None,
        heat.is_known,
        heat.merged,
        cells,
        tuple((place_in_picture(heat.merged, column, row), in_time(number)) for column, row, number in hot),
    )


def grid_cell(column: int, row: int, side: int) -> tuple[Point, ...]:
    """A cell of a grid whose cells are so many units wide and high."""
    left, top, right, bottom = column * side, row * side, (column + 1) * side, (row + 1) * side
    return Point(left, top), Point(right, top), Point(right, bottom), Point(left, bottom)


def heat_on_plan(heats: Sequence[Heat], plan: FloorPlan) -> tuple[HeatCell, ...]:
    """The cells of every camera that is placed, where they lie on the plan; shaded by time for the floor's area."""
    return density_cells(
        (
            (
                heat.camera,
                (len(heat.rows[0]), len(heat.rows)),
                [(column, row, each.value, in_time(each)) for column, row, each in _numbered(heat) if stands_out(each)],
            )
            for heat in heats
        ),
        plan,
    )


def density_cells(
    found: Iterable[tuple[str, tuple[int, int], Iterable[tuple[int, int, float, str]]]], plan: FloorPlan
) -> tuple[HeatCell, ...]:
    """Cells of cameras where they lie on the plan, shaded by seconds for the floor's area.

    Of each camera: its name, its grid's columns and rows, and the cells that are drawn, each as column, row, seconds,
    which are below zero for a shorter time than before, and words.
    """
    drawn: list[tuple[tuple[Point, ...], float, str]] = []
    for camera, (columns, rows), cells in found:
        placing = plan.placing(camera)
        if placing is None:
            continue
        projection = projection_of(placing)
        for column, row, seconds, words in cells:
            corners = projection.cell(column, row, columns, rows)
            if corners:
                drawn.append((corners, seconds / max(area(corners), 1e-9), f"{camera}: {words}"))
    most = max((abs(density) for _, density, _ in drawn), default=0.0)
    width = PLAN_HEIGHT * plan.proportion
    return tuple(
        HeatCell(
            tuple(Point(x * width, y * PLAN_HEIGHT) for x, y in corners),
            shade(True, abs(density), most),
            title,
            density < 0,
        )
        for corners, density, title in drawn
    )


def projection_of(placing: Placing) -> Projection:
    """Raises `GeometryError`."""
    first, second, third, fourth = (Point(*corner) for corner in placing.corners)
    return Projection((first, second, third, fourth), placing.top)


def in_time(number: Published) -> str:
    """Such as 3 h 20 min ± 15 min."""
    text = told_time(max(0.0, number.value))
    return f"{text} ±\N{NO-BREAK SPACE}{told_time(number.margin)}" if number.margin else text


def told_time(seconds: float) -> str:
    """Such as 3 h 20 min, or 45 s."""
    hours, rest = divmod(round(seconds / 60), 60)
    if hours >= WHOLE_HOURS:
        return f"{round(seconds / 3600)}\N{NO-BREAK SPACE}h"
    return f"{hours}\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}{rest:02}\N{NO-BREAK SPACE}min" if hours else duration(seconds)


def _numbered(heat: Heat) -> Iterator[tuple[int, int, Published]]:
    for row, numbers in enumerate(heat.rows):
        for column, number in enumerate(numbers):
            yield column, row, number


def outline(points: Iterable[Point]) -> str:
    """Points of a polygon in SVG."""
    return " ".join(f"{round(x, 1):g},{round(y, 1):g}" for x, y in points)


def place_in_picture(merged: int, column: int, row: int) -> str:
    """Where a cell lies in the picture, with so many cells in each direction made one."""
    columns, rows = (size // merged for size in HEAT_GRID)
    return gettext(
        "%(left)s from the left, %(top)s from the top",
        left=this_language().percent((column + 0.5) / columns),
        top=this_language().percent((row + 0.5) / rows),
    )


@dataclass(frozen=True)
class PlanMark:
    """One part of a plan, in the units of its drawing; `x` and `y` are where its text stands."""

    kind: str
    points: tuple[Point, ...]
    text: str
    x: float
    y: float

    @property
    def outline(self) -> str:
        """The points as SVG's."""
        return outline(self.points)


def draw_plan(plan: FloorPlan) -> list[PlanMark]:
    """Areas first, then walls, then names."""
    width = PLAN_HEIGHT * plan.proportion
    order: Mapping[str, int] = {"area": 0, "wall": 1, "label": 2}
    marks = []
    for shape in sorted(plan.shapes, key=lambda each: order[each.kind]):
        spots = tuple(Point(x * width, y * PLAN_HEIGHT) for x, y in shape.points)
        x, y = (sum(values) / len(spots) for values in zip(*spots, strict=True))
        marks.append(PlanMark(shape.kind, spots, shape.text, round(x, 1), round(y, 1)))
    return marks
