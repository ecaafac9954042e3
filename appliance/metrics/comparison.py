"""The same number of two times: what changed, and whether that is more than noise. Plain arithmetic."""

from dataclasses import dataclass

from appliance.metrics.publishing import Published

# A difference of so small a part is none that anybody should act on, however exact the numbers are.
ABOUT_EQUAL = 0.03


@dataclass(frozen=True, slots=True)
class Change:
    """From `before` to `now`. `is_counted` is whether it was counted in both times at all.

    The two times must not overlap: the interval of the difference takes their noises to be independent.
    """

    now: Published
    before: Published
    is_counted: bool = True

    @property
    def difference(self) -> Published | None:
        """`now` less `before`, with an interval of its own; None where nothing may be said.

        Where a part of either is withheld there is none: what is shown of the two may be of different hours.
        """
        if not self.is_counted or self.now.withheld or self.before.withheld:
            return None
        return self.now - self.before

    @property
    def is_clear(self) -> bool:
        """Whether the difference is more than noise would make."""
        difference = self.difference
        return difference is not None and abs(difference.value) > difference.margin

    @property
    def part(self) -> float | None:
        """The difference as a part of what was before; None where that is not surely some."""
        difference = self.difference
        if difference is None or not self.before.surely_some:
            return None
        return difference.value / self.before.value
