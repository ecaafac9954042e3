"""Counting on the clip with its pictures made worse: how much it loses where nothing was tuned. Prints one JSON object.

    python -m benchmarks.spoilt [CLIP GROUND_TRUTH] [--step N]

Every N-th frame is analysed (2). The truth is the clip's own, so who is behind one of the three `pillars` counts as
missed. The figures are those of `benchmarks.counting`.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import VeilsightError
from appliance.metrics.geometry import Box, parse_line
from appliance.settings import find_paths, load_settings
from appliance.vision.counting import DEADLINE_SECONDS, DetectedFrame
from appliance.vision.detections import Detection
from appliance.vision.runtime import Detector, open_detectors
from benchmarks.counting import LINES, at_rate

Picture = NDArray[np.uint8]
PILLARS, PILLAR_WIDTH = (180, 400, 620), 30


def pillars(picture: Picture) -> Picture:
    covered = picture.copy()
    for left in PILLARS:
        covered[:, left : left + PILLAR_WIDTH] = 90
    return covered


def noisy(picture: Picture) -> Picture:
    noise = np.random.default_rng(1).normal(0.0, 20.0, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


# Each with how many pixels of the clip one of its own stands for.
WAYS: dict[str, tuple[Callable[[Picture], Picture], float]] = {
    "as it is": (lambda picture: picture, 1.0),
    "a third of the size": (lambda picture: _scaled(picture, 1 / 3), 3.0),
    "dark": (lambda picture: (255 * (picture / 255.0) ** 2 * 0.5).astype(np.uint8), 1.0),
    "noisy": (noisy, 1.0),
    "blurred": (lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), np.uint8), 1.0),
    "pillars": (pillars, 1.0),
}


def _scaled(picture: Picture, part: float) -> Picture:
    return np.asarray(cv2.resize(picture, None, fx=part, fy=part, interpolation=cv2.INTER_AREA), np.uint8)


def detect(clip: Path, step: int, way: str, detector: Detector) -> Iterator[DetectedFrame]:
    """The detections of every N-th frame, in pixels of the clip."""
    spoil, scale = WAYS[way]
    capture = cv2.VideoCapture(str(clip))
    rate, number = capture.get(cv2.CAP_PROP_FPS), 0
    while (read := capture.read())[0]:
        number += 1
        if (number - 1) % step:
            continue
        picture = np.asarray(read[1], np.uint8)
        height, width = picture.shape[:2]
        found = detector.start(spoil(picture)).result(DEADLINE_SECONDS)
        boxes = [
            Detection(each.kind, each.label, each.score, Box(*(scale * value for value in each.box))) for each in found
        ]
        yield DetectedFrame(number, number / rate, width, height, tuple(boxes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    data = Path(os.environ.get("VEILSIGHT_EVALUATION_DATA") or Path(__file__).parents[2] / "shared" / "eval")
    parser.add_argument("clip", type=Path, nargs="?", default=data / "pets09-s2l1" / "vtest.avi")
    parser.add_argument("truth", type=Path, nargs="?", default=data / "pets09-s2l1" / "gt.txt")
    parser.add_argument("--step", type=int, default=2)
    options = parser.parse_args()
    lines, paths = [parse_line(text) for text in LINES], find_paths(os.environ)
    try:
        detectors = open_detectors(paths, load_settings(paths.settings_file).analysis, ("people-vehicles",))
        detector = detectors.need("people-vehicles")
        result = {
            way: at_rate(list(detect(options.clip, options.step, way, detector)), options.step, options.truth, lines)
            for way in WAYS
        }
        print(json.dumps(result))
    except (VeilsightError, OSError) as error:
        sys.exit(f"benchmarks.spoilt: {error}")


if __name__ == "__main__":
    main()
