"""Choosing how a network is compiled: by speed, remembered, and with what a device refuses left out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.backends.interface import DeviceFailed, Outputs, Place
from appliance.vision.backends.openvino import Choice
from appliance.vision.catalogue import load_catalogue
from appliance.vision.runtime import load_detectors
from appliance.vision.tuning import FILE_NAME, Device, Memory, Speed, descend, tune

CPU = Device(Place("OpenVINO", "CPU", "CPU"), ("f32", "bf16"), (1, 2, 4))
ABOUT = {"network": "tiny", "device": "CPU 1.0"}


@dataclass
class Compiled:
    """A network that computes nothing; `compiled` counts how often one was asked for."""

    streams: int = 1
    executes_on: str = "CPU"
    precision: str = "FP32"

    def session(self) -> "Compiled":
        return self

    def run(self, picture: np.ndarray) -> Outputs:
        assert picture.shape == (1, 32, 64, 3)
        return ()


@dataclass
class Compiler:
    asked: list[Choice] = field(default_factory=list)
    refused: Callable[[Choice], bool] = lambda _choice: False

    def __call__(self, choice: Choice) -> Compiled:
        self.asked.append(choice)
        if self.refused(choice):
            raise DeviceFailed("It does not take this.")
        return Compiled(choice.streams)


def test_what_was_measured_is_remembered_for_the_same_device_and_network_alone(tmp_path: Path) -> None:
    compiler = Compiler()
    first = tune(CPU, compiler, (64, 32), False, ABOUT, Memory(tmp_path))
    asked = len(compiler.asked)
    assert asked == len(first) >= 5
    assert tune(CPU, compiler, (64, 32), False, ABOUT, Memory(tmp_path)) == first
    assert len(compiler.asked) == asked
    tune(CPU, compiler, (64, 32), False, ABOUT | {"device": "CPU 1.1"}, Memory(tmp_path))
    assert len(compiler.asked) > asked


@pytest.mark.parametrize("content", [b"", b"{", b'[{"about": {}}]', b"\xff"])
def test_a_damaged_memory_is_measured_anew(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    compiler = Compiler()
    found = tune(CPU, compiler, (64, 32), False, ABOUT, Memory(tmp_path))
    assert compiler.asked
    assert tune(CPU, Compiler(refused=lambda _: True), (64, 32), False, ABOUT, Memory(tmp_path)) == found


def test_a_directory_that_can_not_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    assert tune(CPU, Compiler(), (64, 32), False, ABOUT, Memory(tmp_path / "occupied"))


def test_what_a_device_refuses_is_left_out(tmp_path: Path) -> None:
    compiler = Compiler(refused=lambda choice: choice.precision == "bf16" or choice.streams == 4)
    found = tune(CPU, compiler, (64, 32), False, ABOUT, Memory(tmp_path))
    assert {speed.precision for speed in found} == {"f32"}
    assert {speed.streams for speed in found} <= {1, 2}


def test_a_device_that_refuses_everything_says_why(tmp_path: Path) -> None:
    with pytest.raises(DeviceFailed, match="does not take this"):
        tune(CPU, Compiler(refused=lambda _: True), (64, 32), False, ABOUT, Memory(tmp_path))


@given(st.data(), st.booleans())
def test_the_first_is_never_much_slower_than_any_that_was_tried(data: st.DataObject, quantised: bool) -> None:
    speeds: dict[Choice, float] = {}

    def speed_of(choice: Choice) -> float:
        speeds[choice] = data.draw(st.floats(1, 1000), label=str(choice))
        return speeds[choice]

    found = descend(CPU, speed_of, quantised)
    assert {speed.choice for speed in found} == set(speeds)
    assert any(speed.quantised for speed in found) == quantised
    assert found[0].pictures_per_second >= max(speeds.values()) / 1.08**3 - 0.1


def test_more_streams_must_be_worth_the_longer_wait() -> None:
    def speed_of(choice: Choice) -> float:
        return 100.0 + choice.streams

    assert descend(CPU, speed_of, False)[0] == Speed("f32", 1, "graph", False, 101.0)


def test_a_real_network_is_measured_on_the_cpu_once(default_models: Path, tmp_path: Path) -> None:
    def load() -> tuple[Speed, ...]:
        detectors = load_detectors(
            default_models, tmp_path, ("CPU",), load_catalogue(), ("people-vehicles",), measure=True
        )
        (network,) = detectors.networks
        assert network.precision.lower().replace("fp", "f") == network.speeds[0].precision
        assert network.streams == network.speeds[0].streams
        return network.speeds

    first = load()
    assert {"f32"} <= {speed.precision for speed in first}
    assert all(speed.pictures_per_second > 0 for speed in first)
    assert load() == first
