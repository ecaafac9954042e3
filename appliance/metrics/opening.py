"""Opening hours in the site's own time, on days of 23, 24 or 25 hours, and how many are in the store.

Opening hours are spans of local time. A span that ends at or before its beginning runs past midnight and belongs to the
day on which it begins. Where the clock shows a time twice, a span begins at the first and ends at the second; where it
skips one, at the moment of the change. So no minute of an open store is lost.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Spans = Sequence[tuple[time, time]]
SpansOf = Callable[[date], Spans | None]
"""The spans of a day; None for a site without opening hours, which is always open."""

# After closing, whoever the count still holds inside is taken to leave over so long.
EMPTYING = timedelta(minutes=30)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Opening:
    """One span in UTC, `start` included and `end` not."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """How many more went in than out, counted in the bucket from `start` (UTC) to `end`."""

    start: datetime
    end: datetime
    net: float


def openings(day: date, spans: Spans, zone: ZoneInfo) -> tuple[Opening, ...]:
    """The spans of a local day in UTC, in order."""
    found = []
    for begin, finish in sorted(spans):
        last = day if finish > begin else day + ONE_DAY
        start = datetime.combine(day, begin, zone).replace(fold=0).astimezone(UTC)
        end = datetime.combine(last, finish, zone).replace(fold=1).astimezone(UTC)
        found.append(Opening(start, end))
    return tuple(found)


def last_opening(now: datetime, spans_of: SpansOf, zone: ZoneInfo) -> Opening | None:
    """The opening that `now` is in, or the last one before it since the day before; None if there is none.

    A site that is always open opens anew each midnight, so that what the count got wrong does not add up for ever.
    """
    today = now.astimezone(zone).date()
    found: list[Opening] = []
    for day in (today - ONE_DAY, today):
        spans = spans_of(day)
        found += openings(day, ((time.min, time.min),) if spans is None else spans, zone)
    begun = [each for each in found if each.start <= now]
    return max(begun, key=lambda each: each.start) if begun else None


def share_left(now: datetime, opening: Opening | None) -> float:
    """Which part of the count is still taken to be inside: all while open, none `EMPTYING` after closing."""
    if opening is None:
        return 0.0
    return min(1.0, max(0.0, 1.0 - (now - opening.end) / EMPTYING))


def store_occupancy(now: datetime, opening: Opening | None, steps: Iterable[Step]) -> float:
    """How many are in the store: in minus out since it opened, when it is corrected to nobody; to zero when closed.

    May be below zero, where more were seen to leave: clamp it for display alone. A bucket that opening cuts counts
    whole, for staff let the first in.
    """
    if opening is None:
        return 0.0
    return share_left(now, opening) * sum(step.net for step in steps if step.end > opening.start)


def describe(spans: Spans | None) -> str:
    """The day's hours for people, such as `open 09:00 to 12:00, 14:00 to 19:00`; empty for a site without hours."""
    if spans is None:
        return ""
    if not spans:
        return "closed all day"
    return "open " + ", ".join(f"{begin:%H:%M} to {finish:%H:%M}" for begin, finish in sorted(spans))
