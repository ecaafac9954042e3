"""One measure over time, as it may be shown: for the page Explore, its table and its PDF.

The database adds up; in the mode `threshold` the site's days are suppressed as everywhere (`sums`), so quarters of an
hour are not told in it.
"""

import itertools
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from sqlalchemy import Connection

from appliance.errors import UsageError
from appliance.metrics.publishing import Published, total
from appliance.metrics.uncertainty import Noise
from appliance.reports.period import Period
from appliance.reports.sums import Sums, has_thresholds, suppressed_days
from appliance.storage.measurements import seconds_of

Places = Literal["lines", "zones", "queues", "flows"]


class Unit(StrEnum):
    """What one point stands for."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


# The longest period in days that is shown in each unit: some hundred points at most.
MOST_DAYS = {Unit.QUARTER: 4, Unit.HOUR: 16, Unit.DAY: 400, Unit.WEEK: 5 * 366, Unit.MONTH: 5 * 366}
LENGTHS = {Unit.QUARTER: timedelta(minutes=15), Unit.HOUR: timedelta(hours=1)}


class Kind(StrEnum):
    """How a number is made of stored ones."""

    SUM = "sum"
    MAXIMUM = "maximum"
    MEAN = "mean"  # seconds of people over seconds of observation
    STAY = "stay"  # seconds of people over visits


@dataclass(frozen=True)
class Subject:
    """What can be asked for: stored measure, kind and direction, at which places, and in what it is told."""

    measure: str
    places: Places
    kind: Kind = Kind.SUM
    counted: str = "person"
    direction: str = ""
    told_in: Literal["people", "vehicles", "seconds"] = "people"


SUBJECTS: Mapping[str, Subject] = {
    "in": Subject("crossings", "lines", direction="in"),
    "out": Subject("crossings", "lines", direction="out"),
    "visits": Subject("visits", "zones"),
    "occupancy": Subject("occupancy_seconds", "zones", Kind.MEAN),
    "occupancy-maximum": Subject("occupancy_maximum", "zones", Kind.MAXIMUM),
    "dwell": Subject("occupancy_seconds", "zones", Kind.STAY, told_in="seconds"),
    "queue": Subject("occupancy_seconds", "queues", Kind.MEAN),
    "queue-maximum": Subject("occupancy_maximum", "queues", Kind.MAXIMUM),
    "waiting": Subject("occupancy_seconds", "queues", Kind.STAY, told_in="seconds"),
    "flows": Subject("flows", "flows"),
    "vehicles-in": Subject("crossings", "lines", counted="vehicle", direction="in", told_in="vehicles"),
    "vehicles-out": Subject("crossings", "lines", counted="vehicle", direction="out", told_in="vehicles"),
}


class TooFine(UsageError):
    """The period is too long for the unit, or the counts are stored less finely."""


@dataclass(frozen=True)
class Question:
    """`places` are the cameras and places that are added up, None for every one there is."""

    subject: Subject
    places: frozenset[tuple[str, str]] | None
    period: Period
    unit: Unit


@dataclass(frozen=True)
class Told:
    """A number as it may be shown: None where nothing may be said, plus and minus `margin` its 95 % interval.

    With `at_least` a part is withheld.
    """

    value: float | None = None
    margin: float = 0.0
    at_least: bool = False


@dataclass(frozen=True)
class Point:
    """One interval, from `start` to before `end` (UTC)."""

    start: datetime
    end: datetime
    told: Told


@dataclass(frozen=True)
class Answer:
    """The points in order, and the same of the whole period. `together` tells of some of them, by their indices."""

    points: tuple[Point, ...]
    whole: Told
    together: Callable[[Iterable[int]], Told]


@dataclass
class _Found:
    """What one interval is made of, by camera and place."""

    amounts: dict[tuple[str, str], Published] = field(default_factory=dict)
    visits: dict[tuple[str, str], Published] = field(default_factory=dict)
    observed: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))


def explore(connection: Connection, question: Question, now: datetime, k: int) -> Answer:
    """The measure in each interval of the period, and in the whole of it. Raises `TooFine`."""
    check(connection, question)
    edges = cut(question.period, question.unit)
    found = _read(connection, question, edges)
    if has_thresholds(connection, question.period):
        _add_suppressed(connection, question, edges, found, now, k)
    points = tuple(
        Point(start, end, _tell(question.subject, [each]) if start <= now else Told())
        for (start, end), each in zip(edges, found, strict=True)
    )
    return Answer(
        points,
        _tell(question.subject, found),
        lambda indices: _tell(question.subject, [found[index] for index in indices]),
    )


def check(connection: Connection, question: Question) -> None:
    """Raises `TooFine`."""
    period, unit = question.period, question.unit
    if period.days > MOST_DAYS[unit]:
        raise TooFine(f"{period.days} days are too many to be shown by the {unit}; choose fewer days or a longer unit.")
    if unit not in LENGTHS:
        return
    longest = connection.exec_driver_sql(
        "SELECT max(bucket_seconds) FROM measurement WHERE bucket_start >= ? AND bucket_start < ?",
        (seconds_of(period.start), seconds_of(period.end)),
    ).scalar()
    if longest and longest > LENGTHS[unit].total_seconds():
        raise TooFine(f"The counts of this period are stored every {longest // 60} minutes; choose a longer unit.")


def cut(period: Period, unit: Unit) -> list[tuple[datetime, datetime]]:
    """The period in intervals of the unit, in order, without gap or overlap; weeks begin on Mondays."""
    if unit in LENGTHS:
        length = LENGTHS[unit]
        count = math.ceil((period.end - period.start) / length)
        starts = [period.start + number * length for number in range(count)]
    else:
        days = [period.first + timedelta(days=number) for number in range(period.days)]
        begins = {Unit.DAY: lambda _day: True, Unit.WEEK: lambda day: day.weekday() == 0}
        begin = begins.get(unit, lambda day: day.day == 1)
        starts = [Period(day, day, period.zone).start for number, day in enumerate(days) if number == 0 or begin(day)]
    return list(itertools.pairwise([*starts, period.end]))


def _read(connection: Connection, question: Question, edges: Sequence[tuple[datetime, datetime]]) -> list[_Found]:
    """The modes `differential` and `off`, added up by the database."""
    found = [_Found() for _ in edges]
    subject = question.subject
    for number, *place, sums in _rows(connection, question, edges, subject.measure, subject.direction):
        amount, largest, variance, squares = sums
        value = largest if subject.kind is Kind.MAXIMUM else amount
        found[number].amounts[place[0], place[1]] = Published(value, Noise(variance, squares))
    if subject.kind is Kind.STAY:
        for number, *place, (amount, _, variance, squares) in _rows(connection, question, edges, "visits", ""):
            found[number].visits[place[0], place[1]] = Published(amount, Noise(variance, squares))
    if subject.kind is Kind.MEAN:
        for number, camera, place, seconds in _observed(connection, question, edges):
            found[number].observed[camera, place] += seconds
    return found


POINTS = "WITH point AS (SELECT key AS number, value ->> 0 AS start, value ->> 1 AS end FROM json_each(?))"
ROWS = f"""{POINTS}
SELECT point.number, camera, place, sum(value), max(value), sum(variance), sum(variance * variance)
FROM point CROSS JOIN measurement
WHERE bucket_start >= point.start AND bucket_start < point.end
    AND measure = ? AND kind = ? AND direction = ? AND mode != 'threshold'
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own
OBSERVED = f"""{POINTS}
SELECT point.number, each.camera, each.place, sum(whole.value)
FROM point CROSS JOIN measurement AS each CROSS JOIN measurement AS whole
WHERE each.bucket_start >= point.start AND each.bucket_start < point.end
    AND each.measure = ? AND each.kind = ? AND each.mode != 'threshold'
    AND whole.bucket_start = each.bucket_start AND whole.camera = each.camera AND whole.measure = 'observed_seconds'
    AND whole.bucket_seconds = each.bucket_seconds AND whole.mode = each.mode AND whole.epsilon = each.epsilon
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own


def _rows(
    connection: Connection, question: Question, edges: Sequence[tuple[datetime, datetime]], measure: str, direction: str
) -> Iterable[tuple[int, str, str, tuple[float, float, float, float]]]:
    values = (_as_json(edges), measure, question.subject.counted, direction)
    for number, camera, place, *sums in connection.exec_driver_sql(ROWS, values):
        if question.places is None or (camera, place) in question.places:
            yield number, camera, place, (sums[0], sums[1], sums[2], sums[3])


def _observed(
    connection: Connection, question: Question, edges: Sequence[tuple[datetime, datetime]]
) -> Iterable[tuple[int, str, str, float]]:
    """For how long each zone was observed; a zone may be younger than its camera."""
    values = (_as_json(edges), question.subject.measure, question.subject.counted)
    for number, camera, place, seconds in connection.exec_driver_sql(OBSERVED, values):
        if question.places is None or (camera, place) in question.places:
            yield number, camera, place, seconds


def _as_json(edges: Sequence[tuple[datetime, datetime]]) -> str:
    return json.dumps([(seconds_of(start), seconds_of(end)) for start, end in edges])


def _add_suppressed(
    connection: Connection,
    question: Question,
    edges: Sequence[tuple[datetime, datetime]],
    found: Sequence[_Found],
    now: datetime,
    k: int,
) -> None:
    """The mode `threshold`: whole days, or hours of them; of quarters of an hour nothing is told."""
    days = list(suppressed_days(connection, question.period, now, k))
    for (start, end), each in zip(edges, found, strict=True):
        for day in days:
            if end <= day.start or day.end <= start:
                continue
            sums = Sums() if question.unit is Unit.QUARTER else day.between(start, end)
            _take(question, sums, each)
            if question.unit is Unit.QUARTER:
                for key in day.whole.numbers:
                    _take(question, Sums({key: Published(withheld=True)}), each)


def _take(question: Question, sums: Sums, found: _Found) -> None:
    subject = question.subject
    for (camera, measure, place, kind, direction), number in sums.numbers.items():
        where = (camera, place)
        if kind != subject.counted or not (question.places is None or where in question.places):
            continue
        if (measure, direction) == (subject.measure, subject.direction):
            before = found.amounts.get(where, Published())
            found.amounts[where] = (
                max(before, number, key=lambda each: each.value) if _is_maximum(subject) else (before + number)
            )
            found.observed[where] += sums.zone_seconds.get((camera, place, kind), 0.0)
        elif subject.kind is Kind.STAY and measure == "visits":
            found.visits[where] = found.visits.get(where, Published()) + number


def _is_maximum(subject: Subject) -> bool:
    return subject.kind is Kind.MAXIMUM


def _tell(subject: Subject, parts: Sequence[_Found]) -> Told:
    """One number of all the parts together."""
    places = {place for part in parts for place in part.amounts}
    if not places:
        return Told()
    if subject.kind is Kind.MAXIMUM:
        numbers = [number for part in parts for number in part.amounts.values() if not number.withheld]
        return Told(max(number.value for number in numbers)) if numbers else Told()
    if subject.kind is Kind.MEAN:
        return _mean(parts, places)
    amount = total(number for part in parts for number in part.amounts.values())
    if subject.kind is Kind.STAY:
        return _ratio(amount, total(number for part in parts for number in part.visits.values()))
    if amount.withheld and amount.value <= 0:
        return Told(at_least=True)
    return Told(amount.value, amount.noise.margin, amount.withheld)


def _mean(parts: Sequence[_Found], places: Iterable[tuple[str, str]]) -> Told:
    """People at once on average: of each place over its own time of observation, then all places together."""
    value, squares, known = 0.0, 0.0, False
    for place in places:
        seconds = total(part.amounts.get(place, Published()) for part in parts)
        observed = sum(part.observed.get(place, 0.0) for part in parts)
        if observed > 0 and not seconds.withheld:
            known = True
            value += seconds.value / observed
            squares += (seconds.noise.margin / observed) ** 2
    return Told(value, math.sqrt(squares)) if known else Told()


def _ratio(seconds: Published, visits: Published) -> Told:
    """Seconds a visit. Nothing is told where there may have been no visit at all, as far as the noise lets one know."""
    if seconds.withheld or visits.withheld or visits.value <= max(visits.noise.margin, 0.0):
        return Told()
    value = seconds.value / visits.value
    # To first order; the noises of both are independent.
    margin = math.hypot(seconds.noise.margin, value * visits.noise.margin) / visits.value
    return Told(max(0.0, value), margin)
