"""What many viewers ask for at once is made once for all of them."""

import threading
import time
from collections.abc import Callable

# Viewers who ask within so long get the same.
SECONDS = 2.0


class Newest:
    """One text and when it was made. Safe to use from several threads; whoever comes while it is made waits for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[str, tuple[float, str]] = {}

    def get(self, name: str, make: Callable[[], str]) -> str:
        """The text of this name, made anew where it is too old."""
        with self._lock:
            moment, text = self._made.get(name, (float("-inf"), ""))
            if self._clock() - moment >= SECONDS:
                text = make()
                self._made[name] = (self._clock(), text)
            return text
