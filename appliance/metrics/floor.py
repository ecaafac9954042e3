"""Names of the cells that dwell times, flows, the heat map and vehicles by label are counted in.

They come from the layout alone, never from what was seen.
"""

from collections.abc import Sequence
from itertools import permutations

# A visit to a zone falls into the first bin whose end, in seconds, it does not reach; the last has none.
DWELL_ENDS = (5, 15, 30, 60, 120, 300, 600)
DWELL_BINS = (
    *(f"{begin}-{end}" for begin, end in zip((0, *DWELL_ENDS), DWELL_ENDS, strict=False)),
    f"{DWELL_ENDS[-1]}+",
)
# A vehicle that stayed for at least so long was parked; one of the bins begins here.
PARKED_SECONDS = 60
# The heat map's grid over the picture, columns and rows.
HEAT_GRID = (16, 12)
HEAT_CELLS = tuple(f"{column},{row}" for row in range(HEAT_GRID[1]) for column in range(HEAT_GRID[0]))

# What a vehicle may be called: every label that a detector of vehicles gives (tests/vision/test_centernet.py).
VEHICLE_LABELS = ("car", "motorcycle", "bus", "truck")


def labelled(label: str, direction: str) -> str:
    """The direction of vehicles of one label that crossed a line: `car-in`."""
    return f"{label}-{direction}"


def dwell_bin(seconds: float) -> str:
    """The bin of a visit that lasted so long."""
    return next((name for name, end in zip(DWELL_BINS, DWELL_ENDS, strict=False) if seconds < end), DWELL_BINS[-1])


def bin_begin(name: str) -> int:
    """Where a bin begins, in seconds."""
    return int(name.rstrip("+").partition("-")[0])


PARKED_BINS = tuple(name for name in DWELL_BINS if bin_begin(name) >= PARKED_SECONDS)


def flow(from_zone: str, to_zone: str) -> str:
    """The place of who went from one zone to another."""
    return f"{from_zone}>{to_zone}"


def flows(zones: Sequence[str]) -> tuple[str, ...]:
    """All ordered pairs of zones, each place once: names that hold a `>` could make two of one."""
    return tuple(dict.fromkeys(flow(*pair) for pair in permutations(zones, 2)))


def heat_cell(x: float, y: float) -> str:
    """The cell of a point, normalised; points outside the picture belong to the nearest cell."""
    columns, rows = HEAT_GRID
    column, row = (min(max(int(at * count), 0), count - 1) for at, count in ((x, columns), (y, rows)))
    return f"{column},{row}"
