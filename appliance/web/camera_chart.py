"""A camera's health as a chart: of each hour or day the share in which it gave pictures, and why not in the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from appliance.language import marked
from appliance.reports.camera_times import CameraTime, cut_days, last_hours, read_times
from appliance.reports.daily import days_of
from appliance.reports.period import Period
from appliance.web.context import WebContext
from appliance.web.plot import SIZE, Tick, columns
from appliance.web.wording import gettext, this_language, translated

HOURS, DAYS = 24, 30
# Part of its interval's width that a bar takes.
BAR = 0.8
SPANS: Mapping[str, str] = {"days": marked("30 days"), "hours": marked("24 hours")}
# From the bottom of a bar up.
KINDS: Mapping[str, str] = {
    "streaming": marked("Pictures came"),
    "unreliable": marked("Unreliable"),
    "away": marked("No picture"),
    "stopped": marked("Switched off"),
    "unknown": marked("Not known"),
}


@dataclass(frozen=True)
class TimesRow:
    """One interval in words: when, and the share of each of `KINDS`."""

    label: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class TimesChart:
    """`paths` are of `KINDS` but the last, for the attribute `d`, in a square of 1000 by 1000."""

    span: str
    sentence: str
    kinds: Mapping[str, str]
    paths: Mapping[str, str]
    columns: tuple[Tick, ...]
    rows: tuple[TimesRow, ...]

    @property
    def is_empty(self) -> bool:
        return not any(self.paths.values())


def read_chart(connection: Connection, context: WebContext, camera: str, span: str) -> TimesChart:
    """Of the last `HOURS` hours or `DAYS` days, by the name in `SPANS`."""
    return chart(read_spans(connection, context, camera, span), span, context)


def read_spans(connection: Connection, context: WebContext, camera: str, span: str) -> list[CameraTime]:
    now, zone = context.clock(), context.settings.site.zone
    if span == "hours":
        return read_times(connection, camera, last_hours(now, HOURS))
    today = now.astimezone(zone).date()
    # A day that has just begun has nothing to show.
    days = cut_days(days_of(Period(today - timedelta(days=DAYS - 1), today, zone)), now)
    return read_times(connection, camera, days)


def chart(times: Sequence[CameraTime], span: str, context: WebContext) -> TimesChart:
    language, zone = this_language(), context.settings.site.zone
    starts = [each.start.astimezone(zone) for each in times]
    short = [f"{each:%H:%M}" if span == "hours" else language.dated(each, "MMMd") for each in starts]
    full = [language.dated(each, "yMMMEd") + (f", {each:%H:%M}" if span == "hours" else "") for each in starts]
    return TimesChart(
        span,
        _sentence(times),
        {name: translated(words) for name, words in KINDS.items()},
        _paths(times),
        columns(short),
        tuple(
            TimesRow(label, tuple(_share(getattr(each, name), each.seconds) for name in KINDS))
            for label, each in zip(full, times, strict=True)
        )[::-1],
    )


def _sentence(times: Sequence[CameraTime]) -> str:
    """How much of the whole time was watched, and could be relied on."""
    whole = sum(each.seconds for each in times)
    streaming = sum(each.streaming for each in times)
    return gettext("Pictures came, and could be relied on, for %(part)s of this time.", part=_share(streaming, whole))


def _share(seconds: float, whole: float) -> str:
    """In percent, rounded so that neither all nor nothing is said of what is almost so."""
    part = seconds / whole if whole else 0.0
    if 0.0 < part < 1.0:
        part = min(max(part, 0.01), 0.99)
    return this_language().percent(part)


def _paths(times: Sequence[CameraTime]) -> dict[str, str]:
    """Bars on top of each other, each kind one path."""
    found = {name: "" for name in KINDS if name != "unknown"}
    width = SIZE / max(len(times), 1)
    for index, each in enumerate(times):
        bottom = SIZE
        for name in found:
            height = SIZE * getattr(each, name) / each.seconds
            if height >= 1.0:
                left = width * (index + (1 - BAR) / 2)
                found[name] += f"M{left:.1f} {bottom:.0f}v{-height:.0f}h{width * BAR:.1f}v{height:.0f}z"
            bottom -= height
    return found
