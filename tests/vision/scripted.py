"""Detectors that do as a test says: answer, fail or answer nonsense. Real networks are tested in tests/real."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from appliance.errors import VeilsightError
from appliance.metrics.geometry import Box
from appliance.vision.catalogue import Task
from appliance.vision.detections import Detection, Kind, Track
from appliance.vision.frames import RawFrame
from appliance.vision.inference import Detector
from appliance.vision.runtime import Detectors, ModelMissing

Picture = NDArray[np.uint8]
WIDTH, HEIGHT = 320, 240
MOMENT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@dataclass
class Answer:
    """A pending result that gives `found`, or raises it."""

    found: Sequence[Detection] | Exception

    def result(self, deadline_seconds: float) -> tuple[Detection, ...]:  # noqa: ARG002
        if isinstance(self.found, Exception):
            raise self.found
        return tuple(self.found)


@dataclass
class Scripted:
    """A detector that answers with what `find` gives for a picture's size; `sizes` are those it was shown."""

    find: Callable[[int, int], Sequence[Detection] | Exception] = lambda _width, _height: ()
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> Answer:  # noqa: ARG002
        height, width = image.shape[:2]
        self.sizes.append((width, height))
        return Answer(self.find(width, height))


class Refusing:
    """A detector whose device does not even take a picture."""

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> Answer:  # noqa: ARG002
        raise RuntimeError(f"device lost, {image.shape} not taken")


def detectors(
    people_vehicles: Detector | None = None,
    faces: Detector | None = None,
    text: Detector | None = None,
    missing: Sequence[Task] = (),
) -> Detectors:
    """Scripted detectors; one that is not given finds nothing."""
    failures: dict[Task, VeilsightError] = {
        task: ModelMissing(f"The network for {task} is missing.") for task in missing
    }
    return Detectors(
        None if "people-vehicles" in missing else people_vehicles or Scripted(),
        None if "faces" in missing else faces or Scripted(),
        None if "text" in missing else text or Scripted(),
        (),
        failures,
    )


def found(kind: Kind, *box: float, score: float = 0.9) -> Detection:
    return Detection(kind, kind, score, Box(*box))


def track(kind: Kind, *box: float, missed_frames: int = 0, confirmed: bool = True) -> Track:
    return Track(1, kind, kind, 0.9, Box(*box), missed_frames, confirmed)


def noise(seed: int, number: int = 0, seconds: float = 0.0) -> RawFrame:
    """A frame of random pixels, none of which is as dark as a cover."""
    pixels = np.random.default_rng(seed).integers(100, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return RawFrame(pixels, "front", number, 100.0 + seconds, MOMENT + timedelta(seconds=seconds))
