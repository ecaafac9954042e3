"""When the store is open: the settings' `[opening]`."""

import re
from datetime import date, time
from itertools import pairwise

import msgspec


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Opening hours in the site's time: spans such as `09:00-19:00` for each weekday, none for a day that is closed.

    One that ends at or before its beginning runs past midnight. `exceptions` replace a weekday's hours, by date.
    """

    monday: tuple[str, ...] = ()
    tuesday: tuple[str, ...] = ()
    wednesday: tuple[str, ...] = ()
    thursday: tuple[str, ...] = ()
    friday: tuple[str, ...] = ()
    saturday: tuple[str, ...] = ()
    sunday: tuple[str, ...] = ()
    exceptions: dict[date, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        for texts in (*self._week, *self.exceptions.values()):
            spans = sorted(map(_span, texts))
            for (first, end), (begin, _) in pairwise(spans):
                if end <= first or end > begin:
                    raise ValueError("two spans of one day's opening hours overlap; join them")

    @property
    def _week(self) -> tuple[tuple[str, ...], ...]:
        return (
            *(self.monday, self.tuesday, self.wednesday, self.thursday),
            *(self.friday, self.saturday, self.sunday),
        )

    def spans(self, day: date) -> tuple[tuple[time, time], ...]:
        """Begin and end of each span of that day, local time."""
        texts = self.exceptions.get(day, self._week[day.weekday()])
        return tuple(sorted(map(_span, texts)))


def _span(text: str) -> tuple[time, time]:
    """Raises `ValueError` for what is no span of time."""
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", text)
    if not found:
        raise ValueError(f"opening hours are written like 09:00-19:00, not {text!r}")
    begin_hour, begin_minute, end_hour, end_minute = (int(part or 0) for part in found.groups())
    return time(begin_hour, begin_minute), time(end_hour, end_minute)
