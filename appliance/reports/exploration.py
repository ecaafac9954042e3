"""One measure over time, as it may be shown: for the page Explore, its table and its PDF.

The database adds up; in the mode `threshold` the site's days are suppressed as everywhere (`sums`), so quarters of an
hour are not told in it.
"""

import itertools
import json
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal

from sqlalchemy import Connection

from appliance.errors import UsageError
from appliance.metrics.publishing import Published, total
from appliance.metrics.uncertainty import Noise
from appliance.reports.daily import days_of
from appliance.reports.period import Period
from appliance.reports.sums import Sums, has_thresholds, suppressed_days
from appliance.storage import daily_sums
from appliance.storage.measurements import seconds_of

Places = Literal["lines", "zones", "queues", "flows"]
Edge = tuple[datetime, datetime]


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


def cut(period: Period, unit: Unit) -> list[Edge]:
    """The period in intervals of the unit, in order, without gap or overlap; weeks begin on Mondays."""
    if unit in LENGTHS:
        length = LENGTHS[unit]
        count = math.ceil((period.end - period.start) / length)
        starts = [period.start + number * length for number in range(count)]
    else:
        days = [period.first + timedelta(days=number) for number in range(period.days)]
        starts = [
            Period(day, day, period.zone).start for number, day in enumerate(days) if number == 0 or _begins(day, unit)
        ]
    return list(itertools.pairwise([*starts, period.end]))


def _begins(day: date, unit: Unit) -> bool:
    """Whether an interval of the unit, a day or longer, begins on the day."""
    return unit is Unit.DAY or (unit is Unit.WEEK and day.weekday() == 0) or (unit is Unit.MONTH and day.day == 1)


def _read(connection: Connection, question: Question, edges: Sequence[Edge]) -> list[_Found]:
    """The modes `differential` and `off`, added up by the database: from the days' sums as far as there are any."""
    found = [_Found() for _ in edges]
    subject = question.subject
    buckets, days = _sources(connection, question, edges)
    for where in (_Buckets(connection, question, buckets), _Days(connection, question, days)):
        for number, place, amount in where.sums(subject.measure, subject.direction):
            before = found[number].amounts.get(place)
            found[number].amounts[place] = amount if before is None else _join(subject, before, amount)
        if subject.kind is Kind.STAY:
            for number, place, amount in where.sums("visits", ""):
                found[number].visits[place] = found[number].visits.get(place, Published()) + amount
        if subject.kind is Kind.MEAN:
            for number, place, seconds in where.observed():
                found[number].observed[place] += seconds
    return found


def _join(subject: Subject, first: Published, second: Published) -> Published:
    if subject.kind is Kind.MAXIMUM:
        return max(first, second, key=lambda each: each.value)
    return first + second


def _sources(
    connection: Connection, question: Question, edges: Sequence[Edge]
) -> tuple[list[tuple[int, Edge]], list[tuple[int, Edge]]]:
    """What is to be read from the buckets, and which days have their sums; each with its interval's number."""
    if question.unit in LENGTHS:
        return list(enumerate(edges)), []
    days = days_of(question.period)
    known = daily_sums.known(connection, days)
    starts = [start for start, _ in edges]
    numbered = [(bisect_right(starts, day[0]) - 1, day) for day in days]
    return [each for each in numbered if each[1] not in known], [each for each in numbered if each[1] in known]


POINTS = """WITH point AS (
    SELECT value ->> 0 AS number, value ->> 1 AS start, value ->> 2 AS end FROM json_each(?)
)"""
BUCKETS = f"""{POINTS}
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
DAYS = f"""{POINTS}
SELECT point.number, camera, place, sum(value), max(value), sum(variance), sum(squares), sum(observed)
FROM point CROSS JOIN day_sum
WHERE measure = ? AND kind = ? AND direction = ? AND day_start = point.start
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own


@dataclass(frozen=True)
class _Source:
    """Numbered spans of time, in UTC, and where they are read from."""

    connection: Connection
    question: Question
    spans: Sequence[tuple[int, Edge]]

    def rows(self, query: str, *values: str) -> Iterator[tuple[int, tuple[str, str], tuple[float, ...]]]:
        """The rows of the question's places: number, place, amounts."""
        if not self.spans:
            return
        spans = json.dumps([(number, seconds_of(start), seconds_of(end)) for number, (start, end) in self.spans])
        places = self.question.places
        for number, camera, place, *amounts in self.connection.exec_driver_sql(query, (spans, *values)):
            if places is None or (camera, place) in places:
                yield number, (camera, place), tuple(amounts)

    def published(self, query: str, measure: str, direction: str) -> Iterator[tuple[int, tuple[str, str], Published]]:
        subject = self.question.subject
        is_maximum = subject.kind is Kind.MAXIMUM
        for number, place, (amount, largest, variance, squares, *_) in self.rows(
            query, measure, subject.counted, direction
        ):
            yield number, place, Published(largest if is_maximum else amount, Noise(variance, squares))


class _Buckets(_Source):
    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, tuple[str, str], Published]]:
        return self.published(BUCKETS, measure, direction)

    def observed(self) -> Iterator[tuple[int, tuple[str, str], float]]:
        """For how long each zone was observed; a zone may be younger than its camera."""
        subject = self.question.subject
        for number, place, (seconds,) in self.rows(OBSERVED, subject.measure, subject.counted):
            yield number, place, seconds


class _Days(_Source):
    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, tuple[str, str], Published]]:
        return self.published(DAYS, measure, direction)

    def observed(self) -> Iterator[tuple[int, tuple[str, str], float]]:
        subject = self.question.subject
        for number, place, amounts in self.rows(DAYS, subject.measure, subject.counted, ""):
            yield number, place, amounts[-1]


def _add_suppressed(
    connection: Connection,
    question: Question,
    edges: Sequence[Edge],
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
            before = found.amounts.get(where)
            found.amounts[where] = number if before is None else _join(subject, before, number)
            found.observed[where] += sums.zone_seconds.get((camera, place, kind), 0.0)
        elif subject.kind is Kind.STAY and measure == "visits":
            found.visits[where] = found.visits.get(where, Published()) + number


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
