"""`veilsight detect`: what the networks find in pictures."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import UsageError
from appliance.settings import Paths, load_settings

if TYPE_CHECKING:
    from appliance.vision.stills import DetectedObjects


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("detect", help="people, vehicles, faces and text in pictures")
    command.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    command.add_argument("--json", action="store_true", help="print one JSON object a line")
    command.add_argument(
        "--score",
        type=float,
        default=0.4,
        help="people and vehicles from this score up, 0.1 to 1 (default: 0.4)",
    )
    command.set_defaults(run=run_detect)


def run_detect(options: argparse.Namespace, paths: Paths) -> int:
    if not 0.1 <= options.score <= 1:
        raise UsageError(f"The score {options.score:g} is outside 0.1 to 1.")
    from appliance.vision.runtime import open_detectors
    from appliance.vision.stills import detect_objects, read_picture

    settings = load_settings(paths.settings_file)
    detectors = open_detectors(paths, settings.analysis)
    for path in options.images:
        found = detect_objects(read_picture(path), detectors, options.score)
        print(as_json(path, found) if options.json else as_table(path, found), flush=True)
    return 0


def as_json(path: Path, found: "DetectedObjects") -> str:
    """One line: the path as given, the size in pixels, boxes as x1, y1, x2, y2 in pixels to a tenth."""
    detections = [
        {
            "kind": detection.kind,
            "label": detection.label,
            "score": round(detection.score, 4),
            "box": [round(edge, 1) for edge in detection.box],
        }
        for detection in found.detections
    ]
    return json.dumps({"image": str(path), "width": found.width, "height": found.height, "detections": detections})


def as_table(path: Path, found: "DetectedObjects") -> str:
    lines = [f"{path}: {found.width} x {found.height} pixels, {len(found.detections)} found"]
    for detection in found.detections:
        left, top, right, bottom = (round(edge) for edge in detection.box)
        lines.append(
            f"  {detection.kind:8} {detection.label:10} {detection.score:4.2f}  {left:5} {top:5} {right:5} {bottom:5}"
        )
    return "\n".join(lines)
