"""Every default network on real pictures: OpenVINO and ONNX Runtime report the same."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest

from appliance.vision import weights
from appliance.vision.backends import onnxruntime, openvino
from appliance.vision.backends.interface import CompiledNetwork, Place
from appliance.vision.catalogue import TASKS, CatalogueNetwork, Task, load_catalogue
from appliance.vision.compiled_cache import CompiledCache
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import choose_size, letterbox
from appliance.vision.families import FAMILIES
from appliance.vision.stills import read_picture

SAME_BOX = 0.95
SAME_SCORE = 0.02


def overlap(first: Detection, second: Detection) -> float:
    a, b = first.box, second.box
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    shared = max(width, 0) * max(height, 0)
    return shared / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - shared)


def unmatched(found: Sequence[Detection], reference: Sequence[Detection], minimum_score: float) -> list[Detection]:
    """Those of `found` that `reference` does not have, each of `reference` taken once.

    A detection within 0.02 of the score from which a network reports may be missing in the other runtime's answer:
    there it may be that little below it.
    """
    free = list(reference)
    missing = []
    for each in found:
        same = [
            other
            for other in free
            if (each.kind, each.label) == (other.kind, other.label)
            and overlap(each, other) >= SAME_BOX
            and abs(each.score - other.score) <= SAME_SCORE
        ]
        if same:
            free.remove(max(same, key=lambda other: overlap(each, other)))
        elif each.score >= minimum_score + SAME_SCORE:
            missing.append(each)
    return missing


def pictures(evaluation_data: Path) -> Iterator[np.ndarray]:
    """Four frames of PETS, nine photographs of number plates and a street full of people."""
    capture = cv2.VideoCapture(str(evaluation_data / "pets09-s2l1" / "vtest.avi"))
    for number in range(0, 795, 250):
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        read, image = capture.read()
        assert read
        yield image
    for path in sorted((evaluation_data / "plates-eu").glob("*.jpg"))[::12]:
        yield read_picture(path)
    yield read_picture(evaluation_data / "clips" / "city.jpg")


class Runner:
    """One network on one place, compiled for each size when that is needed."""

    def __init__(self, place: Place, entry: CatalogueNetwork, models: Path) -> None:
        self.place, self.entry, self.models = place, entry, models
        self.compiled = cache(self.compile)

    def compile(self, size: tuple[int, int]) -> CompiledNetwork:
        model = weights.read_network(self.entry, self.models).model
        family = FAMILIES[self.entry.family]
        if self.place.runtime == "ONNX Runtime":
            return onnxruntime.compile_network(self.place, self.entry, family, model, size)
        core = ov.Core()
        known = openvino.Weights(self.entry.sha256, lambda: core.read_model(model))
        choice = openvino.Choice(precision="f32")
        return openvino.compile_network(
            core, self.place, known, self.entry.input, family, size, choice, CompiledCache(None)
        )

    def detect(self, image: np.ndarray) -> tuple[Detection, ...]:
        expected = self.entry.input
        size = choose_size(expected.sizes, image.shape[1], image.shape[0], expected.largest_scale)
        picture, placement = letterbox(image, size, expected.largest_scale)
        network = self.compiled(size)
        assert (network.executes_on, network.precision) == (self.place.device, "FP32")
        outputs = network.session().run(picture)
        return FAMILIES[self.entry.family].decode(outputs, placement, self.entry.minimum_score)


@pytest.mark.parametrize("task", TASKS)
def test_both_runtimes_report_the_same(default_models: Path, evaluation_data: Path, task: Task) -> None:
    entry = load_catalogue().pack("default").for_task(task)
    assert entry is not None
    reference = Runner(Place("OpenVINO", "CPU", "CPU"), entry, default_models)
    others = [Runner(Place("ONNX Runtime", device, "CPU"), entry, default_models) for device in ("CPU", "OpenVINO CPU")]
    total = 0
    for image in pictures(evaluation_data):
        expected = reference.detect(image)
        total += len(expected)
        for other in others:
            found = other.detect(image)
            assert unmatched(expected, found, entry.minimum_score) == [], other.place
            assert unmatched(found, expected, entry.minimum_score) == [], other.place
    assert total >= 15
