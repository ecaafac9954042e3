"""How often frames are analysed, and how long that takes."""

import threading
from collections import deque

import numpy as np

# A frame that comes this part of a period early is taken: a camera's frames never come quite evenly.
EARLY = 0.25
# Percentiles are of so many values at most.
KEPT_VALUES = 2000


class Turns:
    """Chooses frames of a camera so that at most `rate` a second are analysed."""

    def __init__(self, rate: float) -> None:
        self._period = 1.0 / rate
        self._due: float | None = None

    def take(self, now: float) -> bool:
        """Whether the frame of this time (seconds, monotonic) is to be analysed.

        The next one is due a period after this one was due, so the mean rate is right for any rate of the camera.
        """
        early = EARLY * self._period
        if self._due is not None and self._due - self._period - early <= now < self._due - early:
            return False
        # After a pause, no frames are made up for; after a jump back of time, the frame is taken.
        on_time = self._due is not None and abs(now - self._due) < self._period
        self._due = (self._due if on_time and self._due is not None else now) + self._period
        return True


class Recent:
    """Values of the last seconds, with their times. Written by one thread, read by any."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: deque[tuple[float, float]] = deque(maxlen=KEPT_VALUES)
        self._lock = threading.Lock()

    def add(self, now: float, value: float) -> None:
        with self._lock:
            self._values.append((now, value))

    def percentiles(self, now: float) -> dict[str, float] | None:
        """The 50th, 95th and 99th percentile of the last seconds' values; None where there are none."""
        values = [value for _, value in self._within(now)]
        if not values:
            return None
        found = np.percentile(values, (50, 95, 99))
        return {name: round(float(value), 4) for name, value in zip(("p50", "p95", "p99"), found, strict=True)}

    def per_second(self, now: float) -> float:
        """How many values came in a second, over the time from the first to the last of them."""
        times = [time for time, _ in self._within(now)]
        span = times[-1] - times[0] if len(times) > 1 else 0.0
        return (len(times) - 1) / span if span > 0 else 0.0

    def growth_per_second(self, now: float) -> float:
        """By how much a value that only grows has grown in a second."""
        found = self._within(now)
        span = found[-1][0] - found[0][0] if len(found) > 1 else 0.0
        return max(0.0, found[-1][1] - found[0][1]) / span if span > 0 else 0.0

    def _within(self, now: float) -> list[tuple[float, float]]:
        with self._lock:
            values = list(self._values)
        return [each for each in values if now - each[0] <= self._seconds]
