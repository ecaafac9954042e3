"""Networks made ready: the same numbers from a picture's bytes, one static shape, and nothing left over."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.vision import onnx_graph
from appliance.vision.catalogue import TASKS, Task, load_catalogue
from appliance.vision.families import FAMILIES
from appliance.vision.onnx_graph import PICTURE, NetworkUnsuitable
from tests.vision.small_networks import entry, node, onnx_file, two_channels

SIZE = (64, 32)


def run(model: bytes, name: str, source: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.array(session.run(["high"], {name: source})[0])


@settings(max_examples=15, deadline=None)
@given(
    colour=st.sampled_from(["RGB", "BGR"]),
    values=st.sampled_from([(0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (-128.0, 127.0)]),
    takes_bytes=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_picture_means_the_same_to_the_prepared_network(
    colour: str, values: tuple[float, float], takes_bytes: bool, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (1, SIZE[1], SIZE[0], 3), np.uint8)
    prepared = onnx_graph.prepare(two_channels(), entry(colour, values).input, ("high",), SIZE, takes_bytes)
    found = run(prepared, PICTURE, picture if takes_bytes else picture.astype(np.float32))
    ordered = picture[..., ::-1] if colour == "RGB" else picture
    low, high = values
    expected = ordered.transpose(0, 3, 1, 2).astype(np.float32) / 255 * (high - low) + low
    np.testing.assert_allclose(found, run(two_channels(), "picture", expected.astype(np.float32)), rtol=1e-4, atol=1e-2)


def test_nothing_that_is_not_needed_remains() -> None:
    prepared = onnx.load_from_string(onnx_graph.prepare(two_channels(), entry().input, ("high",), SIZE))
    assert [each.op_type for each in prepared.graph.node] == ["Cast", "Transpose", "Conv", "Relu", "Add"]
    assert sorted(each.name for each in prepared.graph.initializer) == ["mixture", "zero"]
    assert [each.name for each in prepared.graph.output] == ["high"]


@pytest.mark.parametrize("task", TASKS)
def test_the_default_networks_are_static_at_every_size(default_models: Path, task: Task) -> None:
    network = load_catalogue().pack("default").for_task(task)
    assert network is not None
    family = FAMILIES[network.family]
    content = (default_models / f"{network.name}.onnx").read_bytes()
    for size in network.input.sizes:
        prepared = onnx_graph.prepare(content, network.input, family.outputs, size)
        assert list(onnx_graph.output_shapes(prepared).items()) == list(
            zip(family.outputs, family.output_shapes(*size), strict=True)
        )
        graph = onnx.load_from_string(prepared).graph
        onnx_graph.require_static(graph)
        assert [each.name for each in graph.input] == [PICTURE]
        assert "Identity" not in {each.op_type for each in graph.node}


def number_of_bright_pixels() -> bytes:
    """A network whose output's shape depends on the picture."""
    return onnx_file([node("NonZero", ["picture"], "high")], {}, ["high"], [1, 3, 32, 64])


def with_a_branch() -> bytes:
    branch = onnx.helper.make_graph(
        [node("Constant", [], "high", value=onnx.numpy_helper.from_array(np.zeros(1, np.float32)))],
        "branch",
        [],
        [onnx.helper.make_empty_tensor_value_info("high")],
    )
    nodes = [
        node("ReduceMax", ["picture"], "most", keepdims=0),
        node("Cast", ["most"], "truth", to=onnx.TensorProto.BOOL),
        node("If", ["truth"], "high", then_branch=branch, else_branch=branch),
    ]
    return onnx_file(nodes, {}, ["high"], [1, 3, 32, 64])


def with_two_inputs() -> bytes:
    model = onnx.load_from_string(two_channels())
    second = onnx.helper.make_tensor_value_info("zero", onnx.TensorProto.FLOAT, [1])
    del model.graph.initializer[1]
    model.graph.input.append(second)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"not a network", "can't be prepared"),
        (b"", "no output high"),
        (number_of_bright_pixels(), "not static"),
        (with_a_branch(), "branches or loops"),
        (with_two_inputs(), "2 inputs"),
        (two_channels("NoSuchOperation"), "changed is not known"),
    ],
)
def test_an_unsuitable_network_is_refused_in_one_sentence(content: bytes, complaint: str) -> None:
    with pytest.raises(NetworkUnsuitable, match=complaint) as caught:
        onnx_graph.prepare(content, entry().input, ("high",), SIZE)
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_there_is_named() -> None:
    with pytest.raises(NetworkUnsuitable, match="no output peaks"):
        onnx_graph.prepare(two_channels(), entry().input, ("peaks",), SIZE)
