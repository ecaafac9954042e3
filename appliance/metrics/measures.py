"""Every measure that may be stored: what its columns may hold, what one visit may add, its part of the budget.

What is not in `MEASURES` reaches no database, whatever the counter says.

**How to add a measure**

1. Write a line into `MEASURES`: which `places` it has, its `kinds` and `directions` (a histogram's bins are
   directions), its `bound`, and its `weight` in the budget. Cells come from the camera's layout alone, never from
   what was seen: a cell that appeared only when somebody filled it would tell of them.
2. In the counter, let every amount that a track adds pass the track's `Visit` (`metrics/contributions.py`):
   `amount = visit.take("flows", "door > till", "", 1.0)`, and add what comes back. It is the amount itself where the
   site's numbers are exact.
3. Names have to fit the database's own checks (`storage/tables.py`, `ONLY_BUCKETS`).
4. Hand the running totals to `Buckets` as the others are. Values only grow, or are maxima and named `*_maximum`.

`tests/metrics/test_contributions.py` and `test_anonymity.py` then test it with the others. Kinds of treatment:

- `bound=Bound(most, each)`: one visit adds at most `most`, a whole number, to each group of cells: to every line or
  zone in one `direction`, to every `place` with all its directions together, or to the `camera`'s cells of this
  measure all together. It gets noise in the mode `differential`.
- `bound=None, weight=0`: cannot be bounded usefully. Not released in the mode `differential` (a maximum: each bucket
  that a visit touches would need noise of its own, and the largest of many noisy numbers tells of the noise alone;
  a running difference such as the store's occupancy: it follows from stored crossings at no cost).
- `split`: a histogram, whose directions add up to another measure's numbers. In the mode `threshold` its bins are shown
  together with what they add up to, or withheld (`metrics/publishing.py`).
- `about_camera=True`: says something of the camera and nothing of who passed. Released as it is in every mode.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from appliance.metrics.floor import DWELL_BINS, HEAT_CELLS, VEHICLE_LABELS, flows, labelled
from appliance.metrics.geometry import Line, Zone

KINDS = ("person", "vehicle")
NO_KIND = ("",)
NO_DIRECTION = ("",)

Cell = tuple[str, str, str, str]
"""Measure, place, kind, direction."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What decides which cells there are: the names of a camera's lines and zones, whether it has a heat map, and
    whether vehicles that cross its lines are counted by label too."""

    lines: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    heat: bool = False
    labels: bool = False

    @classmethod
    def of(cls, lines: Sequence[Line], zones: Sequence[Zone], heat: bool = False, labels: bool = False) -> "Layout":
        return cls(tuple(line.name for line in lines), tuple(zone.name for zone in zones), heat, labels)


def lines_of(layout: Layout) -> tuple[str, ...]:
    return layout.lines


def labelled_lines_of(layout: Layout) -> tuple[str, ...]:
    return layout.lines if layout.labels else ()


def zones_of(layout: Layout) -> tuple[str, ...]:
    return layout.zones


def flows_of(layout: Layout) -> tuple[str, ...]:
    return flows(layout.zones)


def heat_cells_of(layout: Layout) -> tuple[str, ...]:
    return HEAT_CELLS if layout.heat else ()


def whole_camera(layout: Layout) -> tuple[str, ...]:  # noqa: ARG001
    return ("",)


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that one visit adds to each `each` of a measure, in the measure's own unit; a whole number."""

    most: int
    each: Literal["direction", "place", "camera"]


@dataclass(frozen=True, slots=True)
class Split:
    """A histogram's bins: those of each direction of the measure `of` add up to its number at the same place.

    Of `few` bins a small one is withheld together with another, since else hardly any day could be told.
    """

    of: str
    bins: Mapping[str, tuple[str, ...]]
    few: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. `weight` is its part of the budget beside those of the camera's other measures.

    `counted_by` names the count of visits that decides in the mode `threshold` whether a number that is no count itself
    may be shown; a count decides for itself.
    """

    places: Callable[[Layout], tuple[str, ...]]
    kinds: tuple[str, ...]
    directions: tuple[str, ...]
    bound: Bound | None
    weight: int
    whole_number: bool = True
    counted_by: str = ""
    about_camera: bool = False
    split: Split | None = None

    def cells(self, name: str, layout: Layout) -> Iterator[Cell]:
        """Every cell that a camera of this layout has, whatever was seen."""
        for place in self.places(layout):
            for kind in self.kinds:
                for direction in self.directions:
                    yield (name, place, kind, direction)

    def sensitivity(self, layout: Layout) -> int:
        """The most that one visit adds to all cells of the measure together, in all buckets (the L1 sensitivity).

        Kinds do not add up: a visit is of one kind. Buckets do not either: the bound is on the visit's whole life.
        """
        if self.bound is None:
            return 0
        places = len(self.places(layout))
        groups = {"direction": places * len(self.directions), "place": places, "camera": min(places, 1)}
        return self.bound.most * groups[self.bound.each]


# One visit's seconds in a zone beyond this are not counted in the mode `differential`.
MOST_SECONDS = 300
# Nor are the moves of one visit from zone to zone beyond this, or its seconds on the heat map.
MOST_FLOWS = 3
MOST_HEAT_SECONDS = 60

WAYS = ("in", "out")
LABELS_OF_WAYS = {way: tuple(labelled(label, way) for label in VEHICLE_LABELS) for way in WAYS}

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "crossings": Measure(lines_of, KINDS, WAYS, Bound(1, "direction"), weight=6),
        # A vehicle has one label as it crosses, so it adds what it adds to its line's crossings: one each way.
        "crossings_by_label": Measure(
            labelled_lines_of,
            ("vehicle",),
            tuple(name for names in LABELS_OF_WAYS.values() for name in names),
            Bound(len(WAYS), "place"),
            weight=3,
            split=Split("crossings", LABELS_OF_WAYS, few=True),
        ),
        "visits": Measure(zones_of, KINDS, NO_DIRECTION, Bound(1, "place"), weight=2),
        "occupancy_seconds": Measure(
            zones_of, KINDS, NO_DIRECTION, Bound(MOST_SECONDS, "place"), 2, whole_number=False, counted_by="visits"
        ),
        "occupancy_maximum": Measure(zones_of, KINDS, NO_DIRECTION, bound=None, weight=0, counted_by="visits"),
        "dwell": Measure(
            zones_of, KINDS, DWELL_BINS, Bound(1, "place"), weight=1, split=Split("visits", {"": DWELL_BINS})
        ),
        "flows": Measure(flows_of, ("person",), NO_DIRECTION, Bound(MOST_FLOWS, "camera"), weight=1),
        # A cell has no count of visits that could decide, so in the mode `threshold` none is shown.
        "heat_seconds": Measure(
            heat_cells_of,
            ("person",),
            NO_DIRECTION,
            Bound(MOST_HEAT_SECONDS, "camera"),
            weight=1,
            whole_number=False,
            counted_by="visits",
        ),
        "observed_seconds": Measure(
            whole_camera, NO_KIND, NO_DIRECTION, bound=None, weight=0, whole_number=False, about_camera=True
        ),
        "unreliable_seconds": Measure(
            whole_camera, NO_KIND, NO_DIRECTION, bound=None, weight=0, whole_number=False, about_camera=True
        ),
    }
)


def budget_shares(layout: Layout) -> dict[str, float]:
    """The part of the budget of each measure that a camera of this layout has and that gets noise; they add up to 1."""
    weights = {name: each.weight for name, each in MEASURES.items() if each.sensitivity(layout) > 0}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def noise_scales(layout: Layout, epsilon: float) -> dict[str, float]:
    """The scale of the discrete Laplace noise of each measure: its sensitivity over its part of `epsilon`."""
    return {
        name: MEASURES[name].sensitivity(layout) / (epsilon * share) for name, share in budget_shares(layout).items()
    }
