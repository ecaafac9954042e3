"""Reads what a question is about: from the sums of days where there are any, else from the buckets.

Where a place's own number is not needed, the database adds the places up: a year of many cameras is then a few rows.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from appliance.metrics.publishing import Published
from appliance.metrics.uncertainty import Noise
from appliance.reports.daily import Marks, cameras_of, joined
from appliance.reports.question import LENGTHS, Edge, Kind, Question, Subject
from appliance.storage import daily_sums
from appliance.storage.daily_sums import Day
from appliance.storage.measurements import seconds_of

Place = tuple[str, str]
"""Camera and place; both are empty for every place of the question together."""
TOGETHER: Place = ("", "")


@dataclass
class Found:
    """What one interval is made of, by camera and place."""

    amounts: dict[Place, Published] = field(default_factory=dict)
    visits: dict[Place, Published] = field(default_factory=dict)
    observed: dict[Place, float] = field(default_factory=lambda: defaultdict(float))


def read_parts(connection: Connection, question: Question, edges: Sequence[Edge], marks: Marks) -> list[Found]:
    """What each interval is made of, of the modes `differential` and `off`, added up by the database."""
    found = [Found() for _ in edges]
    subject = question.subject
    for where in _sources(connection, question, edges, marks):
        if subject.kind is Kind.MEAN:
            for number, place, amount, seconds in where.means():
                _add(subject, found[number].amounts, place, amount)
                found[number].observed[place] += seconds
            continue
        for number, amount in where.sums(subject.measure, subject.direction):
            _add(subject, found[number].amounts, TOGETHER, amount)
        if subject.kind is Kind.STAY:
            for number, amount in where.sums("visits", ""):
                _add(subject, found[number].visits, TOGETHER, amount)
    return found


def join(subject: Subject, first: Published, second: Published) -> Published:
    if subject.kind is Kind.MAXIMUM:
        return max(first, second, key=lambda each: each.value)
    return first + second


def _add(subject: Subject, numbers: dict[Place, Published], place: Place, amount: Published) -> None:
    before = numbers.get(place)
    numbers[place] = amount if before is None else join(subject, before, amount)


def _sources(
    connection: Connection, question: Question, edges: Sequence[Edge], marks: Marks
) -> "Sequence[_Buckets | _Days]":
    """Where the intervals are read from."""
    if question.unit in LENGTHS:
        return [_Buckets(connection, question, list(enumerate(edges)), marks)]
    starts = [start for start, _ in edges]
    spans: dict[bool, list[tuple[int, Day]]] = {True: [], False: []}
    for day in marks.days:
        spans[day in marks.known].append((bisect_right(starts, day[0]) - 1, day))
    return [
        _Buckets(connection, question, list(_joined(spans[False])), marks),
        _Days(connection, question, list(_joined(spans[True]))),
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
# Of every place: to read through all of the time is quicker than to look for each camera's numbers, but where heat maps
# have two hundred numbers a bucket.
BUCKETS_EVERYWHERE = f"""{POINTS}
SELECT point.number, sum(value), max(value), sum(variance), sum(variance * variance)
FROM point CROSS JOIN measurement
WHERE bucket_start >= point.start AND bucket_start < point.end
    AND measure = ? AND kind = ? AND direction = ? AND mode != 'threshold'
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
# One text for each span: rows that were grouped would be sorted first, which takes longer than adding them up.
DAYS = f"""{POINTS}
SELECT point.number, (
    SELECT json_array(sum(value), max(value), sum(variance), sum(squares)) FROM day_sum AS each
    WHERE measure = ? AND kind = ? AND direction = ? AND day_start >= point.start AND day_start < point.end {{among}}
) FROM point
"""  # noqa: S608 - names of our own
DAYS_MEANS = f"""{POINTS}
SELECT point.number, camera, place, sum(value), sum(variance), sum(squares), sum(observed)
FROM point CROSS JOIN day_sum AS each
WHERE measure = ? AND kind = ? AND direction = '' AND day_start >= point.start AND day_start < point.end {{among}}
GROUP BY 1, 2, 3
"""  # noqa: S608 - names of our own


@dataclass(frozen=True)
class _Source:
    """Numbered spans of time, in UTC, and what is asked of them."""

    connection: Connection
    question: Question
    spans: Sequence[tuple[int, Edge]]

    def rows(self, query: str, *values: str) -> Sequence[tuple[float, ...]]:
        """The rows of the question's places."""
        if not self.spans:
            return []
        spans = json.dumps([(number, seconds_of(start), seconds_of(end)) for number, (start, end) in self.spans])
        places = self.question.places
        among, last = ("", ()) if places is None else (AMONG, (json.dumps(sorted(places)),))
        # The driver's own rows: they are many, and nothing of them needs a name.
        cursor = self.connection.exec_driver_sql(query.format(among=among), (spans, *values, *last)).cursor
        rows: Sequence[tuple[float, ...]] = cursor.fetchall()
        return rows

    def published(self, amount: float, largest: float, variance: float, squares: float) -> Published:
        is_maximum = self.question.subject.kind is Kind.MAXIMUM
        return Published(largest if is_maximum else amount, Noise(variance, squares))


@dataclass(frozen=True)
class _Buckets(_Source):
    marks: Marks

    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, Published]]:
        """What the places add up to in each span that has any number."""
        counted = self.question.subject.counted
        if self.question.places is None and not daily_sums.holds(self.connection, "heat_seconds"):
            rows = self.rows(BUCKETS_EVERYWHERE, measure, counted, direction)
        else:
            rows = self.rows(BUCKETS, self._cameras(), measure, counted, direction)
        for number, *amounts in rows:
            yield int(number), self.published(*amounts)

    def means(self) -> Iterator[tuple[int, Place, Published, float]]:
        """What each place adds up to, and for how many seconds it was observed."""
        subject = self.question.subject
        return _told(self.rows(MEANS, self._cameras(), subject.measure, subject.counted))

    def _cameras(self) -> str:
        """The cameras to look for, as JSON."""
        places = self.question.places
        if places is None:
            return json.dumps(sorted(cameras_of(self.connection, self.marks, [span for _, span in self.spans])))
        return json.dumps(sorted({camera for camera, _ in places}))


class _Days(_Source):
    def sums(self, measure: str, direction: str) -> Iterator[tuple[int, Published]]:
        for number, text in self.rows(DAYS, measure, self.question.subject.counted, direction):
            amounts = json.loads(str(text))
            if amounts[0] is not None:
                yield int(number), self.published(*amounts)

    def means(self) -> Iterator[tuple[int, Place, Published, float]]:
        subject = self.question.subject
        return _told(self.rows(DAYS_MEANS, subject.measure, subject.counted))


def _told(rows: Iterable[tuple[float, ...]]) -> Iterator[tuple[int, Place, Published, float]]:
    for number, camera, place, amount, variance, squares, seconds in rows:
        yield int(number), (str(camera), str(place)), Published(amount, Noise(variance, squares)), seconds
