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

A histogram's bins add up to a number that is published too. They are told of whole days alone, and not of a day whose
total is withheld: all bins together would tell it, and with it the day's small hours. Hours and bins are then two
margins of one known sum, and no table of both is published: with any hours that are possible, all bins still are. How
long visits last has many bins, which are shown by the rule above or not at all. Vehicles by label are few: a small one
is withheld together with the smallest of the large ones (`suppress_parts`).

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
    shown = [_unless_small(value, k) for value in hours]
    if day_is_over and _sum_tells_nothing(hours, k):
        return shown, Published(sum(hours))
    return shown, total(shown)


def suppress_bins(bins: Sequence[float], k: int) -> list[Published]:
    """A histogram's exact bins, whose sum may be known from elsewhere: each as it may be shown, or none of them."""
    if _sum_tells_nothing(bins, k):
        return [_unless_small(value, k) for value in bins]
    return [Published(withheld=True) for _ in bins]


def suppress_parts(parts: Sequence[float], k: int) -> list[Published]:
    """A few parts of a number that is told: the small ones are withheld with the smallest of the others, or all.

    Let s be what the withheld parts add up to, m their number, and b the smallest part that is shown. All but one of
    them are below k. Each may be anything from 0 to k - 1, since the others can make up for it, one of them being from
    k to b - 1: what is left for that one is at least s - (k - 1), and at most s, of which the m - 2 others can take
    k - 1 each. Where that does not fit, all parts are withheld, which any other parts of the same sum may have led to:
    one that is not small, and nothing else but the part in question.
    """
    order = sorted(range(len(parts)), key=lambda index: parts[index])
    small = sum(part < k for part in parts)
    hidden, shown = order[: small + 1], order[small + 1 :]
    if not small:
        return [Published(part) for part in parts]
    if shown:
        left, least = sum(parts[index] for index in hidden), parts[shown[0]]
        if left < 2 * k - 1 or least <= k or left - (len(hidden) - 2) * (k - 1) >= least:
            shown = []
    return [Published(part) if index in shown else Published(withheld=True) for index, part in enumerate(parts)]


def _unless_small(value: float, k: int) -> Published:
    return Published(value) if value >= k else Published(withheld=True)


def _sum_tells_nothing(cells: Sequence[float], k: int) -> bool:
    """Whether each small cell may be anything from 0 to k - 1 for one who knows the sum and the other cells.

    It may be 0, since the other small ones can hold what is left of the sum, and k - 1, since as much is left.
    """
    small = [value for value in cells if value < k]
    return not small or k <= sum(small) <= (len(small) - 1) * (k - 1)


def hour_is_over(start: datetime, now: datetime) -> bool:
    """Whether the hour that begins at `start` is over and its last bucket must be stored."""
    return start + timedelta(hours=1) + LATE <= now
