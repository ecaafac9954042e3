"""A program's own warnings and errors of late, for the page: kept in memory, without what an exception carried.

Only the product's own messages are kept. They are written to hold no secret and nothing about a visitor; who did what,
with names, is in the audit log.
"""

import logging
from collections import deque
from datetime import UTC, datetime

OWN = "appliance"
MOST_LINES = 200


class RecentLog(logging.Handler):
    """Keeps the newest lines; `install` it once in a program."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[dict[str, str]] = deque(maxlen=MOST_LINES)

    def install(self) -> None:
        logging.getLogger(OWN).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        self._lines.append({"time": time, "level": record.levelname.lower(), "text": record.getMessage()})

    def lines(self) -> list[dict[str, str]]:
        """Time (UTC, ISO 8601), level and text of each, the newest first."""
        return list(reversed(self._lines))
