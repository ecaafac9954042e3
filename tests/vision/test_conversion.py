"""The converter's operations against plain NumPy, and its refusal of anything that it does not know."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.vision import conversion
from appliance.vision.conversion import ConversionError, Graph
from tests.vision.small_networks import tensorflow_js_network


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def convolution_node(kind: str, stride: int, padding: str, fused: list[str]) -> dict[str, Any]:
    return {
        "name": "result",
        "op": kind,
        "input": ["source", "filters", "bias"],
        "attr": {
            "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
            "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
            "padding": {"s": text(padding)},
            "fused_ops": {"list": {"s": [text(name) for name in fused]}},
        },
    }


def run(source: np.ndarray, add: Callable[[Graph], None]) -> np.ndarray:
    """What the operations that `add` appends make `result` of `source` (channels first), in exact arithmetic."""
    graph = Graph()
    add(graph)
    model = ov.Core().read_model(graph.model({"source": source.shape}, {"result": ("n", "c", "h", "w")}))
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled([source])[0])


def convolve(image: np.ndarray, filters: np.ndarray, stride: int) -> np.ndarray:
    """TensorFlow's SAME convolution of one image [h, w, in] with filters [h, w, in, out], written out."""
    height, width, _ = image.shape
    kernel = filters.shape[0]
    rows, columns = -(-height // stride), -(-width // stride)
    total_y = max((rows - 1) * stride + kernel - height, 0)
    total_x = max((columns - 1) * stride + kernel - width, 0)
    padded = np.pad(image, ((total_y // 2, total_y - total_y // 2), (total_x // 2, total_x - total_x // 2), (0, 0)))
    result = np.zeros((rows, columns, filters.shape[3]), np.float32)
    for row in range(rows):
        for column in range(columns):
            y, x = row * stride, column * stride
            result[row, column] = np.tensordot(padded[y : y + kernel, x : x + kernel], filters, 3)
    return result


@settings(max_examples=12, deadline=None)
@given(
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2]),
    height=st.sampled_from([2, 6, 8]),
    seed=st.integers(0, 99),
)
def test_a_fused_convolution_pads_as_tensorflow_does(kernel: int, stride: int, height: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    image = random.normal(size=(height, height + 2, 3)).astype(np.float32)
    filters = random.normal(size=(kernel, kernel, 3, 4)).astype(np.float32)
    bias = random.normal(size=4).astype(np.float32)
    node = convolution_node("_FusedConv2D", stride, "SAME", ["BiasAdd", "Relu"])
    found = run(image.transpose(2, 0, 1)[None], lambda graph: conversion.convolution(node, [filters, bias], graph))
    expected = np.maximum(convolve(image, filters, stride) + bias, 0)
    np.testing.assert_allclose(found[0].transpose(1, 2, 0), expected, atol=1e-4)


def test_a_depthwise_convolution_keeps_channels_apart() -> None:
    random = np.random.default_rng(1)
    image = random.normal(size=(8, 8, 3)).astype(np.float32)
    filters = random.normal(size=(3, 3, 3, 1)).astype(np.float32)
    node = convolution_node("DepthwiseConv2dNative", 2, "SAME", [])
    found = run(image.transpose(2, 0, 1)[None], lambda graph: conversion.convolution(node, [filters], graph))
    for channel in range(3):
        expected = convolve(image[:, :, channel : channel + 1], filters[:, :, channel : channel + 1], 2)
        np.testing.assert_allclose(found[0, channel], expected[:, :, 0], atol=1e-4)


def test_doubling_samples_at_the_old_tensorflow_points() -> None:
    image = np.array([[[[0.0, 2.0, 6.0]]]], np.float32)
    node = {"name": "result", "input": ["source"], "attr": {}}
    found = run(image, lambda graph: conversion.double(node, graph))
    # Output x reads input x/2: 0, 0.5, 1, 1.5, 2, and beyond the last point the last point again.
    np.testing.assert_allclose(found[0, 0], [[0, 1, 2, 4, 6, 6]] * 2, atol=1e-6)


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        ({"op": "ResizeBilinear", "attr": {"align_corners": {"b": True}}}, "ResizeBilinear"),
        ({"op": "Mean", "attr": {"keep_dims": {"b": False}}}, "mean over other axes"),
        ({"op": "Mul", "attr": {}}, "constant of shape"),
        ({"op": "Softmax", "attr": {}}, "operation Softmax"),
        (convolution_node("_FusedConv2D", 1, "SAME", ["Relu"]), "fused with"),
        (convolution_node("Conv2D", 1, "EXPLICIT", []), "padding EXPLICIT"),
        (convolution_node("DepthwiseConv2dNative", 1, "SAME", []), "channel multiplier"),
    ],
)
def test_another_operation_is_refused(node: dict[str, Any], complaint: str) -> None:
    weights = {"axes": np.array([1, 2]), "filters": np.zeros((1, 1, 1, 2), np.float32), "bias": np.zeros(2)}
    with pytest.raises(ValueError, match=complaint):
        conversion.build({"name": "result", "input": ["source", "axes"]} | node, weights, Graph())


def spelt_out_activation(factor: str) -> dict[str, Any]:
    """The nodes of `factor` * Relu6(source + 3); `sixth source` is source / 6."""
    nodes: list[tuple[str, str, list[str]]] = [
        ("source", "Placeholder", []),
        ("three", "Const", []),
        ("sixth", "Const", []),
        ("shifted", "Add", ["source", "three"]),
        ("clipped", "Relu6", ["shifted"]),
        ("sixth source", "Mul", ["sixth", "source"]),
        ("result", "Mul", [factor, "clipped"]),
    ]
    return {name: {"name": name, "op": kind, "input": inputs, "attr": {}} for name, kind, inputs in nodes}


@pytest.mark.parametrize(("factor", "kind"), [("sixth", "HardSigmoid"), ("sixth source", "HardSwish")])
def test_spelt_out_activations_become_one_operation(factor: str, kind: str) -> None:
    weights = {"three": np.array(3, np.float32), "sixth": np.array(np.float16(1 / 6), np.float32)}
    source = np.linspace(-5, 5, 41, dtype=np.float32).reshape(1, 1, 1, -1)
    named = conversion.name_activations(spelt_out_activation(factor), weights)
    assert {name: node["op"] for name, node in named.items()} == {"result": kind}
    found = run(source, lambda graph: conversion.build(named["result"], weights, graph))
    expected = np.clip(source + 3, 0, 6) / 6 * (1 if kind == "HardSigmoid" else source)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_another_activation_is_not_taken_for_one_of_them() -> None:
    weights = {"three": np.array(3, np.float32), "sixth": np.array(1 / 5, np.float32)}
    assert conversion.name_activations(spelt_out_activation("sixth source"), weights) == {}


def test_only_local_maxima_pass() -> None:
    heat = np.array([[[[0.1, 0.2, 0.1, 0.0], [0.1, 0.3, 0.9, 0.0], [0.5, 0.1, 0.1, 0.2]]]], np.float32)
    found = run(heat, lambda graph: conversion.keep_peaks("source", "result", graph))
    np.testing.assert_allclose(found[0, 0], np.where(heat[0, 0] > 0.4, heat[0, 0], 0), atol=1e-6)


def manifest(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"paths": ["x.bin"], "weights": list(entries)}]


def test_weights_are_read_in_manifest_order() -> None:
    half = {"dtype": "float16", "original_dtype": "float32"}
    binary = np.array([1.5, -2.0], np.float16).tobytes() + np.array(7, np.int32).tobytes()
    found = conversion.read_weights(
        manifest(
            {"name": "a", "shape": [2, 1], "dtype": "float32", "quantization": half},
            {"name": "b", "shape": [], "dtype": "int32"},
        ),
        binary,
    )
    assert found["a"].dtype == np.float32
    np.testing.assert_array_equal(found["a"], [[1.5], [-2.0]])
    assert found["b"] == 7


@pytest.mark.parametrize(("length", "complaint"), [(3, "shorter"), (5, "longer")])
def test_a_binary_of_the_wrong_length_is_refused(length: int, complaint: str) -> None:
    with pytest.raises(ConversionError, match=complaint):
        conversion.read_weights(manifest({"name": "a", "shape": [1], "dtype": "float32"}), bytes(length))


def test_a_whole_network_keeps_the_wanted_classes_and_takes_other_sizes() -> None:
    model = ov.Core().read_model(conversion.convert_centernet(*tensorflow_js_network(), (1, 4), 64, 64))
    model.reshape([1, 3, 32, 96])
    image = np.random.default_rng(2).normal(0, 0.05, (1, 3, 32, 96)).astype(np.float32)
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled({"image": image})
    cells = image.reshape(3, 8, 4, 24, 4).sum((0, 2, 4))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(cells, 1, constant_values=-np.inf), (3, 3))
    is_peak = cells == windows.max((2, 3))
    for channel, factor in enumerate((2, 5)):
        expected = np.where(is_peak, 1 / (1 + np.exp(-factor * cells)), 0)
        np.testing.assert_allclose(found["peaks"][0, channel], expected, atol=1e-5)
    np.testing.assert_allclose(found["sizes"], np.full((1, 4, 8, 24), 4.0))


@pytest.mark.parametrize(
    "topology", [b"", b"{}", b"[]", b'{"modelTopology": {"node": []}, "weightsManifest": []}', b"\xff"]
)
def test_another_graph_is_refused(topology: bytes) -> None:
    with pytest.raises(ConversionError, match="not the one"):
        conversion.convert_centernet(topology, b"", (0,), 64, 64)
