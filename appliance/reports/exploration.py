"""One measure over time, as it may be shown: for the page Explore, its table and its PDF.

The database adds up; in the mode `threshold` the site's days are suppressed as everywhere (`sums`), so quarters of an
hour are not told in it.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from appliance.errors import UsageError
from appliance.metrics.publishing import Published, total
from appliance.metrics.uncertainty import Noise
from appliance.reports.daily import Marks, longest_bucket, read_marks
from appliance.reports.period import Period
from appliance.reports.question import LENGTHS, MOST_DAYS, SUBJECTS, Edge, Kind, Places, Question, Subject, Unit
from appliance.reports.series import Found, Mean, add_mean, join, read_parts
from appliance.reports.sums import Sums, has_thresholds, suppressed_days

__all__ = [
    "LENGTHS",
    "SUBJECTS",
    "Answer",
    "Kind",
    "Places",
    "Point",
    "Question",
    "Subject",
    "Told",
    "TooFine",
    "Unit",
    "cut",
    "explore",
]


class TooFine(UsageError):
    """The period is too long for the unit, or the counts are stored less finely."""


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


def explore(connection: Connection, question: Question, now: datetime, k: int) -> Answer:
    """The measure in each interval of the period, and in the whole of it. Raises `TooFine`."""
    marks = read_marks(connection, question.period)
    check(connection, question, marks)
    edges = cut(question.period, question.unit)
    found = read_parts(connection, question, edges, marks)
    if has_thresholds(connection, question.period, marks):
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


def check(connection: Connection, question: Question, marks: Marks | None = None) -> None:
    """Raises `TooFine`."""
    period, unit = question.period, question.unit
    if period.days > MOST_DAYS[unit]:
        raise TooFine(f"{period.days} days are too many to be shown by the {unit}; choose fewer days or a longer unit.")
    if unit not in LENGTHS:
        return
    longest = longest_bucket(connection, period, marks)
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


def _add_suppressed(
    connection: Connection,
    question: Question,
    edges: Sequence[Edge],
    found: Sequence[Found],
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


def _take(question: Question, sums: Sums, found: Found) -> None:
    subject = question.subject
    for (camera, measure, place, kind, direction), number in sums.numbers.items():
        where = (camera, place)
        if kind != subject.counted or not (question.places is None or where in question.places):
            continue
        is_asked = measure == subject.measure and direction in subject.directions
        if is_asked and subject.kind is Kind.MEAN:
            observed = sums.zone_seconds.get((camera, place, kind), 0.0)
            noise = number.noise
            add_mean(found, where, Mean(number.value, noise.variance, noise.squares, observed, number.withheld))
        elif is_asked:
            before = found.amounts.get(where)
            found.amounts[where] = number if before is None else join(subject, before, number)
        elif subject.kind is Kind.STAY and measure == "visits":
            found.visits[where] = found.visits.get(where, Published()) + number


def _tell(subject: Subject, parts: Sequence[Found]) -> Told:
    """One number of all the parts together."""
    if subject.kind is Kind.MEAN:
        return _mean(parts)
    if not any(part.amounts for part in parts):
        return Told()
    if subject.kind is Kind.MAXIMUM:
        numbers = [number for part in parts for number in part.amounts.values() if not number.withheld]
        return Told(max(number.value for number in numbers)) if numbers else Told()
    amount = total(number for part in parts for number in part.amounts.values())
    if subject.kind is Kind.STAY:
        return _ratio(amount, total(number for part in parts for number in part.visits.values()))
    if amount.withheld and amount.value <= 0:
        return Told(at_least=True)
    return Told(amount.value, amount.noise.margin, amount.withheld)


def _mean(parts: Sequence[Found]) -> Told:
    """People at once on average: of each place over its own time of observation, then all places together."""
    if len(parts) == 1:
        means = parts[0].means
    else:
        together = Found()
        for part in parts:
            for place, mean in part.means.items():
                add_mean(together, place, mean)
        means = together.means
    value, squares, known = 0.0, 0.0, False
    for mean in means.values():
        if mean.observed > 0 and not mean.withheld:
            known = True
            value += mean.seconds / mean.observed
            squares += (Noise(mean.variance, mean.squares).margin / mean.observed) ** 2
    return Told(value, math.sqrt(squares)) if known else Told()


def _ratio(seconds: Published, visits: Published) -> Told:
    """Seconds a visit. Nothing is told where there may have been no visit at all, as far as the noise lets one know."""
    if seconds.withheld or visits.withheld or visits.value <= max(visits.noise.margin, 0.0):
        return Told()
    value = seconds.value / visits.value
    # To first order; the noises of both are independent.
    margin = math.hypot(seconds.noise.margin, value * visits.noise.margin) / visits.value
    return Told(max(0.0, value), margin)
