"""What Explore shows of a choice: rows, chart, and a sentence on both periods; for the page, the CSV and the PDF."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from appliance.language import marked
from appliance.metrics.comparison import ABOUT_EQUAL
from appliance.metrics.opening import openings
from appliance.reports.exploration import LENGTHS, SUBJECTS, Answer, Kind, Point, Subject, Told, Unit, explore
from appliance.reports.period import Period
from appliance.storage import cameras as stored_cameras
from appliance.storage.database import reading
from appliance.web.choice import LABELS, UNIT_WORDS, Choice, options
from appliance.web.context import WebContext
from appliance.web.counts import NBSP, NO_NUMBER, CameraPlaces
from appliance.web.last_week import percent
from appliance.web.plot import Plot, plot
from appliance.web.wording import gettext, this_language, translated
from appliance.web.words import days, number


@dataclass(frozen=True)
class Row:
    """One interval in words; without another period `other` and what follows it are empty.

    `change` has an interval of its own, and `is_clear` where it is more than noise would make.
    """

    label: str
    value: str
    other: str
    other_label: str
    change: str = ""
    is_clear: bool = False


@dataclass(frozen=True)
class Shown:
    """Everything that is shown of one choice.

    `sentence` compares the two periods, or is empty. What is `drawn` is in the unit of the chart's axis.
    """

    title: str
    where: str
    period: str
    other_period: str
    whole: str
    other_whole: str
    sentence: str
    rows: tuple[Row, ...]
    plot: Plot
    drawn: tuple[Told, ...]
    drawn_others: tuple[Told, ...]
    answer: Answer
    other: Answer | None
    has_errors: bool
    is_shaded: bool
    notes: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return all(point.told.value is None and not point.told.at_least for point in self.answer.points)


def list_places(context: WebContext) -> list[CameraPlaces]:
    with reading(context.engine) as connection:
        return [CameraPlaces.of(camera) for camera in stored_cameras.list_cameras(connection)]


def show(context: WebContext, choice: Choice, cameras: Sequence[CameraPlaces]) -> Shown:
    """Read and describe. Raises `TooFine`."""
    now, k = context.clock(), context.settings.anonymity.k
    with reading(context.engine) as connection:
        answer = explore(connection, choice.question(cameras, choice.period), now, k)
        other = None if choice.other is None else explore(connection, choice.question(cameras, choice.other), now, k)
    subject = SUBJECTS[choice.measure]
    spans = list(_open_spans(context, choice.period)) if choice.unit in LENGTHS else []
    labels = [_short(point.start, choice) for point in answer.points]
    drawn = _scaled(answer.points, subject)
    others = [point.told for point in _scaled(other.points, subject)] if other else []
    return Shown(
        title=translated(LABELS[choice.measure]),
        where=next((each.label for each in options(choice.measure, cameras) if each.value == choice.where), ""),
        period=days(choice.period.first, choice.period.last),
        other_period=days(choice.other.first, choice.other.last) if choice.other else "",
        whole=in_words(answer.whole, subject),
        other_whole=in_words(other.whole, subject) if other else "",
        sentence=_compare(answer, other, now) if other else "",
        rows=tuple(_rows(answer, other, choice, subject)),
        plot=plot(drawn, labels, others, spans),
        drawn=tuple(point.told for point in drawn),
        drawn_others=tuple(others),
        answer=answer,
        other=other,
        has_errors=any(point.told.margin for point in answer.points),
        is_shaded=bool(spans),
        notes=tuple(_notes(answer, subject)),
    )


def in_words(told: Told, subject: Subject) -> str:
    """Such as `1,204 ± 27`, `at least 40`, `2.3`, `3 min 20 s`, or a dash where nothing may be said."""
    if told.value is None:
        return NO_NUMBER
    text = _amount(max(0.0, told.value), subject)
    if told.margin:
        return f"{text}{NBSP}±{NBSP}{_amount(told.margin, subject)}"
    return gettext("at least %(number)s", number=text) if told.at_least else text


def _amount(value: float, subject: Subject) -> str:
    if subject.kind is Kind.MEAN:
        return this_language().number(value, 2 if value < 10 else 1)
    if subject.told_in != "seconds":
        return number(value)
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes}{NBSP}min {seconds:02}{NBSP}s" if minutes else f"{seconds}{NBSP}s"


AXIS_WORDS = {"people": marked("people"), "vehicles": marked("vehicles"), "seconds": marked("minutes")}


def axis_unit(subject: Subject) -> str:
    """What the numbers beside the chart are."""
    return translated(AXIS_WORDS.get(subject.told_in, subject.told_in))


def _scale(told: Told, subject: Subject) -> Told:
    """For the chart: seconds as minutes."""
    if subject.told_in != "seconds" or told.value is None:
        return told
    return Told(told.value / 60, told.margin / 60, told.at_least)


def _scaled(points: Sequence[Point], subject: Subject) -> list[Point]:
    return [Point(point.start, point.end, _scale(point.told, subject)) for point in points]


def _rows(answer: Answer, other: Answer | None, choice: Choice, subject: Subject) -> Iterator[Row]:
    others = other.points if other else ()
    for index, point in enumerate(answer.points):
        beside = others[index] if index < len(others) else None
        yield Row(
            _label(point.start, choice),
            in_words(point.told, subject),
            in_words(beside.told, subject) if beside else "",
            _label(beside.start, choice) if beside else "",
            *(_change(point.told, beside.told, subject) if beside else ("", False)),
        )


def _change(now: Told, before: Told, subject: Subject) -> tuple[str, bool]:
    """Such as `+12 ± 8`, and whether it is clear; a dash where a part of either is withheld or nothing is known."""
    if now.value is None or before.value is None or now.at_least or before.at_least:
        return NO_NUMBER, False
    # Noises of different times are independent; of what adds up so, the interval is no narrower than it has to be.
    change, margin = now.value - before.value, math.hypot(now.margin, before.margin)
    sign = "+" if change > 0 else "\N{MINUS SIGN}" if change < 0 else ""
    text = f"{sign}{_amount(abs(change), subject)}"
    if margin:
        text += f"{NBSP}±{NBSP}{_amount(margin, subject)}"
    return text, abs(change) > margin


def _label(start: datetime, choice: Choice) -> str:
    """The interval in full, for the table."""
    local, language = start.astimezone(choice.period.zone), this_language()
    day = language.dated(local, "yMMMEd")
    if choice.unit in LENGTHS:
        return f"{day}, {local:%H:%M}"
    if choice.unit is Unit.DAY:
        return day
    return language.month(local) if choice.unit is Unit.MONTH else gettext("week from %(day)s", day=day)


def _short(start: datetime, choice: Choice) -> str:
    """The interval for the axis."""
    local, language = start.astimezone(choice.period.zone), this_language()
    if choice.unit is Unit.MONTH:
        return language.dated(local, "yyMMM")
    if choice.unit in LENGTHS and choice.period.days == 1:
        return f"{local:%H:%M}"
    if choice.unit in LENGTHS and choice.period.days <= 4:
        return f"{language.dated(local, 'E')} {local:%H:%M}"
    return language.dated(local, "MMMd")


def _open_spans(context: WebContext, period: Period) -> Iterator[tuple[datetime, datetime]]:
    hours = context.settings.opening
    if hours is None:
        return
    # A span of the day before may run past midnight.
    for index in range(-1, period.days):
        day = period.first + timedelta(days=index)
        for span in openings(day, hours.spans(day), period.zone):
            start, end = max(span.start, period.start), min(span.end, period.end)
            if start < end:
                yield start.astimezone(UTC), end.astimezone(UTC)


def _compare(answer: Answer, other: Answer, at: datetime) -> str:
    """How the periods differ, over the time that is over and has counts in both."""
    pairs = zip(answer.points, other.points, strict=False)
    both = [
        index
        for index, (first, second) in enumerate(pairs)
        if first.end <= at and _is_known(first) and _is_known(second)
    ]
    if not both:
        return gettext("The two periods have no time in common that is over and was counted in both.")
    now, before = answer.together(both), other.together(both)
    if now.value is None or before.value is None or now.at_least or before.at_least or before.value <= 0:
        return ""
    change = now.value - before.value
    is_part = len(both) < len(answer.points)
    if abs(change) <= (now.margin**2 + before.margin**2) ** 0.5 or abs(change) < ABOUT_EQUAL * before.value:
        if is_part:
            return gettext("No clear difference over the time that is over and was counted in both periods.")
        return gettext("No clear difference between the two periods.")
    part = percent(change / before.value)
    if is_part and change > 0:
        return gettext("%(percent)s more, over the time that is over and was counted in both periods.", percent=part)
    if is_part:
        return gettext("%(percent)s less, over the time that is over and was counted in both periods.", percent=part)
    if change > 0:
        return gettext("%(percent)s more than in the other period.", percent=part)
    return gettext("%(percent)s less than in the other period.", percent=part)


def _is_known(point: Point) -> bool:
    return point.told.value is not None


def _notes(answer: Answer, subject: Subject) -> Iterator[str]:
    told = [point.told for point in answer.points]
    if subject.measure == "crossings_by_label":
        yield gettext(
            "Vehicles are told by label from when on the settings of a camera ask for it; where small numbers are "
            "withheld, for whole days alone."
        )
    if subject.measure == "dwell":
        yield gettext("A vehicle is told when it has left; it was parked where it stayed for a minute or more.")
    if any(each.at_least for each in told):
        yield gettext(
            "Small numbers are withheld, so some numbers are at least what is shown, and a dash may stand for few."
        )
    if subject.kind is Kind.STAY and any(each.margin for each in told):
        yield gettext("Of one visit no more than five minutes count, so long stays are told too short.")
    if subject.kind is Kind.MAXIMUM and all(each.value is None for each in told):
        yield gettext("Maxima are not stored where noise is added to the counts; ask for the average.")


def unit_word(unit: Unit) -> str:
    return translated(UNIT_WORDS[unit])
