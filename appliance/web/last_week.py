"""Today beside the same day a week ago, up to the same time of day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from appliance.metrics.comparison import ABOUT_EQUAL
from appliance.web.counts import Count, Sums, add_up, shown
from appliance.web.day import Day
from appliance.web.wording import gettext, this_language

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class LastWeek:
    """The day a week ago: `until` is this time of day then, `so_far` what was known at it, `whole` the day by hour."""

    day: Day
    until: datetime
    so_far: Sums
    whole: Sums

    @property
    def is_known(self) -> bool:
        return bool(self.so_far.lines)

    def hours(self, today: Day) -> list[int | None]:
        """People in, for each hour of today; None where that hour had none to tell or was no hour then."""
        found: dict[str, int | None] = {}
        for index, hour in enumerate(self.day.hours):
            came = self.whole.hourly.get((index, "in"))
            told = came is not None and (came.shown or not came.withheld)
            found.setdefault(self.day.label(hour), came.shown if told and came else None)
        return [found.get(today.label(hour)) for hour in today.hours]


def a_week_before(day: Day) -> Day:
    """The same weekday of the week before, midnight to midnight in the site's time."""
    date_then = day.date - WEEK
    start, end = (_local(each, time.min, day) for each in (date_then, date_then + timedelta(days=1)))
    return Day(date_then, start, end, day.zone)


def same_time(now: datetime, day: Day) -> datetime:
    """The moment of `day` at which the clock at the site shows what it shows now."""
    clock = now.astimezone(day.zone)
    return min(_local(day.date, clock.time(), day, clock.fold), day.end)


def look_back(day: Day, now: datetime, counts: Iterable[Count], k: int) -> LastWeek:
    """Add up the counts of the day a week before `day`, up to the time of day of `now` and whole.

    A bucket that this time cuts counts in part, as if people had come evenly within it.
    """
    then = a_week_before(day)
    until = same_time(now, then)
    counts = tuple(counts)
    return LastWeek(then, until, add_up(then, until, _cut(counts, until), k), add_up(then, now, counts, k))


def compare(today: Sums, before: LastWeek, direction: str) -> str:
    """One sentence on how today's number stands to the one of a week ago; empty if there is none."""
    if not before.is_known:
        return ""
    values = {
        "weekday": this_language().weekday(before.day.date),
        "clock": f"{before.until.astimezone(before.day.zone):%H:%M}",
    }
    now, then = today.people(direction), before.so_far.people(direction)
    if today.lines - before.so_far.lines:
        return gettext("last %(weekday)s not every line was counted yet", weekday=values["weekday"])
    values["number"] = shown(then)
    if now.withheld or then.withheld or then.value < 1:
        return gettext("last %(weekday)s by %(clock)s: %(number)s", **values)
    change, part = now - then, (now.value - then.value) / then.value
    if abs(change.value) <= change.margin or abs(part) < ABOUT_EQUAL:
        return gettext("about as many as last %(weekday)s by %(clock)s (%(number)s)", **values)
    values["percent"] = percent(part)
    if part > 0:
        return gettext("%(percent)s more than last %(weekday)s by %(clock)s (%(number)s)", **values)
    return gettext("%(percent)s fewer than last %(weekday)s by %(clock)s (%(number)s)", **values)


def percent(part: float) -> str:
    return f"{round(100 * abs(part))}\N{NO-BREAK SPACE}%"


def _cut(counts: Iterable[Count], until: datetime) -> Iterable[Count]:
    for count in counts:
        part = min(1.0, (until - count.start) / count.length)
        if part > 0:
            yield count.part(part)


def _local(day: date, clock: time, like: Day, fold: int = 0) -> datetime:
    return datetime.combine(day, clock, like.zone).replace(fold=fold).astimezone(like.start.tzinfo)
