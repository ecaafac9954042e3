"""What redaction covers of real heads and plates, what it costs, and how deface fares; prints one JSON object.

    python -m benchmarks.redaction [EVALUATION_DATA] [--every N] [--only plates|live|file|speed] [--repeats N]

Heads: the top fifth of each ground-truth box of at least 60 pixels, in every N-th frame of the PETS clip. `file` is
what `veilsight redact` covers, with its look-ahead; `live` is what a viewer gets, each frame from what came before.
Plates: one in each photograph. A head or plate counts as covered when at least 80 % of its box is inside covered
regions; `area` is the mean part of a picture that is covered. `flicker` counts heads that are covered in the frame
before and the frame after and not in the frame itself, over all frames.

Speed: whole commands, from start to end, on the PETS clip and on a 1080p clip made from it; `times` is how many times
deface's frames a second that is. deface covers faces alone; its figures are there where `make bench-redaction` has
installed it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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
from benchmarks import deface_runs as deface
from benchmarks.coverage import Flicker, Tally, cover_mask, heads
from benchmarks.ground_truth import Tracks, read_tracks
from benchmarks.speed import measure_speed

DEADLINE_SECONDS = 60.0


def measure_file(clip: Path, truth: Tracks, every: int, detectors: Detectors) -> dict[str, object]:
    with open_source(str(clip), clip.name) as source:
        first = next(iter(source))
    tally, flicker = Tally(), Flicker()
    lines: list[dict[str, Any]] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        redact_file(clip, Path(scratch) / "redacted.mp4", detectors, lines.append)
    elapsed = time.perf_counter() - began
    for line in lines:
        frame = line["frame"] + 1
        mask = cover_mask([region["box"] for region in line["regions"]], first.width, first.height)
        mask |= line["whole_frame"]
        flicker.add(mask, heads(truth, frame))
        if line["frame"] % every == 0:
            tally.add(f"frame {frame}", mask, [box for _, box in heads(truth, frame)])
    rate = round(len(lines) / elapsed, 1)
    return tally.as_json() | {"flicker": flicker.as_json(), "frames_per_second": rate}


def measure_live(clip: Path, truth: Tracks, every: int, detectors: Detectors) -> dict[str, object]:
    tally, redactor, tracker = Tally(), Redactor(detectors, DEADLINE_SECONDS, text_behind=True), Tracker()
    frames, began = 0, time.perf_counter()
    with open_source(str(clip), clip.name) as source:
        for frames, frame in enumerate(source, start=1):
            looking = redactor.look(frame)
            objects = detectors.need("people-vehicles").start(frame.pixels).result(DEADLINE_SECONDS)
            picture = redactor.redact(frame, looking, objects, tracker.update(objects, frame.monotonic))
            if (frames - 1) % every == 0:
                mask = cover_mask([region.box for region in picture.regions], frame.width, frame.height)
                tally.add(f"frame {frames}", mask | picture.whole_frame, [box for _, box in heads(truth, frames)])
    return tally.as_json() | {"frames_per_second": round(frames / (time.perf_counter() - began), 1)}


def read_plates(folder: Path) -> list[tuple[Path, Box]]:
    """Each photograph with the box of its plate."""
    plates = []
    for label in sorted(folder.glob("*.txt")):
        name, left, top, width, height = label.read_text(encoding="utf-8").split("\t")[:5]
        x, y = float(left), float(top)
        plates.append((folder / name, Box(x, y, x + float(width), y + float(height))))
    return plates


def measure_plates(folder: Path, detectors: Detectors) -> dict[str, object]:
    tally = Tally()
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for path, plate in read_plates(folder):
            rows, columns = read_picture(path).shape[:2]
            lines.clear()
            redact_file(path, Path(scratch) / "redacted.jpg", detectors, lines.append)
            mask = cover_mask([region["box"] for region in lines[0]["regions"]], columns, rows)
            tally.add(path.name, mask | lines[0]["whole_frame"], [plate])
    return tally.as_json()


def measure_deface(clip: Path, truth: Tracks, every: int) -> dict[str, object]:
    """deface's heads, as `measure_file` has them."""
    with open_source(str(clip), clip.name) as source:
        first = next(iter(source))
    tally = Tally()
    for number, boxes in enumerate(deface.boxes([clip], every)):
        frame = number * every + 1
        mask = cover_mask(boxes, first.width, first.height)
        tally.add(f"frame {frame}", mask, [box for _, box in heads(truth, frame)])
    return {name: value for name, value in tally.as_json().items() if name != "missed"}


def measure_deface_plates(folder: Path) -> dict[str, object]:
    plates, tally = read_plates(folder), Tally()
    for (path, plate), boxes in zip(plates, deface.boxes([path for path, _ in plates]), strict=True):
        rows, columns = read_picture(path).shape[:2]
        tally.add(path.name, cover_mask(boxes, columns, rows), [plate])
    return {name: value for name, value in tally.as_json().items() if name != "missed"}


def measure(options: argparse.Namespace) -> dict[str, object]:
    paths = find_paths(os.environ)
    detectors = open_detectors(paths, load_settings(paths.settings_file).analysis)
    for task in TASKS:
        detectors.need(task)  # A missing network covers everything, which is no result.
    clip, plates = options.data / "pets09-s2l1" / "vtest.avi", options.data / "plates-eu"
    truth = read_tracks(clip.with_name("gt.txt"))
    result: dict[str, object] = {}
    if options.only in (None, "plates"):
        result["plates"] = measure_plates(plates, detectors)
        if deface.is_installed():
            result["plates_deface"] = measure_deface_plates(plates)
    if options.only in (None, "live"):
        result["heads_live"] = measure_live(clip, truth, options.every, detectors)
    if options.only in (None, "file"):
        result["heads_file"] = measure_file(clip, truth, options.every, detectors)
        if deface.is_installed():
            result["heads_deface"] = measure_deface(clip, truth, options.every)
    if options.only in (None, "speed"):
        result["speed"] = measure_speed(clip, paths, options.repeats)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("VEILSIGHT_EVALUATION_DATA") or "../shared/eval"
    parser.add_argument("data", type=Path, nargs="?", default=Path(default), metavar="EVALUATION_DATA")
    parser.add_argument("--every", type=int, default=10, metavar="N")
    parser.add_argument("--only", choices=("file", "live", "plates", "speed"))
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="of each speed; the best counts")
    try:
        result = measure(parser.parse_args())
    except (VeilsightError, OSError, subprocess.CalledProcessError) as error:
        print(f"benchmarks.redaction: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
