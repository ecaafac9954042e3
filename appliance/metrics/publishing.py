"""Stored numbers to what may be shown of them: sums with their error, and the suppression of small numbers.

Every page, export and report shows stored numbers through `Published` alone. Sums, differences and means of published
numbers are functions of them and give away nothing more; so a sum over lines, cameras or days is made of published
numbers, never of stored ones.

**Suppression** (mode `threshold`). The cells of one series (camera, measure, place, kind, direction) are the hours of
the site's day. An hour below k is withheld, a zero too. With it something of the day's total must be withheld, or it
could be subtracted (complementary suppression): the total is exact only where the withheld hours are so many, and
together so large but not too large, that each of them may still be anything from 0 to k - 1. Otherwise the total counts
the shown hours alone and is marked as "at least". Anybody who knows every published number of the series thus learns of
a withheld hour that it is below k, and nothing else. An hour is published once, when it is over, and a day's exact
total when the day is: numbers that grew while one watched would give away their steps.

Not covered: a bucket that reaches the database late, after a crash, changes numbers that were shown before. Two lines
that the same people cross tell about each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appliance.metrics.uncertainty import Noise

# A bucket that has just closed needs a moment to be stored.
LATE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Published:
    """A number that may be shown. With `withheld` it counts only a part, and the whole is at least as much.

    `value` may be negative where noise was added: clamp it for display alone, so that sums stay unbiased.
    """

    value: float = 0.0
    noise: Noise = field(default_factory=Noise)
    withheld: bool = False

    def __add__(self, other: "Published") -> "Published":
        return Published(self.value + other.value, self.noise + other.noise, self.withheld or other.withheld)

    def __sub__(self, other: "Published") -> "Published":
        return Published(self.value - other.value, self.noise + other.noise, self.withheld or other.withheld)

    @property
    def shown(self) -> int:
        """The number for people: whole, and never below zero."""
        return max(0, round(self.value))

    @property
    def margin(self) -> int:
        """The 95 % interval is `value` plus and minus this; 0 for exact numbers."""
        return round(self.noise.margin)

    @property
    def surely_some(self) -> bool:
        """Whether there is more than noise alone would make."""
        return self.value > self.margin


def total(numbers: Iterable[Published]) -> Published:
    return sum(numbers, Published())


def exact_or_noisy(value: float, variance: float) -> Published:
    """One stored number of the modes `differential` and `off`."""
    return Published(value, Noise.of(variance))


def suppress(hours: Sequence[float], k: int, day_is_over: bool) -> tuple[list[Published], Published]:
    """One series' exact hours of a day: what may be shown of each hour, and of the day's total."""
    shown = [Published(value) if value >= k else Published(withheld=True) for value in hours]
    withheld = [value for value in hours if value < k]
    if not withheld:
        return shown, total(shown)
    hidden = sum(withheld)
    # Each of them may then be 0, since the others can hold the sum, and k - 1, since the sum is larger.
    if day_is_over and k <= hidden <= (len(withheld) - 1) * (k - 1):
        return shown, Published(sum(hours))
    return shown, total(shown)


def hour_is_over(start: datetime, now: datetime) -> bool:
    """Whether the hour that begins at `start` is over and its last bucket must be stored."""
    return start + timedelta(hours=1) + LATE <= now
