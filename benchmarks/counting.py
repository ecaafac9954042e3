"""Counts, tracks and speed on a clip with ground truth; prints one JSON object.

    python -m benchmarks.counting [CLIP GROUND_TRUTH] [--line NAME=x1,y1,x2,y2 ...]

`difference` is that of the totals in + out, as a part of the ground truth's. `random_lines` draws many lines across
the picture and gives the mean of the absolute difference over all their crossings: one line can be lucky.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.errors import VeilsightError
from appliance.metrics.geometry import Line, Point, parse_line
from appliance.settings import find_paths, load_settings
from appliance.vision.counting import detect_frames, observations
from appliance.vision.runtime import Detector, open_detectors
from appliance.vision.tracking import Tracker
from appliance.vision.trails import Trails
from benchmarks.accuracy import Accuracy, measure
from benchmarks.ground_truth import Tracks, by_frame, count_tracks, read_tracks

PETS_LINES = ("a=0.45,0.25,0.45,0.95", "b=0.62,0.25,0.62,0.95", "c=0.30,0.30,0.30,0.75")
RANDOM_LINES = 200
RANDOM_LINES_SEED = 1


def run(clip: Path, truth: Path, lines: Sequence[Line], detector: Detector) -> dict[str, object]:
    """Analyse the clip once and compare it with its ground truth."""
    tracker, trails, seen = Tracker(), Trails(), []
    began, in_tracker, times = time.perf_counter(), 0.0, []
    size = (0, 0)
    for frame in detect_frames(clip, detector):
        before = time.perf_counter()
        tracks = tracker.update(frame.detections, frame.time_seconds)
        in_tracker += time.perf_counter() - before
        trails.add(frame.number, frame.time_seconds, tracks)
        seen += [(frame.number, each.track, each.box) for each in observations(tracks) if each.kind == "person"]
        times.append(frame.time_seconds)
        size = (frame.width, frame.height)
    elapsed = time.perf_counter() - began
    frames = len(times)
    expected, rate = read_tracks(truth), (frames - 1) / (times[-1] - times[0])
    persons = by_frame((row.frame, row.track, row.box) for row in trails.rows() if row.kind == "person")
    at_lines = compare(by_frame(seen), expected, lines, frames, rate, size)
    at_random = compare(by_frame(seen), expected, random_lines(RANDOM_LINES), frames, rate, size)
    return {
        "frames": frames,
        "frames_per_second": round(frames / elapsed, 1),
        "tracker_milliseconds_per_frame": round(in_tracker / frames * 1000, 3),
        "lines": {name: result.as_json() for name, result in at_lines.items()},
        "random_lines": spread(at_random.values()),
        "tracks": rounded(measure(expected, persons)),
        "tracks_marked_only": rounded(measure(read_tracks(truth, marked_only=True), persons)),
    }


def rounded(accuracy: Accuracy) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(accuracy).items()}


@dataclass(frozen=True)
class LineResult:
    """In and out at one line; `difference` of their sums, as a part of the truth's."""

    counted: tuple[int, int]
    truth: tuple[int, int]

    @property
    def difference(self) -> float:
        return (sum(self.counted) - sum(self.truth)) / max(1, sum(self.truth))

    def as_json(self) -> dict[str, object]:
        return {"counted": self.counted, "truth": self.truth, "difference": round(self.difference, 4)}


def compare(
    found: Tracks, truth: Tracks, lines: Sequence[Line], frames: int, rate: float, size: tuple[int, int]
) -> dict[str, LineResult]:
    """Counted and true in and out of each line."""
    counted, true = (count_tracks(tracks, lines, frames, rate, size) for tracks in (found, truth))
    return {line.name: LineResult(counted[line.name], true[line.name]) for line in lines}


def random_lines(number: int) -> list[Line]:
    """Lines through random points of the picture, none shorter than about a fifth of it."""
    chance = random.Random(RANDOM_LINES_SEED)  # noqa: S311 - the same lines every time
    lines: list[Line] = []
    while len(lines) < number:
        start, end = Point(chance.random(), chance.random()), Point(chance.random(), chance.random())
        if abs(start.x - end.x) + abs(start.y - end.y) >= 0.2:
            lines.append(Line(f"random {len(lines)}", start, end))
    return lines


def spread(results: Iterable[LineResult]) -> dict[str, object]:
    """Over many lines: the mean absolute difference of in and of out as a part of all true crossings, and the bias."""
    results = list(results)
    pairs = [pair for each in results for pair in zip(each.counted, each.truth, strict=True)]
    true = sum(truth for _, truth in pairs)
    return {
        "lines": len(results),
        "crossings": true,
        "absolute_difference": round(sum(abs(counted - truth) for counted, truth in pairs) / max(1, true), 4),
        "difference": round(sum(counted - truth for counted, truth in pairs) / max(1, true), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    data = Path(os.environ.get("VEILSIGHT_EVALUATION_DATA") or Path(__file__).parents[2] / "shared" / "eval")
    parser.add_argument("clip", type=Path, nargs="?", default=data / "pets09-s2l1" / "vtest.avi")
    parser.add_argument("truth", type=Path, nargs="?", default=data / "pets09-s2l1" / "gt.txt")
    parser.add_argument("--line", action="append", type=parse_line, metavar="NAME=x1,y1,x2,y2")
    options = parser.parse_args()
    lines = options.line or [parse_line(text) for text in PETS_LINES]
    paths = find_paths(os.environ)
    try:
        detectors = open_detectors(paths, load_settings(paths.settings_file).analysis, ("people-vehicles",))
        print(json.dumps(run(options.clip, options.truth, lines, detectors.need("people-vehicles"))))
    except (VeilsightError, OSError) as error:
        sys.exit(f"benchmarks.counting: {error}")


if __name__ == "__main__":
    main()
