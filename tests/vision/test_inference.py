"""Pictures in flight: time-outs, late results, broken outputs, devices that fail; with OpenVINO itself on the CPU."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset15 as operations

from appliance.metrics.geometry import Box
from appliance.vision.backends.interface import CompiledNetwork, DeviceFailed, Family, Outputs, Place
from appliance.vision.backends.openvino import Choice, Weights, compile_network
from appliance.vision.catalogue import load_catalogue
from appliance.vision.compiled_cache import CompiledCache
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement
from appliance.vision.inference import (
    MOST_WAITING,
    Candidate,
    Detector,
    DeviceChange,
    InferenceFailed,
    Network,
)
from appliance.vision.runtime import load_detectors
from tests.vision.packages import catalogue_of

DEADLINE = 60.0
ENTRY = catalogue_of("pip").networks[0]
CPU = Place("OpenVINO", "CPU", "CPU")
GPU = Place("OpenVINO", "GPU.0", "GPU")
NPU = Place("OpenVINO", "NPU", "NPU")


def mean_level(outputs: Any, placement: Placement, minimum_score: float) -> tuple[Detection, ...]:  # noqa: ARG001
    """Decodes the mean grey level of the input as the score, so that a result tells which picture it is from."""
    return (Detection("face", "face", float(outputs[0].reshape(-1)[0]), Box(0, 0, 1, 1)),)


def family(shape: tuple[int, ...] = (1, 1, 1, 1)) -> Family:
    return Family(("level",), lambda _width, _height: (shape,), mean_level)


def on_cpu(make: Any) -> Candidate:
    """A network of input 64 x 32 whose output is `make(input)`, compiled by OpenVINO for the CPU."""
    parameter = operations.parameter([1, 3, 32, 64], np.float32, name="image")
    output = make(parameter.output(0)).output(0)
    output.get_tensor().set_names({"level"})
    weights = Weights("0" * 64, lambda: ov.Model([output], [parameter], "level"))
    core = ov.Core()
    return Candidate(
        CPU,
        lambda size: compile_network(core, CPU, weights, ENTRY.input, family(), size, Choice(), CompiledCache(None)),
    )


def network(make: Any, shape: tuple[int, ...] = (1, 1, 1, 1)) -> Network:
    return Network(ENTRY, family(shape), [on_cpu(make)])


@dataclass(frozen=True)
class Broken:
    """A device that takes the network and then does as `answer` says."""

    answer: Callable[[], Outputs]
    executes_on: str = "GPU.0"
    precision: str = "FP16"
    streams: int = 2

    def session(self) -> "Broken":
        return self

    def run(self, picture: np.ndarray) -> Outputs:  # noqa: ARG002
        return self.answer()


def broken(answer: Callable[[], Outputs], place: Place = GPU) -> Candidate:
    return Candidate(place, lambda _size: Broken(answer))


def lost() -> Outputs:
    raise DeviceFailed("The device is lost.")


def refuse(_size: tuple[int, int]) -> CompiledNetwork:
    raise DeviceFailed("It does not take this network.")


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
    for _ in range(MOST_WAITING + 5):
        with pytest.raises(InferenceFailed):
            tested.start(picture(0)).result(DEADLINE)
    assert tested.start(picture(7)).result(DEADLINE)[0].score == pytest.approx(1)


def test_a_result_is_given_once() -> None:
    pending = network(mean).start(picture(9))
    pending.result(DEADLINE)
    with pytest.raises(InferenceFailed, match="before"):
        pending.result(DEADLINE)


def test_pictures_that_wait_are_limited_for_each_owner(hang: "Hang") -> None:
    tested = Network(ENTRY, family(), [broken(hang.answer)])
    # One is with each of the device's threads; the others wait.
    busy = [tested.start(picture(9), "front") for _ in range(3)]
    hang.wait_until_busy(3)
    waiting = [tested.start(picture(9), "front") for _ in range(MOST_WAITING)]
    with pytest.raises(InferenceFailed, match="pictures wait"):
        tested.start(picture(9), "front")
    tested.start(picture(9), "back").close()
    for each in (*busy, *waiting):
        each.close()


def test_a_picture_that_was_given_up_is_not_computed(hang: "Hang") -> None:
    tested = Network(ENTRY, family(), [broken(hang.answer)])
    busy = [tested.start(picture(9)) for _ in range(3)]
    hang.wait_until_busy(3)
    for _ in range(10):
        tested.start(picture(9)).close()
    last = tested.start(picture(9))
    hang.let_go()
    for each in (*busy, last):
        each.result(DEADLINE)
    assert hang.answered == 4


class Hang:
    """A device that answers only when it is let go."""

    def __init__(self) -> None:
        self.answered = 0
        self._free = threading.Event()
        self._busy = threading.Semaphore(0)
        self._lock = threading.Lock()

    def answer(self) -> Outputs:
        self._busy.release()
        self._free.wait(DEADLINE)
        with self._lock:
            self.answered += 1
        return (np.full((1, 1, 1, 1), 77, np.float32),)

    def wait_until_busy(self, pictures: int) -> None:
        for _ in range(pictures):
            assert self._busy.acquire(timeout=DEADLINE)

    def let_go(self) -> None:
        self._free.set()


@pytest.fixture
def hang() -> Any:
    hang = Hang()
    yield hang
    hang.let_go()


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.ones((4, 4, 3))],
)
def test_what_is_no_picture_is_refused(image: Any) -> None:
    with pytest.raises(InferenceFailed, match="can't be analysed"):
        network(mean).start(image)


def test_a_device_that_does_not_take_the_network_fails_the_picture() -> None:
    refused = Network(ENTRY, family(), [Candidate(GPU, refuse)])
    with pytest.raises(InferenceFailed, match="does not take"):
        refused.start(picture(9)).result(DEADLINE)


def nan() -> Outputs:
    return (np.full((1, 1, 1, 1), np.nan, np.float32),)


def wrong_shape() -> Outputs:
    return (np.zeros((1, 2), np.float32),)


def out_of_memory() -> Outputs:
    raise MemoryError


@pytest.mark.parametrize("answer", [lost, nan, wrong_shape, out_of_memory])
def test_a_device_that_fails_is_left_and_no_picture_is_lost(answer: Callable[[], Outputs]) -> None:
    changes: list[DeviceChange] = []
    tested = Network(ENTRY, family(), [broken(answer), on_cpu(mean)], changes.append)
    pending = [tested.start(picture(level), "front") for level in range(20)]
    assert [each.result(DEADLINE)[0].score for each in pending] == pytest.approx(range(20), abs=0.5)
    assert tested.place == CPU
    assert [(change.left, change.now) for change in changes] == [(GPU, CPU)]
    assert tested.left == (f"GPU.0: {changes[0].reason}",)
    assert tested.pictures == {CPU: 20}


def test_a_device_that_refuses_the_network_is_left() -> None:
    tested = Network(ENTRY, family(), [Candidate(NPU, refuse), broken(lost), on_cpu(mean)])
    assert tested.start(picture(31)).result(DEADLINE)[0].score == pytest.approx(31, abs=0.5)
    assert tested.left == ("NPU: It does not take this network.", "GPU.0: The device is lost.")


def test_a_device_that_stops_answering_is_left(hang: Hang) -> None:
    """The pictures that it holds are lost, those that wait are not."""
    tested = Network(ENTRY, family(), [broken(hang.answer), on_cpu(mean)], stuck_seconds=0.01)
    held = [tested.start(picture(9)) for _ in range(3)]
    hang.wait_until_busy(3)
    waiting = tested.start(picture(50))
    with pytest.raises(InferenceFailed, match=r"no result within 0.05 seconds"):
        held[0].result(0.05)
    assert waiting.result(DEADLINE)[0].score == pytest.approx(50, abs=0.5)
    assert tested.place == CPU
    assert "no answer for" in tested.left[0]


def test_on_its_last_device_a_network_stays_and_each_picture_fails_alone() -> None:
    answers = iter([lost, lost, lambda: (np.full((1, 1, 1, 1), 5, np.float32),)])
    tested = Network(ENTRY, family(), [broken(lambda: next(answers)())])
    for _ in range(2):
        with pytest.raises(InferenceFailed, match="The device is lost"):
            tested.start(picture(9)).result(DEADLINE)
    assert tested.start(picture(9)).result(DEADLINE)[0].score == 5
    assert (tested.place, tested.left) == (GPU, ())


def test_a_witness_that_fails_stops_no_network() -> None:
    def complain(_change: DeviceChange) -> None:
        raise OSError("no space left")

    tested = Network(ENTRY, family(), [broken(lost), on_cpu(mean)], complain)
    assert tested.start(picture(3)).result(DEADLINE)[0].score == pytest.approx(3, abs=0.5)


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
