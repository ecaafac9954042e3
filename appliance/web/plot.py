"""A chart as paths of SVG in a square of 1000 by 1000, drawn without a script. Plain arithmetic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.reports.exploration import Point, Told

SIZE = 1000.0
# Part of its interval's width that a bar takes.
BAR = 0.72
MOST_TICKS = 8
# Nothing that is counted is smaller, and a power of ten below it may be none.
LEAST = 1e-9


@dataclass(frozen=True)
class Tick:
    """A mark at `at` per cent of the axis, from the left or from the top.

    Those of the higher `rank`, 2 and then 1, go first where there is no room.
    """

    at: float
    label: str
    rank: int = 0


@dataclass(frozen=True)
class Plot:
    """Paths for the attribute `d`; `line` is the other period, and empty without one. `top` is the axis's end."""

    bars: str
    errors: str
    line: str
    shade: str
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    top: float


def plot(
    points: Sequence[Point],
    labels: Sequence[str],
    others: Sequence[Told] = (),
    spans: Sequence[tuple[datetime, datetime]] = (),
    step_label: str = "{}",
) -> Plot:
    """Bars with their error bars, the other period as a line, and the `spans` of opening hours as shade."""
    everything = [point.told for point in points] + list(others)
    top = _top([(told.value or 0.0) + told.margin for told in everything])
    return Plot(
        bars="".join(_bar(index, len(points), point.told, top) for index, point in enumerate(points)),
        errors="".join(_error(index, len(points), point.told, top) for index, point in enumerate(points)),
        line=_line(others, len(points), top),
        shade="".join(_shade(span, points) for span in spans),
        rows=tuple(
            Tick(round(100 - 100 * value / top, 2), step_label.format(f"{value:,.10g}")) for value in _steps(top)
        ),
        columns=columns(labels),
        top=top,
    )


def _top(values: Sequence[float]) -> float:
    """A round number that all values are below, by a little."""
    highest = max([*values, 0.0]) * 1.05
    if highest < LEAST:
        return 5.0
    unit = 10.0 ** math.floor(math.log10(highest))
    return next(step * unit for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * unit >= highest)


def _steps(top: float) -> list[float]:
    unit = 10.0 ** math.floor(math.log10(top))
    step = next(each * unit for each in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5) if top / (each * unit) <= 5)
    return [step * number for number in range(1, int(top / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _height(value: float, top: float) -> float:
    return SIZE - SIZE * min(max(value, 0.0), top) / top


def _bar(index: int, count: int, told: Told, top: float) -> str:
    if told.value is None or told.value <= 0:
        return ""
    width = SIZE / count * BAR
    left = SIZE / count * (index + (1 - BAR) / 2)
    return f"M{_number(left)} 1000V{_number(_height(told.value, top))}h{_number(width)}V1000z"


def _error(index: int, count: int, told: Told, top: float) -> str:
    if told.value is None or not told.margin:
        return ""
    low, high = _height(told.value - told.margin, top), _height(told.value + told.margin, top)
    return f"M{_number(SIZE / count * (index + 0.5))} {_number(low)}V{_number(high)}"


def _line(others: Sequence[Told], count: int, top: float) -> str:
    parts, drawn = [], False
    for index, told in enumerate(others[:count]):
        if told.value is None:
            drawn = False
            continue
        at = f"{_number(SIZE / count * (index + 0.5))} {_number(_height(told.value, top))}"
        parts.append(f"{'L' if drawn else 'M'}{at}")
        drawn = True
    return "".join(parts)


def _shade(span: tuple[datetime, datetime], points: Sequence[Point]) -> str:
    begin, end = points[0].start, points[-1].end
    left, right = (SIZE * min(max((moment - begin) / (end - begin), 0.0), 1.0) for moment in span)
    return f"M{_number(left)} 0H{_number(right)}V1000H{_number(left)}z" if right > left else ""


def columns(labels: Sequence[str]) -> tuple[Tick, ...]:
    """Marks beneath the intervals, as many as there is room for."""
    every = math.ceil(len(labels) / MOST_TICKS)
    shown = range(0, len(labels), every)
    return tuple(
        Tick(round(100 * (index + 0.5) / len(labels), 2), labels[index], (0, 2, 1, 2)[number % 4])
        for number, index in enumerate(shown)
    )
