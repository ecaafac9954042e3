"""Numbers, moments and files as the pages show and hand them out."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Response

# The destination that the audit log names for what a logged-in person takes away.
BROWSER = "browser"


def number(value: float) -> str:
    """A whole number as people read it: 1,234."""
    return f"{round(value):,}"


def plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def duration(seconds: float) -> str:
    """Such as 45 s or 3 min."""
    return f"{round(seconds)} s" if seconds < 90 else f"{round(seconds / 60)} min"


def day(value: date) -> str:
    """Such as 3 October 2026."""
    return f"{value.day} {value:%B %Y}"


def days(first: date, last: date) -> str:
    """Such as 1 to 31 October 2026, with no more repeated than needed."""
    if first == last:
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last)}"
    if first.year == last.year:
        return f"{first.day} {first:%B} to {day(last)}"
    return f"{day(first)} to {day(last)}"


def moment(value: datetime, zone: ZoneInfo, with_seconds: bool = False) -> str:
    """Such as 3 Oct 2026, 14:05 in the site's time zone."""
    local = value.astimezone(zone)
    return (
        f"{local.day} {local:%b %Y}, {local:%H:%M:%S}" if with_seconds else f"{local.day} {local:%b %Y}, {local:%H:%M}"
    )


def attachment(content: bytes, media_type: str, name: str) -> Response:
    """A file to save under `name`, which must be plain ASCII without quotes."""
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
