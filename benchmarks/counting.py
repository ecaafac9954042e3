"""Counts, tracks and speed on a clip with ground truth; prints one JSON object.

    python -m benchmarks.counting [CLIP GROUND_TRUTH] [--line NAME=x1,y1,x2,y2 ...]

`absolute_error` sums, over lines and directions, how far counted and true crossings differ in number; `missed` and
`false` say how many single crossings have no partner in time. `every_frame`, `every_second_frame` and
`every_third_frame` are the same clip at three rates: live cameras are analysed at a few frames a second.
`random_lines` draws many lines across the picture: eight lines can be lucky. `occupancy_drift` is apart from the
crossings: how far in minus out strays from the truth.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from appliance.errors import VeilsightError
from appliance.metrics.counters import Observation
from appliance.metrics.geometry import Line, Point, parse_line
from appliance.settings import find_paths, load_settings
from appliance.vision.counting import DetectedFrame, detect_frames, observations
from appliance.vision.runtime import Detector, open_detectors
from appliance.vision.tracking import Tracker
from appliance.vision.trails import Trails
from benchmarks.accuracy import Accuracy, measure
from benchmarks.crossings import Observed, Score, as_observed, crossing_times, drift, score, summary
from benchmarks.ground_truth import Tracks, by_frame, read_tracks

# Four upright lines and four level ones at even distances, drawn in both senses; chosen before any result was seen.
LINES = (
    "upright-1=0.2,0.1,0.2,0.95",
    "upright-2=0.4,0.95,0.4,0.1",
    "upright-3=0.6,0.1,0.6,0.95",
    "upright-4=0.8,0.95,0.8,0.1",
    "level-1=0.05,0.3,0.95,0.3",
    "level-2=0.95,0.45,0.05,0.45",
    "level-3=0.05,0.6,0.95,0.6",
    "level-4=0.95,0.75,0.05,0.75",
)
STEPS = {"every_frame": 1, "every_second_frame": 2, "every_third_frame": 3}
RANDOM_LINES = 200
RANDOM_LINES_SEED = 1


def run(clip: Path, truth: Path, lines: Sequence[Line], detector: Detector) -> dict[str, object]:
    """Analyse the clip once and compare it with its ground truth, at each of the rates."""
    began = time.perf_counter()
    frames = list(detect_frames(clip, detector))
    elapsed = time.perf_counter() - began
    return {
        "frames": len(frames),
        "detector_frames_per_second": round(len(frames) / elapsed, 1),
        **{name: at_rate(frames[::step], step, truth, lines) for name, step in STEPS.items()},
    }


def at_rate(frames: Sequence[DetectedFrame], step: int, truth: Path, lines: Sequence[Line]) -> dict[str, object]:
    """Track and count the given frames, each `step`-th of the clip. The truth always has every frame."""
    tracker, trails, seen = Tracker(), Trails(), dict[int, list[Observation]]()
    in_tracker = 0.0
    for frame in frames:
        before = time.perf_counter()
        tracks = tracker.update(frame.detections, frame.time_seconds)
        in_tracker += time.perf_counter() - before
        trails.add(frame.number, frame.time_seconds, tracks)
        seen[frame.number] = [each for each in observations(tracks) if each.kind == "person"]
    looked_at = {frame.number: frame.time_seconds for frame in frames}
    expected, size = read_tracks(truth), (frames[0].width, frames[0].height)
    persons = by_frame(
        (row.frame, row.track, row.box) for row in trails.rows() if row.kind == "person" and row.frame in looked_at
    )
    every = all_times(looked_at, step)
    return {
        "tracker_milliseconds_per_frame": round(in_tracker / len(frames) * 1000, 3),
        **crossings(seen, looked_at, expected, every, lines, size),
        "random_lines": crossings(seen, looked_at, expected, every, random_lines(RANDOM_LINES), size, False),
        "tracks": rounded(measure(only(expected, looked_at), persons)),
        "tracks_marked_only": rounded(measure(only(read_tracks(truth, marked_only=True), looked_at), persons)),
    }


def all_times(looked_at: dict[int, float], step: int) -> dict[int, float]:
    """The time of every frame of the clip, also of those between the ones that were looked at."""
    first, last = min(looked_at), max(looked_at)
    period = (looked_at[last] - looked_at[first]) / max(1, last - first)
    return {frame: looked_at[first] + (frame - first) * period for frame in range(first, last + step)}


def crossings(
    seen: Observed,
    looked_at: dict[int, float],
    expected: Tracks,
    every: dict[int, float],
    lines: Sequence[Line],
    size: tuple[int, int],
    each_line: bool = True,
) -> dict[str, object]:
    """Scores of the lines, of all together, and how far the number of people inside would have strayed."""
    counted = crossing_times(seen, lines, looked_at, size)
    true = crossing_times(as_observed(expected), lines, every, size)
    scores = score(true, counted, lines)
    result: dict[str, object] = {"all_lines": summary(scores), "occupancy_drift": drift(true, counted, lines)}
    if each_line:
        result["lines"] = by_line(scores)
    return result


def by_line(scores: dict[tuple[str, str], Score]) -> dict[str, dict[str, object]]:
    lines: dict[str, dict[str, object]] = {}
    for (line, direction), each in scores.items():
        lines.setdefault(line, {})[direction] = asdict(each)
    return lines


def only(tracks: Tracks, frames: dict[int, float]) -> Tracks:
    return {frame: boxes for frame, boxes in tracks.items() if frame in frames}


def rounded(accuracy: Accuracy) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(accuracy).items()}


def random_lines(number: int) -> list[Line]:
    """Lines through random points of the picture, none shorter than about a fifth of it."""
    chance = random.Random(RANDOM_LINES_SEED)  # noqa: S311 - the same lines every time
    lines: list[Line] = []
    while len(lines) < number:
        start, end = Point(chance.random(), chance.random()), Point(chance.random(), chance.random())
        if abs(start.x - end.x) + abs(start.y - end.y) >= 0.2:
            lines.append(Line(f"random {len(lines)}", start, end))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    data = Path(os.environ.get("VEILSIGHT_EVALUATION_DATA") or Path(__file__).parents[2] / "shared" / "eval")
    parser.add_argument("clip", type=Path, nargs="?", default=data / "pets09-s2l1" / "vtest.avi")
    parser.add_argument("truth", type=Path, nargs="?", default=data / "pets09-s2l1" / "gt.txt")
    parser.add_argument("--line", action="append", type=parse_line, metavar="NAME=x1,y1,x2,y2")
    options = parser.parse_args()
    lines = options.line or [parse_line(text) for text in LINES]
    paths = find_paths(os.environ)
    try:
        detectors = open_detectors(paths, load_settings(paths.settings_file).analysis, ("people-vehicles",))
        print(json.dumps(run(options.clip, options.truth, lines, detectors.need("people-vehicles"))))
    except (VeilsightError, OSError) as error:
        sys.exit(f"benchmarks.counting: {error}")


if __name__ == "__main__":
    main()
