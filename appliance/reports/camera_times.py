"""How a camera spent its time: hours or days cut into what it showed, and why it showed nothing.

What was seen is what the stored buckets say; why the rest was not seen is what the audit log says. Time that neither
tells of is left over: a power cut leaves no word, and a start takes a while.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from appliance.audit import log
from appliance.audit.log import Action, Entry
from appliance.storage import measurements
from appliance.storage.measurements import HourRow

MEASURES = ("observed_seconds", "unreliable_seconds")
PROGRAM: tuple[Action, ...] = ("started", "stopped")
ACTIONS: tuple[Action, ...] = ("camera-state", "camera-added", "camera-removed", *PROGRAM)
ENGINE = "engine"
# As many entries as tell what a camera did last, on any site there is; a camera that comes and goes has many.
MOST_BEFORE, MOST_READ = 1000, 5000
# Why there is no picture, by the state that the log tells of; in all other states there is one, or nobody knows.
AWAY, STOPPED = "away", "stopped"
REASONS: Mapping[str, str] = {"failed": AWAY, "stalled": AWAY, "ended": STOPPED, "disabled": STOPPED}

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class CameraTime:
    """One interval, from `start` to before `end` (UTC), and for how many seconds of it a camera was what.

    `streaming` is the time that was watched, without what was `unreliable` in it, such as while something covered the
    camera. `away`: switched on, and no picture came. `stopped`: it or the program was switched off.
    """

    start: datetime
    end: datetime
    streaming: float = 0.0
    unreliable: float = 0.0
    away: float = 0.0
    stopped: float = 0.0

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    @property
    def unknown(self) -> float:
        return max(0.0, self.seconds - self.streaming - self.unreliable - self.away - self.stopped)


def read_times(connection: Connection, camera: str, spans: Sequence[Span]) -> list[CameraTime]:
    """Of each of the spans (UTC), which are whole hours or more, in order and without gaps; the last may be cut."""
    start, end = spans[0][0], spans[-1][1]
    rows = measurements.read_hours(connection, start, end, MEASURES, ("",), camera=camera)
    reasons = list(find_reasons(camera, _entries(connection, start, end), start, end))
    return [add_up(span, rows, reasons) for span in spans]


def add_up(span: Span, rows: Iterable[HourRow], reasons: Iterable[tuple[str, Span]]) -> CameraTime:
    """What is measured goes before what the log says, whose edges are not those of buckets."""
    start, end = span
    seconds = dict.fromkeys(MEASURES, 0.0)
    for row in rows:
        if start <= row.start < end:
            seconds[row.measure] += row.value
    length = (end - start).total_seconds()
    watched = min(seconds["observed_seconds"], length)
    unreliable = min(seconds["unreliable_seconds"], watched)
    left = length - watched
    why = {STOPPED: 0.0, AWAY: 0.0}
    for reason, (begin, until) in reasons:
        why[reason] += max(0.0, (min(until, end) - max(begin, start)).total_seconds())
    stopped = min(why[STOPPED], left)
    away = min(why[AWAY], left - stopped)
    return CameraTime(start, end, watched - unreliable, unreliable, away, stopped)


def find_reasons(camera: str, entries: Iterable[Entry], start: datetime, end: datetime) -> Iterator[tuple[str, Span]]:
    """When and why there was no picture; `entries` are in the log's order, some of them from before `start`."""
    reason, since = "", start
    for entry in entries:
        following = _reason(camera, entry, reason)
        if following == reason:
            continue
        moment = min(max(entry.time, start), end)
        if reason and moment > since:
            yield reason, (since, moment)
        reason, since = following, moment
    if reason and end > since:
        yield reason, (since, end)


def _reason(camera: str, entry: Entry, before: str) -> str:
    event = entry.event
    if event.action in PROGRAM and event.subject == ENGINE:
        # A new start tells anew of what it can't reach.
        return STOPPED if event.action == "stopped" else ""
    if event.subject != camera:
        return before
    if event.action == "camera-state":
        return REASONS.get(str(event.details.get("state", "")), "")
    return "" if event.action == "camera-added" else STOPPED if event.action == "camera-removed" else before


def _entries(connection: Connection, start: datetime, end: datetime) -> list[Entry]:
    """The log's order: what was said last before the start, and what since, the newest if there is too much."""
    before = log.entries(connection, end=start, actions=ACTIONS, newest_first=True, limit=MOST_BEFORE)
    since = log.entries(connection, start, end, actions=ACTIONS, newest_first=True, limit=MOST_READ)
    return [*reversed(before), *reversed(since)]


def last_hours(now: datetime, number: int) -> list[Span]:
    """The hours up to the present one, which is cut at its last whole quarter; the one before where it has none."""
    cut = _last_quarter(now)
    hour = (cut - timedelta(seconds=1)).replace(minute=0, second=0)
    starts = [hour - timedelta(hours=back) for back in range(number - 1, -1, -1)]
    return _cut([(start, start + timedelta(hours=1)) for start in starts], cut)


def cut_days(days: Sequence[Span], now: datetime) -> list[Span]:
    """The days, the last cut at the last whole quarter: what is being counted is not stored yet."""
    return _cut(days, _last_quarter(now))


def _last_quarter(now: datetime) -> datetime:
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)


def _cut(spans: Iterable[Span], moment: datetime) -> list[Span]:
    return [(start, min(end, moment)) for start, end in spans if start < moment]
