"""Requests in flight: time-outs, late results, broken outputs; with OpenVINO itself on the CPU."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as operations

from appliance.metrics.geometry import Box
from appliance.vision.catalogue import load_catalogue
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement
from appliance.vision.inference import MAXIMUM_IN_FLIGHT, Detector, Family, InferenceFailed, Network
from appliance.vision.runtime import load_detectors
from tests.vision.packages import catalogue_of

DEADLINE = 60.0


def mean_level(outputs: Any, placement: Placement, minimum_score: float) -> tuple[Detection, ...]:  # noqa: ARG001
    """Decodes the mean grey level of the input as the score, so that a result tells which picture it is from."""
    return (Detection("face", "face", float(outputs[0].reshape(-1)[0]), Box(0, 0, 1, 1)),)


def network(make: Any, shape: tuple[int, ...] = (1, 1, 1, 1)) -> Network:
    """A network of input 64 x 32 whose output is `make(input)`, compiled on the CPU."""
    parameter = operations.parameter([1, 3, 32, 64], np.float32, name="image")
    output = make(parameter.output(0)).output(0)
    output.get_tensor().set_names({"level"})
    model = ov.Model([output], [parameter], "level")
    core = ov.Core()
    family = Family(("level",), lambda _width, _height: (shape,), mean_level)
    return Network(catalogue_of("pip").networks[0], family, model, lambda made: core.compile_model(made, "CPU"))


def mean(source: Any) -> Any:
    return operations.reduce_mean(source, np.array([1, 2, 3]), keep_dims=True)


def picture(level: int) -> np.ndarray:
    return np.full((32, 64, 3), level, np.uint8)


def test_results_belong_to_their_pictures_in_any_order() -> None:
    levels = list(range(0, 250, 10))
    tested = network(mean)
    pending = [tested.start(picture(level)) for level in levels]
    found = [each.result(DEADLINE)[0].score for each in reversed(pending)]
    assert found == pytest.approx(levels[::-1], abs=0.5)


def test_several_threads_may_use_one_network() -> None:
    tested = network(mean)

    def ask(level: int) -> float:
        return tested.start(picture(level)).result(DEADLINE)[0].score

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(200))) == pytest.approx(range(200), abs=0.5)


def test_a_picture_may_be_changed_once_it_was_handed_over() -> None:
    tested, image = network(mean), picture(50)
    pending = tested.start(image)
    image[:] = 200
    assert pending.result(DEADLINE)[0].score == pytest.approx(50, abs=0.5)


@pytest.mark.parametrize("make", [operations.log, lambda x: operations.divide(x, np.float32(0))])
def test_numbers_that_are_not_finite_fail(make: Any) -> None:
    tested = network(lambda source: make(mean(operations.multiply(source, np.float32(-1)))))
    with pytest.raises(InferenceFailed, match="not finite"):
        tested.start(picture(9)).result(DEADLINE)


def test_an_output_of_the_wrong_shape_fails() -> None:
    with pytest.raises(InferenceFailed, match="wrong shape"):
        network(mean, (1, 2, 8, 8)).start(picture(9)).result(DEADLINE)


def test_a_failed_request_does_not_spoil_the_next() -> None:
    tested = network(lambda source: mean(operations.divide(source, source)))
    for _ in range(MAXIMUM_IN_FLIGHT + 5):
        with pytest.raises(InferenceFailed):
            tested.start(picture(0)).result(DEADLINE)
    assert tested.start(picture(7)).result(DEADLINE)[0].score == pytest.approx(1)


def test_a_result_is_given_once() -> None:
    pending = network(mean).start(picture(9))
    pending.result(DEADLINE)
    with pytest.raises(InferenceFailed, match="before"):
        pending.result(DEADLINE)


def test_pictures_nobody_waits_for_are_limited_and_come_free_again() -> None:
    tested = network(mean)
    pending = [tested.start(picture(9)) for _ in range(MAXIMUM_IN_FLIGHT)]
    with pytest.raises(InferenceFailed, match="stuck"):
        tested.start(picture(9))
    for each in pending[1:]:
        each.close()
    pending[0].result(DEADLINE)
    assert tested.start(picture(31)).result(DEADLINE)[0].score == pytest.approx(31, abs=0.5)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.ones((4, 4, 3))],
)
def test_what_is_no_picture_is_refused(image: Any) -> None:
    with pytest.raises(InferenceFailed, match="can't be analysed"):
        network(mean).start(image)


def test_a_device_that_does_not_take_the_network_fails_the_picture() -> None:
    core = ov.Core()
    tested = network(mean)
    refused = Network(tested.entry, tested.family, tested._model, lambda made: core.compile_model(made, "NO-SUCH"))
    with pytest.raises(InferenceFailed, match="does not take"):
        refused.start(picture(9))


@pytest.fixture(scope="module")
def faces(default_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    compiled = tmp_path_factory.mktemp("compiled")
    return load_detectors(default_models, compiled, ("CPU",), load_catalogue(), ("faces",)).need("faces")


def test_a_late_result_is_never_delivered(faces: Detector) -> None:
    """A time-out of 0 always strikes while a picture of this size is computed; the next result is its own."""
    noise = np.random.default_rng(5).integers(0, 256, (900, 1200, 3), np.uint8)
    grey = np.full((900, 1200, 3), 128, np.uint8)
    expected = faces.start(grey).result(DEADLINE)
    for _ in range(3):
        late = faces.start(noise)
        with pytest.raises(InferenceFailed, match="no result within 0 seconds"):
            late.result(0)
        with pytest.raises(InferenceFailed, match="given up"):
            late.result(DEADLINE)
        assert faces.start(grey).result(DEADLINE) == expected
