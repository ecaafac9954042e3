"""What redaction covers of real heads and plates, and how much of the picture it costs; prints one JSON object.

    python -m benchmarks.redaction [EVALUATION_DATA] [--every N]

Heads: the top fifth of each ground-truth box of at least 60 pixels, in every N-th frame of the PETS clip. `file` is
what `veilsight redact` covers, with its look-ahead; `live` is what a viewer gets, each frame from what came before.
Plates: one in each photograph. A head or plate counts as covered when at least 80 % of its box is inside covered
regions; `area` is the mean part of a picture that is covered.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import VeilsightError
from appliance.metrics.geometry import Box
from appliance.settings import find_paths, load_settings
from appliance.vision.catalogue import TASKS
from appliance.vision.recordings import redact_file
from appliance.vision.redaction import Redactor
from appliance.vision.runtime import Detectors, open_detectors
from appliance.vision.sources import open_source
from appliance.vision.stills import read_picture
from appliance.vision.tracking import Tracker
from benchmarks.ground_truth import Tracks, read_tracks

SMALLEST_PERSON = 60.0
HEAD_PART = 0.2
ENOUGH = 0.8
DEADLINE_SECONDS = 60.0


def cover_mask(boxes: Iterable[Sequence[float]], width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels lie in one of the boxes, bool [height, width]."""
    mask = np.zeros((height, width), np.bool_)
    for x1, y1, x2, y2 in boxes:
        mask[max(0, int(y1)) : max(0, int(np.ceil(y2))), max(0, int(x1)) : max(0, int(np.ceil(x2)))] = True
    return mask


def covered_part(mask: NDArray[np.bool_], box: Box) -> float:
    """The part of the box, where it is inside the picture, that the mask covers; 1 where none of it is inside."""
    window = mask[max(0, round(box.y1)) : max(0, round(box.y2)), max(0, round(box.x1)) : max(0, round(box.x2))]
    return float(window.mean()) if window.size else 1.0


class Tally:
    """Counts what is covered, and remembers what is not."""

    def __init__(self) -> None:
        self.parts: list[float] = []
        self.areas: list[float] = []
        self.missed: list[str] = []

    def add(self, name: str, mask: NDArray[np.bool_], boxes: Iterable[Box]) -> None:
        self.areas.append(float(mask.mean()))
        for box in boxes:
            self.parts.append(covered_part(mask, box))
            if self.parts[-1] < ENOUGH:
                self.missed.append(f"{name} {', '.join(f'{value:.0f}' for value in box)}: {self.parts[-1]:.2f}")

    def as_json(self) -> dict[str, object]:
        covered = sum(part >= ENOUGH for part in self.parts)
        return {
            "boxes": len(self.parts),
            "covered": round(covered / max(1, len(self.parts)), 4),
            "area": round(float(np.mean(self.areas)), 4),
            "missed": self.missed,
        }


def heads(truth: Tracks, frame: int) -> list[Box]:
    """The heads in a frame (from 1)."""
    people = [box for _, box in truth.get(frame, ()) if box.y2 - box.y1 >= SMALLEST_PERSON]
    return [Box(box.x1, box.y1, box.x2, box.y1 + HEAD_PART * (box.y2 - box.y1)) for box in people]


def measure_file(clip: Path, truth: Tracks, every: int, detectors: Detectors) -> dict[str, object]:
    with open_source(str(clip), clip.name) as source:
        first = next(iter(source))
    tally = Tally()
    lines: list[dict[str, Any]] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        redact_file(clip, Path(scratch) / "redacted.mp4", detectors, lines.append)
    elapsed = time.perf_counter() - began
    for line in lines[::every]:
        mask = cover_mask([region["box"] for region in line["regions"]], first.width, first.height)
        tally.add(f"frame {line['frame'] + 1}", mask | line["whole_frame"], heads(truth, line["frame"] + 1))
    return tally.as_json() | {"frames_per_second": round(len(lines) / elapsed, 1)}


def measure_live(clip: Path, truth: Tracks, every: int, detectors: Detectors) -> dict[str, object]:
    tally, redactor, tracker = Tally(), Redactor(detectors, DEADLINE_SECONDS), Tracker()
    frames, began = 0, time.perf_counter()
    with open_source(str(clip), clip.name) as source:
        for frames, frame in enumerate(source, start=1):
            looking = redactor.look(frame)
            objects = detectors.need("people-vehicles").start(frame.pixels).result(DEADLINE_SECONDS)
            picture = redactor.redact(frame, looking, objects, tracker.update(objects, frame.monotonic))
            if (frames - 1) % every == 0:
                mask = cover_mask([region.box for region in picture.regions], frame.width, frame.height)
                tally.add(f"frame {frames}", mask | picture.whole_frame, heads(truth, frames))
    return tally.as_json() | {"frames_per_second": round(frames / (time.perf_counter() - began), 1)}


def measure_plates(folder: Path, detectors: Detectors) -> dict[str, object]:
    tally = Tally()
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for label in sorted(folder.glob("*.txt")):
            name, left, top, width, height = label.read_text(encoding="utf-8").split("\t")[:5]
            x, y = float(left), float(top)
            plate = Box(x, y, x + float(width), y + float(height))
            rows, columns = read_picture(folder / name).shape[:2]
            lines.clear()
            redact_file(folder / name, Path(scratch) / "redacted.jpg", detectors, lines.append)
            mask = cover_mask([region["box"] for region in lines[0]["regions"]], columns, rows)
            tally.add(name, mask | lines[0]["whole_frame"], [plate])
    return tally.as_json()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("VEILSIGHT_EVALUATION_DATA") or "../shared/eval"
    parser.add_argument("data", type=Path, nargs="?", default=Path(default), metavar="EVALUATION_DATA")
    parser.add_argument("--every", type=int, default=10, metavar="N")
    parser.add_argument("--only", choices=("file", "live", "plates"))
    options = parser.parse_args()
    paths = find_paths(os.environ)
    try:
        detectors = open_detectors(paths, load_settings(paths.settings_file).analysis)
        for task in TASKS:
            detectors.need(task)  # A missing network covers everything, which is no result.
        clip, plates = options.data / "pets09-s2l1" / "vtest.avi", options.data / "plates-eu"
        truth = read_tracks(clip.with_name("gt.txt"))
        result = {}
        if options.only in (None, "plates"):
            result["plates"] = measure_plates(plates, detectors)
        if options.only in (None, "live"):
            result["heads_live"] = measure_live(clip, truth, options.every, detectors)
        if options.only in (None, "file"):
            result["heads_file"] = measure_file(clip, truth, options.every, detectors)
    except (VeilsightError, OSError) as error:
        print(f"benchmarks.redaction: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
