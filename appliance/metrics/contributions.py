"""How much one visit may add to the numbers: the bound that the noise of `metrics/anonymity.py` relies on.

A visit is what one camera sees of one track, for as long as the counter remembers the track, but at most a day: a track
that is seen for longer begins a new visit. The ledger is kept with the track, in memory, and goes with it.
"""

import math
from dataclasses import dataclass, field

from appliance.metrics.measures import MEASURES

VISIT_SECONDS = 24 * 3600.0


@dataclass(slots=True)
class Visit:
    """What one visit has added so far. With `bounded` false everything passes unchanged."""

    bounded: bool
    began: float
    _asked: dict[tuple[str, ...], float] = field(default_factory=dict)

    def at(self, time_seconds: float) -> None:
        """Begin a new visit where this one has lasted a day; call it for each sighting. Monotonic seconds."""
        if time_seconds - self.began >= VISIT_SECONDS:
            self.began = time_seconds
            self._asked.clear()

    def take(self, measure: str, place: str, direction: str, amount: float = 1.0) -> float:
        """How much of `amount` (not negative) may be added to the cell.

        When bounded, whole units come back, and a part of a unit waits for the next call: so what a visit adds
        to each bucket is a whole number, and the noise can be one too. Raises `KeyError` for a measure without bound.
        """
        if not self.bounded:
            return amount
        bound = MEASURES[measure].bound
        if bound is None:
            raise KeyError(f"{measure} has no bound, so no visit may add to it")
        groups = {"direction": (measure, place, direction), "place": (measure, place), "camera": (measure,)}
        group = groups[bound.each]
        before = self._asked.get(group, 0.0)
        after = min(before + max(amount, 0.0), float(bound.most))
        self._asked[group] = after
        return float(math.floor(after) - math.floor(before))
