"""A network's ONNX file made ready for a runtime that has no pre-processing of its own.

Devices that compile a network ahead (an NPU, TensorRT) want a graph of one static size without a node too many. What
else a picture needs goes into the graph, so that every runtime is given the same bytes: a picture as it was decoded.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from appliance.errors import VeilsightError
from appliance.vision.catalogue import NetworkInput

# The input's name; the nodes added here are called like it, too.
PICTURE = "veilsight/picture"


class NetworkUnsuitable(VeilsightError):
    """A network's graph can't be made static, or is no ONNX graph."""


def prepare(
    content: bytes, expected: NetworkInput, outputs: Sequence[str], size: tuple[int, int], takes_bytes: bool = True
) -> bytes:
    """The network for one `size` (width, height), with only the wanted outputs, in this order.

    Its input is [1, height, width, 3], blue green red, 0 to 255, as uint8 or, without `takes_bytes`, as float32;
    layout, colour order and value range are changed inside. Every tensor has a static shape.

    Raises `NetworkUnsuitable`.
    """
    try:
        model = onnx.load_from_string(content)
        nodes = needed_nodes(model.graph, outputs)
        picture = network_input(model.graph, nodes)
        width, height = size
        element = TensorProto.UINT8 if takes_bytes else TensorProto.FLOAT
        pixels = helper.make_tensor_value_info(PICTURE, element, (1, height, width, 3))
        results = [helper.make_empty_tensor_value_info(name) for name in outputs]
        added, constants = convert_pixels(picture, expected, takes_bytes)
        constants += needed_constants(model.graph, nodes)
        graph = helper.make_graph(added + nodes, "network", [pixels], results, constants)
        whole = helper.make_model(
            graph, opset_imports=model.opset_import, ir_version=model.ir_version, functions=model.functions
        )
        inferred = onnx.shape_inference.infer_shapes(whole, check_type=True, strict_mode=True, data_prop=True)
        require_static(inferred.graph)
        onnx.checker.check_model(inferred)
    except (
        DecodeError,
        KeyError,
        ValueError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NetworkUnsuitable(f"The network's graph can't be prepared ({reason}).") from error
    prepared: bytes = inferred.SerializeToString(deterministic=True)
    return prepared


def needed_nodes(graph: GraphProto, outputs: Iterable[str]) -> list[NodeProto]:
    """The nodes that the outputs depend on, in order, without those that only pass a tensor on."""
    makers = {output: node for node in graph.node for output in node.output}
    outputs = list(outputs)
    needed: set[str] = set()
    pending = list(outputs)
    while pending:
        name = pending.pop()
        if name in makers and name not in needed:
            needed.update(makers[name].output)
            pending.extend(makers[name].input)
    missing = [name for name in outputs if name not in makers]
    if missing:
        raise ValueError(f"there is no output {missing[0]}")
    passed_on: dict[str, str] = {}
    kept: list[NodeProto] = []
    for node in graph.node:
        if not needed.intersection(node.output):
            continue
        if any(each.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for each in node.attribute):
            raise ValueError(f"it branches or loops ({node.op_type})")
        copy = NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [passed_on.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] not in outputs:
            passed_on[node.output[0]] = copy.input[0]
        else:
            kept.append(copy)
    return kept


def needed_constants(graph: GraphProto, nodes: Iterable[NodeProto]) -> list[TensorProto]:
    used = {name for node in nodes for name in node.input}
    return [constant for constant in graph.initializer if constant.name in used]


def network_input(graph: GraphProto, nodes: Iterable[NodeProto]) -> str:
    """The name of the one tensor that comes from outside."""
    constants = {constant.name for constant in graph.initializer}
    used = {name for node in nodes for name in node.input}
    inputs = [each.name for each in graph.input if each.name not in constants and each.name in used]
    if len(inputs) != 1:
        raise ValueError(f"it takes {len(inputs)} inputs instead of one")
    return str(inputs[0])


def convert_pixels(
    picture: str, expected: NetworkInput, takes_bytes: bool
) -> tuple[list[NodeProto], list[TensorProto]]:
    """From the picture to the network's input: the nodes in order, and their constants.

    Bytes become floats before all else, because TensorRT takes bytes for nothing but that.
    """
    low, high = expected.range
    steps: list[tuple[str, np.ndarray | None, dict[str, Any]]] = []
    if takes_bytes:
        steps.append(("Cast", None, {"to": TensorProto.FLOAT}))
    steps.append(("Transpose", None, {"perm": [0, 3, 1, 2]}))
    if expected.colour == "RGB":
        steps.append(("Gather", np.array([2, 1, 0], np.int64), {"axis": 1}))
    if high - low != 255.0:
        steps.append(("Mul", np.array((high - low) / 255.0, np.float32), {}))
    if low != 0.0:
        steps.append(("Add", np.array(low, np.float32), {}))
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    source = PICTURE
    for number, (kind, constant, attributes) in enumerate(steps, start=1):
        inputs = [source]
        if constant is not None:
            constants.append(numpy_helper.from_array(constant, f"{PICTURE}/{kind}/constant"))
            inputs.append(constants[-1].name)
        source = picture if number == len(steps) else f"{PICTURE}/{kind}"
        nodes.append(helper.make_node(kind, inputs, [source], f"{PICTURE}/{kind}", **attributes))
    return nodes, constants


def require_static(graph: GraphProto) -> None:
    """Raise `ValueError` unless the shape of every tensor is known in numbers."""
    known = {each.name: each.type.tensor_type for each in (*graph.value_info, *graph.output)}
    for node in graph.node:
        for name in filter(None, node.output):
            if name not in known or not known[name].HasField("shape"):
                raise ValueError(f"the shape of {name} is not known")
            if any(not dimension.HasField("dim_value") for dimension in known[name].shape.dim):
                raise ValueError(f"the shape of {name} is not static")


def output_shapes(content: bytes) -> dict[str, tuple[int, ...]]:
    """The outputs of a prepared network and their shapes."""
    model: ModelProto = onnx.load_from_string(content)
    return {
        each.name: tuple(dimension.dim_value for dimension in each.type.tensor_type.shape.dim)
        for each in model.graph.output
    }
