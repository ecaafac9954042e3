"""Reads what a question is about: from the sums of days where there are any, else from the buckets."""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from appliance.metrics.publishing import Published
from appliance.metrics.uncertainty import Noise
from appliance.reports.daily import cameras_of, days_of
from appliance.reports.question import LENGTHS, Edge, Kind, Question, Subject
from appliance.storage import daily_sums
from appliance.storage.measurements import seconds_of


@dataclass
class Found:
    """What one interval is made of, by camera and place."""

    amounts: dict[tuple[str, str], Published] = field(default_factory=dict)
    visits: dict[tuple[str, str], Published] = field(default_factory=dict)
    observed: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))


def read_parts(connection: Connection, question: Question, edges: Sequence[Edge]) -> list[Found]:
    """What each interval is made of, of the modes `differential` and `off`, added up by the database."""
    found = [Found() for _ in edges]
    subject = question.subject
    for where in _sources(connection, question, edges):
        for number, place, amount in where.sums(subject.measure, subject.direction):
            before = found[number].amounts.get(place)
            found[number].amounts[place] = amount if before is None else join(subject, before, amount)
        if subject.kind is Kind.STAY:
            for number, place, amount in where.sums("visits", ""):
                found[number].visits[place] = found[number].visits.get(place, Published()) + amount
        if subject.kind is Kind.MEAN:
            for number, place, seconds in where.observed():
                found[number].observed[place] += seconds
    return found


def join(subject: Subject, first: Published, second: Published) -> Published:
    if subject.kind is Kind.MAXIMUM:
        return max(first, second, key=lambda each: each.value)
    return first + second


def _sources(connection: Connection, question: Question, edges: Sequence[Edge]) -> "Sequence[_Source]":
    """Where the intervals are read from."""
    if question.unit in LENGTHS:
        return [_Buckets(connection, question, list(enumerate(edges)))]
    days = days_of(question.period)
    known = daily_sums.known(connection, days)
    starts = [start for start, _ in edges]
    numbered = [(bisect_right(starts, day[0]) - 1, day) for day in days]
    return [
        _Buckets(connection, question, [each for each in numbered if each[1] not in known]),
        _Days(connection, question, [each for each in numbered if each[1] in known]),
    ]


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
BUCKETS = f"""{SEEK}
SELECT part.number, each.camera, each.place,
    sum(each.value), max(each.value), sum(each.variance), sum(each.variance * each.variance)
FROM part CROSS JOIN json_each(?) AS camera CROSS JOIN measurement AS each
WHERE part.start < part.end AND each.bucket_start = part.start AND each.camera = camera.value
    AND each.measure = ? AND each.kind = ? AND each.direction = ? AND each.mode != 'threshold'
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own
OBSERVED = f"""{SEEK}
SELECT part.number, each.camera, each.place, sum(whole.value)
FROM part CROSS JOIN json_each(?) AS camera CROSS JOIN measurement AS each CROSS JOIN measurement AS whole
WHERE part.start < part.end AND each.bucket_start = part.start AND each.camera = camera.value
    AND each.measure = ? AND each.kind = ? AND each.mode != 'threshold'
    AND whole.bucket_start = each.bucket_start AND whole.camera = each.camera AND whole.measure = 'observed_seconds'
    AND whole.bucket_seconds = each.bucket_seconds AND whole.mode = each.mode AND whole.epsilon = each.epsilon
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own
DAYS = f"""{POINTS}
SELECT point.number, camera, place, sum(value), max(value), sum(variance), sum(squares)
FROM point CROSS JOIN day_sum
WHERE measure = ? AND kind = ? AND direction = ? AND day_start = point.start
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own
DAYS_OBSERVED = f"""{POINTS}
SELECT point.number, camera, place, sum(observed)
FROM point CROSS JOIN day_sum
WHERE measure = ? AND kind = ? AND direction = '' AND day_start = point.start
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

    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, tuple[str, str], Published]]:
        """What each place adds up to."""
        raise NotImplementedError

    def observed(self) -> Iterator[tuple[int, tuple[str, str], float]]:
        """For how many seconds each place was observed."""
        raise NotImplementedError

    def published(self, query: str, *values: str) -> Iterator[tuple[int, tuple[str, str], Published]]:
        is_maximum = self.question.subject.kind is Kind.MAXIMUM
        for number, place, (amount, largest, variance, squares) in self.rows(query, *values):
            yield number, place, Published(largest if is_maximum else amount, Noise(variance, squares))


class _Buckets(_Source):
    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, tuple[str, str], Published]]:
        return self.published(BUCKETS, self._cameras(), measure, self.question.subject.counted, direction)

    def observed(self) -> Iterator[tuple[int, tuple[str, str], float]]:
        """For how long each zone was observed; a zone may be younger than its camera."""
        subject = self.question.subject
        for number, place, (seconds,) in self.rows(OBSERVED, self._cameras(), subject.measure, subject.counted):
            yield number, place, seconds

    def _cameras(self) -> str:
        """The cameras to look for, as JSON."""
        places = self.question.places
        if places is None:
            spans = [span for _, span in self.spans]
            return json.dumps(sorted(cameras_of(self.connection, self.question.period, spans)))
        return json.dumps(sorted({camera for camera, _ in places}))


class _Days(_Source):
    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, tuple[str, str], Published]]:
        return self.published(DAYS, measure, self.question.subject.counted, direction)

    def observed(self) -> Iterator[tuple[int, tuple[str, str], float]]:
        subject = self.question.subject
        for number, place, (seconds,) in self.rows(DAYS_OBSERVED, subject.measure, subject.counted):
            yield number, place, seconds
