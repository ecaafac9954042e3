"""What the programs tell on standard error besides their output: warnings and errors, each one once a minute at most.

A fault that strikes each frame of a recording or a camera would otherwise fill the screen, or the journal, with it.
"""

import logging
import time
from collections.abc import Callable

SILENT_SECONDS = 60.0
MOST_REMEMBERED = 1000


class Seldom(logging.Filter):
    """Lets a record through unless the same one came less than a minute ago."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._told: dict[tuple[str, str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        same = (record.name, record.getMessage(), repr(error))
        now = self._now()
        if now - self._told.get(same, -SILENT_SECONDS) < SILENT_SECONDS:
            return False
        if len(self._told) >= MOST_REMEMBERED:
            self._told.clear()
        self._told[same] = now
        return True


def tell_on_standard_error() -> None:
    """Write warnings and errors to standard error from now on; a second call changes nothing."""
    root = logging.getLogger()
    if not any(isinstance(each, Seldom) for handler in root.handlers for each in handler.filters):
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
        handler.addFilter(Seldom())
        root.addHandler(handler)
