"""What the report says of durations, ways and heat at one camera: facts for JSON, from sums that were read already."""

from collections.abc import Collection, Iterator
from typing import Any

from appliance.metrics.floor import DWELL_BINS
from appliance.metrics.publishing import Published
from appliance.reports.floor import Heat, Stays, cells_of, heat_of, shade, stands_out, stays_of, ways_of
from appliance.reports.sums import Sums


def stays(camera: str, zones: Collection[tuple[str, str]], sums: Sums) -> list[dict[str, Any]]:
    """The visits that ended by their duration in seconds, for each zone and kind that has any."""
    found = ((zone, kind, stays_of(cells_of(sums, "dwell", kind), camera, zone)) for zone, kind in sorted(zones))
    return [
        {"zone": zone, "kind": kind, **_bins(each), **_parked(each, kind)}
        for zone, kind, each in found
        if _is_stored(sums, each, kind)
    ]


def ways(camera: str, zones: Collection[tuple[str, str]], sums: Sums) -> list[dict[str, Any]]:
    """How many persons went from one zone to another, for each pair that was counted."""
    names = sorted({zone for zone, kind in zones if kind == "person"})
    cells = cells_of(sums, "flows", "person")
    if len(names) < 2 or not any(name == camera for name, _, _ in cells):
        return []
    found = ways_of(cells, camera, names)
    most = max((each.value for row in found.numbers for each in row if each and each.surely_some), default=0.0)
    return [
        {"from": begin, "to": end, "shade": shade(each.surely_some, each.value, most), **_number("people", each)}
        for begin, row in zip(names, found.numbers, strict=True)
        for end, each in zip(names, row, strict=True)
        if each is not None
    ]


def heat(camera: str, sums: Sums) -> dict[str, Any] | None:
    """For how many seconds persons stood in each cell of the camera's view; None for a camera without a heat map."""
    cells = cells_of(sums, "heat_seconds", "person")
    if not any(name == camera for name, _, _ in cells):
        return None
    found = heat_of(cells, camera)
    most = max((each.value for each in _all(found) if stands_out(each)), default=0.0)
    return {
        "columns": len(found.rows[0]),
        "rows": len(found.rows),
        "margin": max(each.margin for each in _all(found)),
        "seconds": [round(each.value) for each in _all(found)],
        "shades": [shade(stands_out(each), each.value, most) for each in _all(found)],
    }


def _all(heat: Heat) -> Iterator[Published]:
    return (each for row in heat.rows for each in row)


def _is_stored(sums: Sums, found: Stays, kind: str) -> bool:
    return any(sums.get(found.camera, "dwell", found.zone, kind, name) is not None for name in DWELL_BINS)


def _bins(found: Stays) -> dict[str, Any]:
    middle = found.median_bin
    return {
        "usual": None if middle is None else DWELL_BINS[middle],
        "bins": [
            {"seconds": name, **_number("visits", each)} for name, each in zip(DWELL_BINS, found.bins, strict=True)
        ],
    }


def _parked(found: Stays, kind: str) -> dict[str, Any]:
    return _number("parked", found.parked) if kind == "vehicle" else {}


def _number(name: str, number: Published) -> dict[str, Any]:
    """A number with what is to be known about it, as in `counts`."""
    told: dict[str, Any] = {name: round(number.value)}
    if number.margin:
        told[f"{name}_margin"] = number.margin
    if number.withheld:
        told[f"{name}_withheld"] = True
    return told
