"""MB3-CenterNet from its TensorFlow.js graph to an ONNX file, without TensorFlow.

A TensorFlow.js graph model is a GraphDef in JSON (`modelTopology`) and a weight manifest: names, shapes and types of
the weights, which follow each other in one binary file (https://www.tensorflow.org/js/guide/save_load). Only the
operations that this network uses are known here; anything else is an error.

The graph is rebuilt channels-first, which is ONNX's order, and differs from the original in four ways. It ends at the
heat map and the box sizes: the graph's own top-k takes nearly all of its time. Of the 80 classes only those asked for
are computed. The test that a heat-map cell is the highest of its 3 x 3 neighbourhood, which is the network's
non-maximum suppression (Zhou, Wang, Krähenbühl: Objects as Points, 2019, section 4), is part of the graph, so that
`peaks` is 0 everywhere else. And MobileNetV3's activations, which TensorFlow spells out, are one operation each
(`name_activations`).
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from appliance.errors import VeilsightError

IMAGE = "tower_0/images"
HEAT = "tower_0/Sigmoid"
SIZES = "tower_0/mul"
# The convolution whose output channels are the classes, and its bias.
CLASS_CONVOLUTION = "tower_0/CenternetHead/centernet_cls_output/BiasAdd"

# Positions of batch, height, width and channels in ONNX's order.
CHANNELS_FIRST = (0, 2, 3, 1)
# Old enough for every runtime that may get the file: ONNX's operations of release 1.12 and the file format of its time.
OPERATIONS = 17
FILE_FORMAT = 8

Node = Mapping[str, Any]
Array = NDArray[Any]
Shapes = Mapping[str, Sequence[int]]


class ConversionError(VeilsightError):
    """The network's files are not what the converter knows."""


@dataclass
class Graph:
    """An ONNX graph in the making. Tensors keep their names in TensorFlow, save those that `names` gives another."""

    names: Mapping[str, str] = field(default_factory=dict)
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        """Append an operation whose inputs are there already; it is called like its only output."""
        inputs = [self.names.get(name, name) for name in inputs]
        output = self.names.get(output, output)
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))

    def constant(self, name: str, value: Array) -> str:
        """A constant's name, for use as an input."""
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        return name

    def model(self, inputs: Shapes, outputs: Shapes) -> bytes:
        """The graph as a checked ONNX file with float32 inputs and outputs of these names and shapes."""
        sources, results = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
            for shapes in (inputs, outputs)
        )
        model = helper.make_model(
            helper.make_graph(self.nodes, "network", sources, results, list(self.constants.values())),
            opset_imports=[helper.make_opsetid("", OPERATIONS)],
            ir_version=FILE_FORMAT,
            producer_name="veilsight",
        )
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ValueError(str(error)) from error
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def convert_centernet(topology: bytes, binary: bytes, classes: Sequence[int], height: int, width: int) -> bytes:
    """The network as an ONNX file with a static shape.

    Input `image`: float32 [1, 3, height, width], RGB, 0 to 255; height and width are multiples of 32, and may be
    changed to others. Outputs: `peaks` float32 [1, len(classes), height/4, width/4], the score where a cell is a local
    maximum and 0 elsewhere; `sizes` float32 [1, 4, height/4, width/4], the distances in pixels from the cell's own
    point (4 x, 4 y) to the left, top, right and bottom edge of its box.

    Raises `ConversionError` where the files are damaged or hold another graph.
    """
    try:
        document = json.loads(topology)
        nodes: dict[str, Node] = {node["name"]: node for node in document["modelTopology"]["node"]}
        weights = read_weights(document["weightsManifest"], binary)
        keep_classes(nodes, weights, classes)
        nodes |= name_activations(nodes, weights)
        graph = Graph({IMAGE: "image", HEAT: "heat", SIZES: "sizes"})
        for name in ordered_ancestors(nodes, (HEAT, SIZES)):
            if name not in weights and name != IMAGE:
                build(nodes[name], weights, graph)
        keep_peaks("heat", "peaks", graph)
        rows, columns = height // 4, width // 4
        return graph.model(
            {"image": (1, 3, height, width)},
            {"peaks": (1, len(classes), rows, columns), "sizes": (1, 4, rows, columns)},
        )
    except (KeyError, IndexError, ValueError, TypeError, CycleError) as error:
        raise ConversionError(f"The network's graph is not the one that this program knows ({error!r}).") from error


def read_weights(manifest: Sequence[Mapping[str, Any]], binary: bytes) -> dict[str, Array]:
    """The named weights of a TensorFlow.js manifest; float16 storage is widened to float32.

    Raises `ConversionError` where the binary is shorter or longer than the manifest says.
    """
    weights: dict[str, Array] = {}
    offset = 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = np.dtype(entry.get("quantization", entry)["dtype"])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        if offset + count * stored.itemsize > len(binary):
            raise ConversionError("The network's weight file is shorter than its manifest says; fetch it again.")
        weights[entry["name"]] = (
            np.frombuffer(binary, stored, count, offset).reshape(entry["shape"]).astype(entry["dtype"])
        )
        offset += count * stored.itemsize
    if offset != len(binary):
        raise ConversionError("The network's weight file is longer than its manifest says; fetch it again.")
    return weights


def keep_classes(nodes: Mapping[str, Node], weights: dict[str, Array], classes: Sequence[int]) -> None:
    """Keep only the wanted output channels of the class head: filters [h, w, in, out] and bias [out]."""
    _, filters, bias = nodes[CLASS_CONVOLUTION]["input"]
    weights[filters] = weights[filters][..., list(classes)]
    weights[bias] = weights[bias][list(classes)]


def name_activations(nodes: Mapping[str, Node], weights: Mapping[str, Array]) -> dict[str, Node]:
    """Nodes in place of those that end a spelt-out activation of MobileNetV3, by name.

    Relu6(x + 3) / 6 is HardSigmoid, x / 6 * Relu6(x + 3) is HardSwish (Howard, Sandler, Chu et al.: Searching for
    MobileNetV3, 2019, section 5.2). A runtime joins either to the convolution before it, which an INT8 network gains
    from most. The sixth was rounded to float16 in the file; whole, as it was in training, it is the same everywhere.
    """
    named: dict[str, Node] = {}
    for name, node in nodes.items():
        if node["op"] != "Mul":
            continue
        for factor, clipped in (node["input"], reversed(node["input"])):
            source = source_of_sum(nodes, weights, clipped)
            if source is not None and is_constant(weights, factor, 1 / 6):
                named[name] = {"name": name, "op": "HardSigmoid", "input": [source]}
            elif source is not None and is_sixth(nodes, weights, factor, source):
                named[name] = {"name": name, "op": "HardSwish", "input": [source]}
    return named


def source_of_sum(nodes: Mapping[str, Node], weights: Mapping[str, Array], name: str) -> str | None:
    """x, where the node is Relu6(x + 3)."""
    if nodes[name]["op"] != "Relu6":
        return None
    total = nodes[nodes[name]["input"][0]]
    first, second = (*total["input"], "", "")[:2]
    return str(first) if total["op"] == "Add" and is_constant(weights, second, 3) else None


def is_sixth(nodes: Mapping[str, Node], weights: Mapping[str, Array], name: str, source: str) -> bool:
    """Whether the node is 1/6 x of the source x."""
    if nodes[name]["op"] != "Mul" or source not in nodes[name]["input"]:
        return False
    return any(is_constant(weights, each, 1 / 6) for each in nodes[name]["input"])


def is_constant(weights: Mapping[str, Array], name: str, value: float) -> bool:
    """Whether this is a constant of that value, as exactly as float16 has it."""
    return name in weights and weights[name].size == 1 and bool(np.float16(weights[name].item()) == np.float16(value))


def ordered_ancestors(nodes: Mapping[str, Node], outputs: Iterable[str]) -> list[str]:
    """The names of all nodes that the outputs depend on, each after its inputs."""
    sources: dict[str, list[str]] = {}
    pending = list(outputs)
    while pending:
        name = pending.pop()
        if name not in sources:
            sources[name] = list(nodes[name].get("input", ()))
            pending.extend(sources[name])
    return list(TopologicalSorter(sources).static_order())


def keep_peaks(heat: str, peaks: str, graph: Graph) -> None:
    """Set every score to 0 that is not the highest of its 3 x 3 cells."""
    graph.add("MaxPool", [heat], f"{peaks}/highest", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    graph.add("Equal", [heat, f"{peaks}/highest"], f"{peaks}/is_highest")
    zero = graph.constant(f"{peaks}/zero", np.array(0, np.float32))
    graph.add("Where", [f"{peaks}/is_highest", heat, zero], peaks)


def build(node: Node, weights: Mapping[str, Array], graph: Graph) -> None:
    """Add the ONNX operations of one node whose inputs are added already."""
    kind, inputs, name = node["op"], node["input"], node["name"]
    if "Conv2" in kind:
        convolution(node, [weights[each] for each in inputs[1:]], graph)
    elif kind == "ConcatV2":
        graph.add("Concat", inputs[:-1], name, axis=CHANNELS_FIRST[int(weights[inputs[-1]])])
    elif kind == "Mean":
        if sorted(weights[inputs[1]]) != [1, 2] or not flag(node, "keep_dims"):
            raise ValueError("a mean over other axes than height and width")
        graph.add("GlobalAveragePool", inputs[:1], name)
    elif kind == "ResizeBilinear":
        double(node, graph)
    elif kind in ("Mul", "Add"):
        graph.add(
            kind, [graph.constant(each, scalar(weights[each])) if each in weights else each for each in inputs], name
        )
    else:
        activation(kind, inputs[0], name, graph)


def activation(kind: str, source: str, output: str, graph: Graph) -> None:
    if kind in ("Relu", "Sigmoid", "HardSwish"):
        graph.add(kind, [source], output)
    elif kind == "HardSigmoid":
        graph.add(kind, [source], output, alpha=1 / 6, beta=0.5)
    else:
        raise ValueError(f"operation {kind}")


def scalar(value: Array) -> Array:
    """A constant that means the same whatever the order of the axes."""
    if value.size != 1:
        raise ValueError(f"constant of shape {value.shape}")
    return value.reshape(())


def double(node: Node, graph: Graph) -> None:
    """Twice the height and width, with TensorFlow's older sampling points (x/2, not centred on pixels)."""
    if flag(node, "align_corners") or flag(node, "half_pixel_centers"):
        raise ValueError("another kind of ResizeBilinear")
    scales = graph.constant("double/scales", np.array([1, 1, 2, 2], np.float32))
    graph.add(
        "Resize",
        [node["input"][0], "", scales],
        node["name"],
        mode="linear",
        coordinate_transformation_mode="asymmetric",
    )


def convolution(node: Node, parameters: Sequence[Array], graph: Graph) -> None:
    """A convolution, plain or one per channel, with the bias and activation that are fused into the node.

    `parameters`: filters [h, w, in, out], or [h, w, channels, 1] where depthwise, and for a fused node the bias [out].
    """
    name, filters = node["name"], parameters[0]
    strides = integers(node, "strides")[1:3]
    dilations = integers(node, "dilations")[1:3]
    groups = 1
    if "Depthwise" in node["op"]:
        if filters.shape[3] != 1:
            raise ValueError("depthwise convolution with a channel multiplier")
        groups, filters = filters.shape[2], filters.transpose(0, 1, 3, 2)
    fused = [text(each) for each in node["attr"].get("fused_ops", {}).get("list", {}).get("s", ())]
    constants = [graph.constant(f"{name}/filters", filters.transpose(3, 2, 0, 1))]
    if fused[:1] == ["BiasAdd"]:
        constants.append(graph.constant(f"{name}/bias", parameters[1]))
    elif fused:
        raise ValueError(f"a convolution fused with {fused}")
    result = f"{name}/convolution" if fused[1:] else name
    graph.add(
        "Conv",
        [node["input"][0], *constants],
        result,
        kernel_shape=filters.shape[:2],
        strides=strides,
        dilations=dilations,
        group=groups,
        pads=padding(text(node["attr"]["padding"]["s"]), filters.shape[:2], strides, dilations),
    )
    for each in fused[1:]:
        activation(each, result, name, graph)


def padding(kind: str, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """Rows above, columns to the left, rows below and columns to the right that a convolution adds.

    TensorFlow's SAME keeps as many pixels as there are strides, and puts an odd row or column at the end. How many it
    adds depends on the size of the input, unless that is a multiple of the stride, as every size is here.
    """
    if kind == "VALID":
        return [0, 0, 0, 0]
    if kind != "SAME":
        raise ValueError(f"padding {kind}")
    totals = [
        max((size - 1) * dilation + 1 - stride, 0)
        for size, stride, dilation in zip(kernel, strides, dilations, strict=True)
    ]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def integers(node: Node, name: str) -> list[int]:
    return [int(value) for value in node["attr"][name]["list"]["i"]]


def flag(node: Node, name: str) -> bool:
    return bool(node["attr"].get(name, {}).get("b", False))


def text(encoded: str) -> str:
    """A string attribute; protobuf's JSON form of bytes is base64."""
    return base64.b64decode(encoded).decode("ascii")
