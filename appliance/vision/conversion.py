"""MB3-CenterNet from its TensorFlow.js graph to an OpenVINO model, without TensorFlow.

A TensorFlow.js graph model is a GraphDef in JSON (`modelTopology`) and a weight manifest: names, shapes and types of
the weights, which follow each other in one binary file (https://www.tensorflow.org/js/guide/save_load). Only the
operations that this network uses are known here; anything else is an error.

The graph is rebuilt channels-first, which is what OpenVINO's own operations take, and differs from the original in
three ways, none of which changes a result. It ends at the heat map and the box sizes: the graph's own top-k takes
nearly all of its time. Of the 80 classes only those asked for are computed. And the test that a heat-map cell is the
highest of its 3 x 3 neighbourhood, which is the network's non-maximum suppression (Zhou, Wang, Krähenbühl: Objects as
Points, 2019, section 4), is part of the graph, so that `peaks` is 0 everywhere else.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset15 as operations

from appliance.errors import VeilsightError

IMAGE = "tower_0/images"
HEAT = "tower_0/keypoints"
SIZES = "tower_0/wh"
# The convolution whose output channels are the classes, and its bias.
CLASS_CONVOLUTION = "tower_0/CenternetHead/centernet_cls_output/BiasAdd"

# Positions of batch, height, width and channels in the channels-first order used here.
CHANNELS_FIRST = (0, 2, 3, 1)

Node = Mapping[str, Any]
Array = NDArray[Any]


class ConversionError(VeilsightError):
    """The network's files are not what the converter knows."""


def convert_centernet(topology: bytes, binary: bytes, classes: Sequence[int], height: int, width: int) -> ov.Model:
    """The network as an OpenVINO model with a static shape.

    Input `image`: float32 [1, 3, height, width], RGB, 0 to 255; height and width are multiples of 32, and may be
    changed by `Model.reshape`. Outputs: `peaks` float32 [1, len(classes), height/4, width/4], the score where a cell
    is a local maximum and 0 elsewhere; `sizes` float32 [1, 4, height/4, width/4], the distances in pixels from the
    cell's own point (4 x, 4 y) to the left, top, right and bottom edge of its box.

    Raises `ConversionError` where the files are damaged or hold another graph.
    """
    try:
        document = json.loads(topology)
        nodes: dict[str, Node] = {node["name"]: node for node in document["modelTopology"]["node"]}
        weights = read_weights(document["weightsManifest"], binary)
        keep_classes(nodes, weights, classes)
        image = operations.parameter([1, 3, height, width], np.float32, name="image")
        image.output(0).get_tensor().set_names({"image"})
        built: dict[str, ov.Output] = {IMAGE: image.output(0)}
        for name in ordered_ancestors(nodes, (HEAT, SIZES)):
            if name not in weights and name != IMAGE:
                built[name] = build(nodes[name], built, weights)
        return ov.Model(named_results(built[HEAT], built[SIZES]), [image], "mb3-centernet")
    except (KeyError, IndexError, ValueError, TypeError, CycleError, RuntimeError) as error:
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


def named_results(heat: ov.Output, sizes: ov.Output) -> list[ov.Output]:
    """The two outputs, named, with every score that is not the highest of its 3 x 3 cells set to 0."""
    highest = operations.max_pool(heat, [1, 1], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    peaks = operations.select(operations.equal(heat, highest), heat, np.float32(0)).output(0)
    peaks.get_tensor().set_names({"peaks"})
    sizes.get_tensor().set_names({"sizes"})
    return [peaks, sizes]


def build(node: Node, built: Mapping[str, ov.Output], weights: Mapping[str, Array]) -> ov.Output:
    """The OpenVINO operation of one node whose inputs are built already."""
    kind, inputs = node["op"], node["input"]
    if "Conv2" in kind:
        return convolution(node, built[inputs[0]], [weights[name] for name in inputs[1:]])
    if kind == "ConcatV2":
        axis = CHANNELS_FIRST[int(weights[inputs[-1]])]
        return operations.concat([built[name] for name in inputs[:-1]], axis).output(0)
    if kind == "Mean":
        axes = np.array([CHANNELS_FIRST[axis] for axis in weights[inputs[1]]])
        return operations.reduce_mean(built[inputs[0]], axes, keep_dims=True).output(0)
    if kind == "ResizeBilinear":
        return double(built[inputs[0]], node)
    if kind in ("Mul", "Add"):
        return (operations.multiply if kind == "Mul" else operations.add)(
            *(built[name] if name in built else scalar(weights[name]) for name in inputs)
        ).output(0)
    return activation(kind, built[inputs[0]])


def activation(kind: str, source: ov.Output) -> ov.Output:
    if kind == "Identity":
        return source
    if kind == "Relu":
        return operations.relu(source).output(0)
    if kind == "Relu6":
        return operations.clamp(source, 0.0, 6.0).output(0)
    if kind == "Sigmoid":
        return operations.sigmoid(source).output(0)
    raise ValueError(f"operation {kind}")


def scalar(value: Array) -> Array:
    """A constant that means the same whatever the order of the axes."""
    if value.size != 1:
        raise ValueError(f"constant of shape {value.shape}")
    return value.reshape(())


def double(source: ov.Output, node: Node) -> ov.Output:
    """Twice the height and width, with TensorFlow's older sampling points (x/2, not centred on pixels)."""
    if flag(node, "align_corners") or flag(node, "half_pixel_centers"):
        raise ValueError("another kind of ResizeBilinear")
    return operations.interpolate(
        source,
        np.array([2.0, 2.0], np.float32),
        "linear_onnx",
        "scales",
        coordinate_transformation_mode="asymmetric",
        axes=np.array([2, 3]),
    ).output(0)


def convolution(node: Node, source: ov.Output, parameters: Sequence[Array]) -> ov.Output:
    """A convolution, plain or one per channel, with the bias and activation that are fused into the node.

    `parameters`: filters [h, w, in, out], or [h, w, channels, 1] where depthwise, and for a fused node the bias [out].
    """
    strides = integers(node, "strides")[1:3]
    dilations = integers(node, "dilations")[1:3]
    # OpenVINO's SAME_UPPER puts the odd row and column at the end, as TensorFlow's SAME does.
    padding = {"SAME": "same_upper", "VALID": "valid"}[text(node["attr"]["padding"]["s"])]
    filters = parameters[0]
    place = (strides, [0, 0], [0, 0], dilations, padding)
    if "Depthwise" in node["op"]:
        if filters.shape[3] != 1:
            raise ValueError("depthwise convolution with a channel multiplier")
        kernels = np.ascontiguousarray(filters.transpose(2, 3, 0, 1)[:, :, np.newaxis])
        result = operations.group_convolution(source, kernels, *place).output(0)
    else:
        kernels = np.ascontiguousarray(filters.transpose(3, 2, 0, 1))
        result = operations.convolution(source, kernels, *place).output(0)
    for fused in (text(name) for name in node["attr"].get("fused_ops", {}).get("list", {}).get("s", ())):
        if fused == "BiasAdd":
            result = operations.add(result, parameters[1].reshape(1, -1, 1, 1)).output(0)
        else:
            result = activation(fused, result)
    return result


def integers(node: Node, name: str) -> list[int]:
    return [int(value) for value in node["attr"][name]["list"]["i"]]


def flag(node: Node, name: str) -> bool:
    return bool(node["attr"].get(name, {}).get("b", False))


def text(encoded: str) -> str:
    """A string attribute; protobuf's JSON form of bytes is base64."""
    return base64.b64decode(encoded).decode("ascii")
