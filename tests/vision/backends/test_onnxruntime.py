"""Networks on ONNX Runtime: what it finds, that it runs a network where it should, and that it never helps itself."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from appliance.vision import onnx_graph
from appliance.vision.backends import onnxruntime as backend
from appliance.vision.backends.interface import DeviceFailed, Place
from tests.vision.small_networks import FAMILY, entry, two_channels

SIZE = (64, 32)
CPU = Place("ONNX Runtime", "CPU", "CPU")
OPENVINO_CPU = Place("ONNX Runtime", "OpenVINO CPU", "CPU")


def compile_small(place: Place, model: bytes | None = None) -> backend.OnnxRuntimeNetwork:
    return backend.compile_network(place, entry("RGB"), FAMILY, two_channels() if model is None else model, SIZE)


def open_on(name: str, options: dict[str, str]) -> tuple[Any, backend.Provider]:
    """A session with the small network on a provider, as `compile_network` opens it."""
    provider = next(provider for provider in backend.PROVIDERS if provider.name == name)
    prepared = onnx_graph.prepare(two_channels(), entry().input, FAMILY.outputs, SIZE)
    return backend.open_session(backend.load_runtime(), prepared, provider, options), provider


def test_places_are_what_is_installed_in_order_of_preference() -> None:
    found = [place for place in backend.places() if place.kind == "CPU"]
    assert found == [OPENVINO_CPU, CPU]


def test_every_provider_is_described_in_order_of_preference() -> None:
    states = backend.describe()
    assert [state.name for state in states] == ["OpenVINO", "TensorRT", "CUDA", "QNN", "CoreML", "CPU"]
    for state in states:
        assert state.sentence.endswith(".")
        assert state.installed or (state.places == () and "the package" in state.sentence)


@pytest.mark.parametrize("place", [CPU, OPENVINO_CPU])
def test_a_network_runs_where_it_is_put(place: Place) -> None:
    network = compile_small(place)
    assert (network.executes_on, network.precision, network.streams) == (place.device, "FP32", 1)
    picture = np.random.default_rng(5).integers(0, 256, (1, SIZE[1], SIZE[0], 3), np.uint8)
    (found,) = network.session().run(picture)
    blue, green, red = (picture[0, ..., channel].astype(np.float32) for channel in range(3))
    expected = np.maximum([red + 10 * green + 100 * blue, 0.5 * red - 2 * green + 0.25 * blue], 0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(
    ("device", "kind", "reason"),
    [
        ("OpenVINO NPU", "NPU", "finds no NPU"),
        ("OpenVINO GPU.7", "GPU", r"finds no GPU\.7"),
        ("Abacus", "CPU", "no provider Abacus"),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(device: str, kind: Any, reason: str) -> None:
    with pytest.raises(DeviceFailed, match=reason) as caught:
        compile_small(Place("ONNX Runtime", device, kind))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_provider_that_is_not_installed_names_its_package() -> None:
    missing = [state for state in backend.describe() if not state.installed]
    assert missing
    for state in missing:
        provider = next(each for each in backend.PROVIDERS if each.name == state.name)
        with pytest.raises(DeviceFailed, match=f"the package {provider.package}"):
            compile_small(Place("ONNX Runtime", provider.name, provider.kind))


def test_an_operation_that_the_provider_does_not_take_fails_instead_of_moving_to_the_cpu() -> None:
    """LpPool is one that ONNX Runtime would hand from the OpenVINO provider to its CPU provider without a word."""
    pooled = two_channels("LpPool", kernel_shape=[1, 1])
    assert compile_small(CPU, pooled).executes_on == "CPU"
    with pytest.raises(DeviceFailed, match="does not take the whole network"):
        compile_small(OPENVINO_CPU, pooled)


def test_a_device_that_the_provider_can_not_have_fails_instead_of_moving_to_the_cpu() -> None:
    with pytest.raises(DeviceFailed):
        open_on("OpenVINO", {"device_type": "NPU" if "NPU" not in backend.openvino_devices() else "GPU.7"})


def test_nodes_on_another_provider_are_noticed() -> None:
    session, _ = open_on("CPU", {})
    openvino = backend.PROVIDERS[0]
    with pytest.raises(DeviceFailed, match="to CPUExecutionProvider"):
        backend.require_assignment(session, openvino)


@pytest.mark.parametrize("wanted", ["NPU", "GPU", "GPU.1"])
def test_another_openvino_device_is_noticed(wanted: str) -> None:
    session, provider = open_on("OpenVINO", {"device_type": "CPU"})
    backend.require_assignment(session, provider)
    backend.require_openvino_device(session, "CPU")
    with pytest.raises(DeviceFailed, match="on the CPU instead"):
        backend.require_openvino_device(session, wanted)


@pytest.mark.parametrize(("place", "size"), [(CPU, (32, 32)), (OPENVINO_CPU, (64, 64))])
def test_a_picture_of_another_size_fails_in_one_sentence(place: Place, size: tuple[int, int]) -> None:
    session = compile_small(place).session()
    with pytest.raises(DeviceFailed) as caught:
        session.run(np.zeros((1, size[1], size[0], 3), np.uint8))
    assert "\n" not in str(caught.value)
    # The session itself is as good as before.
    session.run(np.zeros((1, SIZE[1], SIZE[0], 3), np.uint8))


def test_outputs_of_another_shape_are_refused() -> None:
    wrong = backend.Family(FAMILY.outputs, lambda width, height: ((1, 1, height, width),), FAMILY.decode)
    with pytest.raises(DeviceFailed, match="instead of"):
        backend.compile_network(CPU, entry(), wrong, two_channels(), SIZE)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(DeviceFailed, match="can't be prepared"):
        compile_small(CPU, b"not a network")


def test_failures_print_nothing() -> None:
    """ONNX Runtime prints its errors, and its Python class prints that it turns to the CPU."""
    program = """
import sys
from appliance.vision.backends import onnxruntime as backend
from appliance.vision.backends.interface import DeviceFailed
from tests.vision.backends.test_onnxruntime import OPENVINO_CPU, compile_small, open_on
from tests.vision.small_networks import two_channels
for attempt in (
    lambda: open_on("OpenVINO", {"device_type": "NPU.9"}),
    lambda: open_on("OpenVINO", {"device_type": "nonsense"}),
    lambda: compile_small(OPENVINO_CPU, two_channels("LpPool", kernel_shape=[1, 1])),
):
    try:
        attempt()
    except DeviceFailed:
        continue
    sys.exit("it did not fail")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
