"""Reads what a question is about: from the sums of days where there are any, else from those of hours, or the buckets.

Where a place's own number is not needed, the database adds the places up: a year of many cameras is then a few rows.
Quarters of an hour are read from the buckets, and so is everything where the site's hours are not those of UTC, and
what has no sums of hours.
"""

import itertools
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from appliance.metrics.publishing import Published
from appliance.metrics.uncertainty import Noise
from appliance.reports.daily import Marks, joined
from appliance.reports.question import LENGTHS, Edge, Kind, Question, Subject, Unit
from appliance.storage.daily_sums import Day
from appliance.storage.database import driver_rows
from appliance.storage.hourly_sums import is_whole
from appliance.storage.measurements import seconds_of

Place = tuple[str, str]
"""Camera and place; both are empty for every place of the question together."""
TOGETHER: Place = ("", "")


class Mean(NamedTuple):
    """What a place's mean is made of: seconds of people with their noise, and for how many it was observed."""

    seconds: float
    variance: float
    squares: float
    observed: float
    withheld: bool = False

    def plus(self, other: "Mean") -> "Mean":
        return Mean(
            self.seconds + other.seconds,
            self.variance + other.variance,
            self.squares + other.squares,
            self.observed + other.observed,
            self.withheld or other.withheld,
        )


@dataclass(slots=True)
class Found:
    """What one interval is made of, by camera and place; `means` where a mean is asked for, else `amounts`."""

    amounts: dict[Place, Published] = field(default_factory=dict)
    visits: dict[Place, Published] = field(default_factory=dict)
    means: dict[Place, Mean] = field(default_factory=dict)


def read_parts(connection: Connection, question: Question, edges: Sequence[Edge], marks: Marks) -> list[Found]:
    """What each interval is made of, of the modes `differential` and `off`, added up by the database."""
    found = [Found() for _ in edges]
    subject = question.subject
    for where in _sources(connection, question, edges, marks):
        if subject.kind is Kind.MEAN:
            for number, camera, place, seconds, variance, squares, observed in where.means():
                add_mean(found[number], (camera, place), Mean(seconds, variance, squares, observed))
            continue
        of_days = subject.total and where.table == "day_sum"
        asked = (subject.total, ("",)) if of_days else (subject.measure, subject.directions)
        for number, amount in where.sums(*asked):
            _add(subject, found[number].amounts, TOGETHER, amount)
        if subject.kind is Kind.STAY:
            for number, amount in where.sums("visits", ("",)):
                _add(subject, found[number].visits, TOGETHER, amount)
    return found


def join(subject: Subject, first: Published, second: Published) -> Published:
    if subject.kind is Kind.MAXIMUM:
        return max(first, second, key=lambda each: each.value)
    return first + second


def add_mean(found: Found, place: Place, mean: Mean) -> None:
    before = found.means.get(place)
    found.means[place] = mean if before is None else before.plus(mean)


def _add(subject: Subject, numbers: dict[Place, Published], place: Place, amount: Published) -> None:
    before = numbers.get(place)
    numbers[place] = amount if before is None else join(subject, before, amount)


def _sources(
    connection: Connection, question: Question, edges: Sequence[Edge], marks: Marks
) -> "Sequence[_Steps | _Sums]":
    """Where the intervals are read from."""
    by_hour = is_whole(*itertools.chain.from_iterable(marks.days))
    finest = "hour_sum" if by_hour else "bucket_sum"
    if question.unit in LENGTHS:
        table = finest if question.unit is Unit.HOUR else "bucket_sum"
        length = int(LENGTHS[question.unit].total_seconds())
        return [_Steps(connection, question, list(enumerate(edges)), table, length)]
    starts = [start for start, _ in edges]
    days: dict[bool, list[tuple[int, Day]]] = {True: [], False: []}
    for day in marks.days:
        days[day in marks.known].append((bisect_right(starts, day[0]) - 1, day))
    known, others = (list(_joined(days[is_known])) for is_known in (True, False))
    of_days = _Steps if question.unit is Unit.DAY else _Sums
    return [of_days(connection, question, known, "day_sum"), _Sums(connection, question, others, finest)]


def _joined(days: Iterable[tuple[int, Day]]) -> Iterator[tuple[int, Edge]]:
    """Days of one interval that follow each other made one span."""
    by_number: dict[int, list[Day]] = defaultdict(list)
    for number, day in days:
        by_number[number].append(day)
    for number, of_interval in by_number.items():
        for span in joined(of_interval):
            yield number, span


POINTS = """WITH RECURSIVE point AS (
    SELECT value ->> 0 AS number, value ->> 1 AS start, value ->> 2 AS end FROM json_each(?)
)"""
SERIES = "measure = ? AND kind = ? AND direction IN (SELECT value FROM json_each(?)) AND mode != 'threshold' {among}"
AMONG = "AND (camera, place) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
# One text for each span: rows that were grouped would be sorted first, which takes longer than adding them up.
SUMS = f"""{POINTS}
SELECT point.number, (
    SELECT json_array(sum(value), max(value), sum(variance), sum(squares))
    FROM series CROSS JOIN {{table}} AS each ON each.series = series.number
    WHERE {SERIES} AND each.start >= point.start AND each.start < point.end
) FROM point
"""  # noqa: S608 - names of our own
SUMS_MEANS = f"""{POINTS}
SELECT point.number, camera, place, (
    SELECT json_array(sum(value), sum(variance), sum(squares), sum(observed)) FROM {{table}} AS each
    WHERE each.series = series.number AND each.start >= point.start AND each.start < point.end
) FROM point CROSS JOIN series WHERE {SERIES}
"""  # noqa: S608 - names of our own
STEPS = f"""
SELECT start, sum(value), max(value), sum(variance), sum(squares)
FROM series CROSS JOIN {{table}} AS each ON each.series = series.number
WHERE each.start >= ? AND each.start < ? AND {SERIES}
GROUP BY 1
"""  # noqa: S608 - names of our own
STEPS_MEANS = f"""
SELECT start, camera, place, value, variance, squares, observed
FROM series CROSS JOIN {{table}} AS each ON each.series = series.number
WHERE each.start >= ? AND each.start < ? AND {SERIES}
"""  # noqa: S608 - names of our own

Rows = Sequence[tuple[Any, ...]]
Means = Iterable[tuple[int, str, str, float, float, float, float]]
"""The number of a span, a camera and a place of it, and what `Mean` has."""


@dataclass(frozen=True)
class _Source:
    """Numbered spans of time, in UTC and in order, what is asked of them, and the table that tells it."""

    connection: Connection
    question: Question
    spans: Sequence[tuple[int, Edge]]
    table: str

    def rows(self, query: str, *values: object) -> Rows:
        """The rows of the question's places."""
        if not self.spans:
            return []
        places = self.question.places
        text = query.replace("{among}", "" if places is None else AMONG)
        last = () if places is None else (json.dumps(sorted(places)),)
        # The driver's own rows: they are many, and nothing of them needs a name.
        return driver_rows(self.connection.exec_driver_sql(text, (*values, *last)))

    def points(self) -> str:
        return json.dumps([(number, seconds_of(start), seconds_of(end)) for number, (start, end) in self.spans])

    def published(self, amount: float, largest: float, variance: float, squares: float) -> Published:
        is_maximum = self.question.subject.kind is Kind.MAXIMUM
        return Published(largest if is_maximum else amount, Noise(variance, squares))


@dataclass(frozen=True)
class _Steps(_Source):
    """Spans that have no more than a few of the table's times each.

    With a `length` in seconds they are as long, and follow each other; without one each begins where a time does.
    """

    length: int = 0

    def _asked(self, query: str, measure: str, directions: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The rows, each with the number of its span instead of the time."""
        if not self.spans:
            return
        numbers = {seconds_of(start): number for number, (start, _) in self.spans}
        first, last = seconds_of(self.spans[0][1][0]), seconds_of(self.spans[-1][1][1])
        values = (first, last, measure, self.question.subject.counted, json.dumps(directions))
        for start, *rest in self.rows(query.replace("{table}", self.table), *values):
            begin = start - (start - first) % self.length if self.length else start
            # Days that are to be added up anew are among them.
            if (number := numbers.get(begin)) is not None:
                yield number, *rest

    def sums(self, measure: str, directions: Sequence[str]) -> Iterator[tuple[int, Published]]:
        """What the places add up to in each span that has any number."""
        for number, *amounts in self._asked(STEPS, measure, directions):
            yield number, self.published(*amounts)

    def means(self) -> Means:
        """What each place adds up to, and for how many seconds it was observed."""
        return self._asked(STEPS_MEANS, self.question.subject.measure, ("",))


@dataclass(frozen=True)
class _Sums(_Source):
    def sums(self, measure: str, directions: Sequence[str]) -> Iterator[tuple[int, Published]]:
        query = SUMS.replace("{table}", self.table)
        values = (self.points(), measure, self.question.subject.counted, json.dumps(directions))
        for number, text in self.rows(query, *values):
            amounts = json.loads(text)
            if amounts[0] is not None:
                yield number, self.published(*amounts)

    def means(self) -> Means:
        subject, query = self.question.subject, SUMS_MEANS.replace("{table}", self.table)
        values = (self.points(), subject.measure, subject.counted, json.dumps([""]))
        for number, camera, place, text in self.rows(query, *values):
            amounts = json.loads(text)
            if amounts[0] is not None:
                yield (number, camera, place, *amounts)
