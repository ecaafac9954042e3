"""`veilsight count`: a recording to counts at lines and in zones."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from appliance.cli.places import MASK_FORM, MASK_HELP, parse_masks
from appliance.errors import UsageError
from appliance.metrics.counters import COUNTED_KINDS, DIRECTIONS
from appliance.metrics.floor import DWELL_BINS, HEAT_GRID, PARKED_BINS, VEHICLE_LABELS
from appliance.metrics.geometry import GeometryError, Line, Zone, check_names, parse_line, parse_zone
from appliance.settings import Paths, load_settings

if TYPE_CHECKING:
    from appliance.vision.counting import VideoCounts

PLAIN_PROGRESS_SECONDS = 10.0


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "count",
        help="count at lines and in zones of a recording",
        description="Coordinates run from 0 to 1, from the left and from the top. A line from point 1 to point 2 "
        "counts as 'in' who crosses it from the left of that direction to its right.",
    )
    command.add_argument("video", type=Path, metavar="VIDEO")
    command.add_argument("--line", action="append", default=[], metavar="NAME=x1,y1,x2,y2", help="may be repeated")
    command.add_argument("--zone", action="append", default=[], metavar="NAME=x,y,x,y,x,y...", help="may be repeated")
    command.add_argument(
        "--queue", action="append", default=[], metavar="ZONE", help="a zone where people wait in line"
    )
    command.add_argument(
        "--ignore", action="append", default=[], metavar="NAME=x,y,x,y,x,y...", help="a region that is not counted"
    )
    command.add_argument("--overhead", action="store_true", help="the camera looks straight down")
    command.add_argument("--heat-map", action="store_true", help="add how long people stood where, by cells")
    command.add_argument("--mask", action="append", default=[], metavar=MASK_FORM, help=MASK_HELP)
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--tracks", type=Path, metavar="FILE", help="write MOTChallenge rows, for measuring accuracy")
    command.set_defaults(run=run_count)


def run_count(options: argparse.Namespace, paths: Paths) -> int:
    lines, zones = parse_places(options.line, options.zone)
    masks, (_, ignored) = parse_masks(options.mask), parse_places([], options.ignore)
    check_queues(options.queue, zones)
    if not (lines or zones or options.tracks or options.heat_map):
        raise UsageError("There is nothing to count; draw a --line or a --zone.")
    if not options.video.is_file():
        raise UsageError(f"There is no file {options.video}; name a video.")

    from appliance.vision.counting import count_video
    from appliance.vision.runtime import open_detectors
    from appliance.vision.trails import check_target, write_tracks

    if options.tracks:
        check_target(options.tracks)
    settings = load_settings(paths.settings_file)
    detectors = open_detectors(paths, settings.analysis, ("people-vehicles",))
    detector = detectors.need("people-vehicles")
    with show_progress() as progress:
        counts = count_video(
            options.video,
            detector,
            lines,
            zones,
            bool(options.tracks),
            progress,
            masks,
            options.heat_map,
            ignored,
            options.overhead,
        )
    if options.tracks:
        write_tracks(options.tracks, counts.tracks)
    if options.json:
        print(json.dumps(as_json(counts, lines, zones) | more_as_json(counts, lines, zones, options.queue)))
    else:
        print(as_text(counts, lines, zones))
    if options.json:
        print(f"{counts.frames_per_second:.1f} frames a second", file=sys.stderr)
    return 0


def parse_places(line_texts: list[str], zone_texts: list[str]) -> tuple[tuple[Line, ...], tuple[Zone, ...]]:
    """Lines and zones as written on the command line. Raises `UsageError`."""
    try:
        lines, zones = tuple(map(parse_line, line_texts)), tuple(map(parse_zone, zone_texts))
        check_names(lines, zones)
    except GeometryError as error:
        raise UsageError(str(error)) from error
    return lines, zones


def check_queues(queues: list[str], zones: tuple[Zone, ...]) -> None:
    """Raises `UsageError` for a queue that is no zone."""
    unknown = sorted(set(queues) - {zone.name for zone in zones})
    if unknown:
        raise UsageError(f"There is no zone {unknown[0]!r} to be a queue; draw it with --zone.")


def as_json(counts: "VideoCounts", lines: tuple[Line, ...], zones: tuple[Zone, ...]) -> dict[str, object]:
    crossings = counts.totals.crossings
    return {
        "frames": counts.frames,
        "seconds": round(counts.seconds, 3),
        "frames_per_second": round(counts.frames_per_second, 1),
        "lines": {
            line.name: {
                kind: {direction: crossings[line.name, kind, direction] for direction in DIRECTIONS}
                for kind in COUNTED_KINDS
            }
            for line in lines
        },
        "zones": {zone.name: {kind: in_zone(counts, zone.name, kind) for kind in COUNTED_KINDS} for zone in zones},
    }


def in_zone(counts: "VideoCounts", zone: str, kind: str) -> dict[str, float | int | dict[str, int] | None]:
    """What was counted in a zone; the mean dwell is null where nobody came."""
    totals, place = counts.totals, (zone, kind)
    ended = totals.visits_ended[place]
    return {
        "visits": totals.visits[place],
        "occupancy_mean": round(totals.occupancy_seconds[place] / counts.seconds, 3) if counts.seconds else 0.0,
        "occupancy_maximum": totals.occupancy_maximum[place],
        "dwell_mean_seconds": round(totals.dwell_seconds[place] / ended, 3) if ended else None,
        "dwell": {name: totals.dwell[zone, kind, name] for name in DWELL_BINS},
    }


def more_as_json(
    counts: "VideoCounts", lines: tuple[Line, ...], zones: tuple[Zone, ...], queues: list[str]
) -> dict[str, object]:
    """Vehicles by label, queues, vehicles in zones, flows between zones and the heat map."""
    totals, more = counts.totals, dict[str, object]()
    if lines:
        more["labels"] = {line.name: labels(counts, line.name) for line in lines}
    if queues:
        more["queues"] = {name: queue(counts, name) for name in queues}
    if zones:
        more["vehicles"] = {zone.name: vehicles(counts, zone.name) for zone in zones}
    if totals.flows:
        more["flows"] = dict(totals.flows)
    if totals.heat_seconds:
        columns, rows = HEAT_GRID
        cells = [round(seconds, 3) for seconds in totals.heat_seconds.values()]
        more["heat_map"] = {
            "columns": columns,
            "rows": rows,
            "seconds": [cells[row * columns : (row + 1) * columns] for row in range(rows)],
        }
    return more


def labels(counts: "VideoCounts", line: str) -> dict[str, dict[str, int]]:
    """The vehicles that crossed a line, by label and direction; together they are the line's vehicles."""
    crossings = counts.totals.crossings_by_label
    return {
        label: {direction: crossings[line, label, direction] for direction in DIRECTIONS} for label in VEHICLE_LABELS
    }


def queue(counts: "VideoCounts", zone: str) -> dict[str, object]:
    """Length in persons; the wait is of those who have left, null where nobody has."""
    person = in_zone(counts, zone, "person")
    return {
        "length_mean": person["occupancy_mean"],
        "length_maximum": person["occupancy_maximum"],
        "wait_mean_seconds": person["dwell_mean_seconds"],
        "waits": {name: counts.totals.dwell[zone, "person", name] for name in DWELL_BINS},
    }


def vehicles(counts: "VideoCounts", zone: str) -> dict[str, int]:
    """How many entered, left, are inside at the end, and stayed long enough to have parked."""
    totals, place = counts.totals, (zone, "vehicle")
    return {
        "entered": totals.visits[place],
        # The recording's end has ended the visits of those inside too.
        "left": totals.visits_ended[place] - totals.occupancy[place],
        "inside": totals.occupancy[place],
        "parked": sum(totals.dwell[zone, "vehicle", name] for name in PARKED_BINS),
    }


def as_text(counts: "VideoCounts", lines: tuple[Line, ...], zones: tuple[Zone, ...]) -> str:
    rows = [f"{counts.frames} frames, {counts.seconds:.1f} seconds"]
    for line in lines:
        for kind in COUNTED_KINDS:
            ways_in, ways_out = (counts.totals.crossings[line.name, kind, direction] for direction in DIRECTIONS)
            rows.append(f"line {line.name}: {kind} {ways_in} in, {ways_out} out")
        for label, ways in labels(counts, line.name).items():
            if any(ways.values()):
                rows.append(f"line {line.name}: of them {label} {ways['in']} in, {ways['out']} out")
    for zone in zones:
        for kind in COUNTED_KINDS:
            found = in_zone(counts, zone.name, kind)
            dwell = found["dwell_mean_seconds"]
            rows.append(
                f"zone {zone.name}: {kind} {found['visits']} visits, {found['occupancy_mean']} present on average, "
                f"{found['occupancy_maximum']} at most" + (f", {dwell} seconds a visit" if dwell is not None else "")
            )
    rows.append(f"{counts.frames_per_second:.1f} frames a second")
    return "\n".join(rows)


@contextmanager
def show_progress() -> Iterator[Callable[[int], None]]:
    """A bar of frames on a terminal, a plain line now and then otherwise; always on standard error."""
    if sys.stderr.isatty():
        with tqdm(unit=" frames", leave=False) as bar:

            def advance(frames: int) -> None:
                bar.update(frames - bar.n)

            yield advance
        return
    next_line = time.monotonic() + PLAIN_PROGRESS_SECONDS

    def plain(frames: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + PLAIN_PROGRESS_SECONDS
            print(f"{frames} frames done", file=sys.stderr, flush=True)

    yield plain
