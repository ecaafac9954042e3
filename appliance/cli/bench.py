"""`veilsight models bench`: how fast the networks and the whole analysis are on this machine."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from appliance.errors import UsageError
from appliance.settings import Paths, load_settings


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = actions.add_parser(
        "bench",
        help="measure the networks' speed, and the analysis of a recording beside it",
        description="Takes the processor for itself for a minute or so; stop what else runs to get the machine's best.",
    )
    command.add_argument("--clip", type=Path, metavar="VIDEO", help="a recording to analyse as well")
    command.add_argument("--seconds", type=float, default=3.0, metavar="N", help="length of one measurement (3)")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=run_bench)


def run_bench(options: argparse.Namespace, paths: Paths) -> int:
    if options.clip is not None and not options.clip.is_file():
        raise UsageError(f"There is no file {options.clip}; name a video.")
    if not 0.1 <= options.seconds <= 600:
        raise UsageError("The length of a measurement must be 0.1 to 600 seconds.")
    from appliance.vision.benchmark import benchmark
    from appliance.vision.runtime import open_detectors

    detectors = open_detectors(paths, load_settings(paths.settings_file).analysis)
    for failure in detectors.failures.values():
        raise failure
    figures = benchmark(detectors, options.clip, options.seconds, lambda line: print(line, file=sys.stderr, flush=True))
    print(json.dumps(figures, indent=2) if options.json else as_text(figures))
    return 0


def as_text(figures: dict[str, Any]) -> str:
    rows = []
    for network in figures["networks"]:
        tool = network["benchmark_tool_per_second"]
        rows.append(
            f"{network['network']}: {network['pictures_per_second']} pictures a second on {network['place']} in "
            f"{network['precision']}, {network['streams']} at once, {network['input']}"
        )
        rows.append(
            f"    alone {network['network_alone_per_second']}"
            + (f", OpenVINO's benchmark tool {tool}" if tool else "")
            + f"; one at a time {network['latency_ms']['median']} ms (median)"
        )
    if "pipeline" in figures:
        pipeline = figures["pipeline"]
        rows.append(
            f"{pipeline['clip']}: {pipeline['frames_per_second']} frames a second decoded, detected, tracked and "
            f"counted; {pipeline['part_of_what_inference_allows']:.0%} of what the network alone allows"
        )
    return "\n".join(rows)
