"""Numbers and moments in the language of the page, and files as the pages hand them out."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Response

from appliance.web.wording import this_language

# The destination that the audit log names for what a logged-in person takes away.
BROWSER = "browser"


def number(value: float) -> str:
    """A whole number as people read it: 1,234 in English."""
    return this_language().number(round(value))


def plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def duration(seconds: float) -> str:
    """Such as 45 s or 3 min, which is the same in every language."""
    return f"{round(seconds)} s" if seconds < 90 else f"{round(seconds / 60)} min"


def day(value: date) -> str:
    """Such as 3 October 2026."""
    return this_language().day(value)


def days(first: date, last: date) -> str:
    """Such as 1 to 31 October 2026, with no more repeated than needed."""
    return this_language().days(first, last)


def moment(value: datetime, zone: ZoneInfo, with_seconds: bool = False) -> str:
    """Such as 3 Oct 2026, 14:05 in the site's time zone."""
    return this_language().moment(value, zone, with_seconds)


def attachment(content: bytes, media_type: str, name: str) -> Response:
    """A file to save under `name`, which must be plain ASCII without quotes."""
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
