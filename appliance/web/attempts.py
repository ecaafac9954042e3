"""How many failed log-ins there were lately, so that guessing passwords is slow.

Counted in memory per name and address together, and per address. A name alone is never locked: otherwise anyone on the
site's network could keep its owner out.
"""

import threading
from collections import deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
MOST_PER_NAME_AND_ADDRESS = 5
MOST_PER_ADDRESS = 20
MOST_KEYS = 10_000


class FailedAttempts:
    """Times of failed log-ins within the last `WINDOW`. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[tuple[str, ...], deque[datetime]] = {}

    def add(self, name: str, address: str, now: datetime) -> None:
        """An attempt begins; it counts as failed until `forget`."""
        with self._lock:
            for key in ((address,), (address, name)):
                # Moved to the end, so that the dictionary's first key is the one to forget.
                times = self._times.pop(key, deque(maxlen=MOST_PER_ADDRESS))
                times.append(now)
                self._times[key] = times
            while len(self._times) > MOST_KEYS:
                del self._times[next(iter(self._times))]

    def forget(self, name: str, address: str, attempts: int = 1) -> None:
        """A log-in succeeded, in as many attempts as it has steps: this name starts afresh at this address, and the
        address is as many failures better off."""
        with self._lock:
            self._times.pop((address, name), None)
            for _ in range(attempts):
                if self._times.get((address,)):
                    self._times[(address,)].pop()

    def wait(self, name: str, address: str, now: datetime) -> timedelta:
        """How long until this name may try again from this address; zero if now."""
        limits = (((address,), MOST_PER_ADDRESS), ((address, name), MOST_PER_NAME_AND_ADDRESS))
        with self._lock:
            return max(self._wait(key, most, now) for key, most in limits)

    def _wait(self, key: tuple[str, ...], most: int, now: datetime) -> timedelta:
        recent = [time for time in self._times.get(key, ()) if now - time < WINDOW]
        if len(recent) < most:
            return timedelta(0)
        return recent[-most] + WINDOW - now
