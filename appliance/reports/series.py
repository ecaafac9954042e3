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
from appliance.reports.daily import Marks, cameras_of, joined
from appliance.reports.question import LENGTHS, Edge, Kind, Question, Subject, Unit
from appliance.storage.daily_sums import Day
from appliance.storage.database import driver_rows
from appliance.storage.hourly_sums import NOT_BY_HOUR, is_whole
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
        for direction in subject.directions:
            for number, amount in where.sums(subject.measure, direction):
                _add(subject, found[number].amounts, TOGETHER, amount)
        if subject.kind is Kind.STAY:
            for number, amount in where.sums("visits", ""):
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
) -> "Sequence[_Buckets | _Steps | _Sums]":
    """Where the intervals are read from."""
    is_kept = question.subject.measure not in NOT_BY_HOUR
    by_hour = is_kept and is_whole(*itertools.chain.from_iterable(marks.days))
    if question.unit in LENGTHS:
        spans = list(enumerate(edges))
        if question.unit is Unit.HOUR and by_hour:
            return [_Steps(connection, question, spans, "hour_sum")]
        return [_Buckets(connection, question, spans)]
    starts = [start for start, _ in edges]
    days: dict[bool, list[tuple[int, Day]]] = {True: [], False: []}
    for day in marks.days:
        days[day in marks.known].append((bisect_right(starts, day[0]) - 1, day))
    known, others = (list(_joined(days[is_known])) for is_known in (True, False))
    return [
        (_Steps if question.unit is Unit.DAY else _Sums)(connection, question, known, "day_sum"),
        _Sums(connection, question, others, "hour_sum") if by_hour else _Buckets(connection, question, others),
    ]


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
# The beginnings of the buckets one after the other, each found by a step in the primary key; so are a camera's numbers.
SEEK = f"""{POINTS}, part(number, start, end) AS (
    SELECT number, (SELECT min(bucket_start) FROM measurement WHERE bucket_start >= point.start), end FROM point
    UNION ALL
    SELECT number, (SELECT min(bucket_start) FROM measurement WHERE bucket_start > part.start), end
    FROM part WHERE part.start < part.end
)"""  # noqa: S608 - names of our own
AMONG = "AND (each.camera, each.place) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
BUCKETS = f"""{SEEK}
SELECT part.number, sum(each.value), max(each.value), sum(each.variance), sum(each.variance * each.variance)
FROM part CROSS JOIN json_each(?) AS camera CROSS JOIN measurement AS each
WHERE part.start < part.end AND each.bucket_start = part.start AND each.camera = camera.value
    AND each.measure = ? AND each.kind = ? AND each.direction = ? AND each.mode != 'threshold' {{among}}
GROUP BY 1
"""  # noqa: S608 - names of our own
# A zone may be younger than its camera, so the time of observation is of the buckets that the zone is in.
MEANS = f"""{SEEK}
SELECT part.number, each.camera, each.place,
    sum(each.value), sum(each.variance), sum(each.variance * each.variance), coalesce(sum(whole.value), 0)
FROM part CROSS JOIN json_each(?) AS camera CROSS JOIN measurement AS each LEFT JOIN measurement AS whole
    ON whole.bucket_start = each.bucket_start AND whole.camera = each.camera AND whole.measure = 'observed_seconds'
    AND whole.bucket_seconds = each.bucket_seconds AND whole.mode = each.mode AND whole.epsilon = each.epsilon
WHERE part.start < part.end AND each.bucket_start = part.start AND each.camera = camera.value
    AND each.measure = ? AND each.kind = ? AND each.mode != 'threshold' {{among}}
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own
SERIES = "measure = ? AND kind = ? AND direction = ? AND mode != 'threshold' {among}"
AMONG_SERIES = "AND (camera, place) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
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
    """Numbered spans of time, in UTC and in order, and what is asked of them."""

    connection: Connection
    question: Question
    spans: Sequence[tuple[int, Edge]]

    def rows(self, query: str, among: str, *values: object) -> Rows:
        """The rows of the question's places."""
        if not self.spans:
            return []
        places = self.question.places
        text = query.replace("{among}", "" if places is None else among)
        last = () if places is None else (json.dumps(sorted(places)),)
        # The driver's own rows: they are many, and nothing of them needs a name.
        return driver_rows(self.connection.exec_driver_sql(text, (*values, *last)))

    def points(self) -> str:
        return json.dumps([(number, seconds_of(start), seconds_of(end)) for number, (start, end) in self.spans])

    def published(self, amount: float, largest: float, variance: float, squares: float) -> Published:
        is_maximum = self.question.subject.kind is Kind.MAXIMUM
        return Published(largest if is_maximum else amount, Noise(variance, squares))


class _Buckets(_Source):
    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, Published]]:
        """What the places add up to in each span that has any number."""
        values = (self.points(), self._cameras(measure), measure, self.question.subject.counted, direction)
        for number, *amounts in self.rows(BUCKETS, AMONG, *values):
            yield int(number), self.published(*amounts)

    def means(self) -> Means:
        """What each place adds up to, and for how many seconds it was observed."""
        subject = self.question.subject
        return self.rows(MEANS, AMONG, self.points(), self._cameras(subject.measure), subject.measure, subject.counted)

    def _cameras(self, measure: str) -> str:
        """The cameras to look for, as JSON."""
        places = self.question.places
        if places is None:
            return json.dumps(sorted(cameras_of(self.connection, (span for _, span in self.spans), measure)))
        return json.dumps(sorted({camera for camera, _ in places}))


@dataclass(frozen=True)
class _Steps(_Source):
    """Spans of which each is an hour or a day that the table has."""

    table: str

    def _asked(self, query: str, measure: str, direction: str) -> Iterator[tuple[Any, ...]]:
        """The rows, each with the number of its span instead of the time."""
        if not self.spans:
            return
        numbers = {seconds_of(start): number for number, (start, _) in self.spans}
        first, last = self.spans[0][1][0], self.spans[-1][1][1]
        values = (seconds_of(first), seconds_of(last), measure, self.question.subject.counted, direction)
        for start, *rest in self.rows(query.replace("{table}", self.table), AMONG_SERIES, *values):
            # Days that are to be added up anew are among them.
            if (number := numbers.get(start)) is not None:
                yield number, *rest

    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, Published]]:
        for number, *amounts in self._asked(STEPS, measure, direction):
            yield number, self.published(*amounts)

    def means(self) -> Means:
        return self._asked(STEPS_MEANS, self.question.subject.measure, "")


@dataclass(frozen=True)
class _Sums(_Source):
    table: str

    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, Published]]:
        query = SUMS.replace("{table}", self.table)
        for number, text in self.rows(
            query, AMONG_SERIES, self.points(), measure, self.question.subject.counted, direction
        ):
            amounts = json.loads(text)
            if amounts[0] is not None:
                yield number, self.published(*amounts)

    def means(self) -> Means:
        subject, query = self.question.subject, SUMS_MEANS.replace("{table}", self.table)
        for number, camera, place, text in self.rows(
            query, AMONG_SERIES, self.points(), subject.measure, subject.counted, ""
        ):
            amounts = json.loads(text)
            if amounts[0] is not None:
                yield (number, camera, place, *amounts)
