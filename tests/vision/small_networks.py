"""Small networks as files, for tests of what is done with any network."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from appliance.vision.backends.interface import Family
from appliance.vision.catalogue import CatalogueNetwork, NetworkInput, PackageSource, SourceFile

# The network's outputs are `high`, what `onnx_file` makes of the picture, and `unwanted`, twice that.
FAMILY = Family(("high",), lambda width, height: ((1, 2, height, width),), lambda *_: ())


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs, [output], output, **attributes)


def onnx_file(
    nodes: Sequence[NodeProto], constants: Mapping[str, np.ndarray], outputs: Sequence[str], shape: Sequence[Any]
) -> bytes:
    """An ONNX file with one float32 input `picture` of this shape."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def two_channels(middle: str = "Relu", **attributes: Any) -> bytes:
    """Two mixtures of the three colours, an operation, and some nodes and an output that nobody needs."""
    mixture = np.array([[1.0, 10.0, 100.0], [0.5, -2.0, 0.25]], np.float32).reshape(2, 3, 1, 1)
    nodes = [
        node("Identity", ["picture"], "same"),
        node("Conv", ["same", "mixture"], "mixed"),
        node(middle, ["mixed"], "changed", **attributes),
        node("Identity", ["changed"], "unchanged"),
        node("Add", ["unchanged", "zero"], "high"),
        node("Add", ["high", "high"], "unwanted"),
    ]
    constants = {"mixture": mixture, "zero": np.zeros(1, np.float32), "nowhere": np.ones(9, np.float32)}
    return onnx_file(nodes, constants, ["high", "unwanted"], ["batch", 3, "height", "width"])


def tensorflow_js_network(classes: int = 5) -> tuple[bytes, bytes]:
    """Topology and weights of a graph with MB3-CenterNet's heads and nothing between them and the picture.

    A cell is 4 x 4 pixels. The score of class c is the sigmoid of the cell's sum, times c + 1; all distances are 4.
    """

    def text(value: str) -> str:
        return base64.b64encode(value.encode()).decode()

    def tensorflow_node(kind: str, name: str, *inputs: str) -> dict[str, Any]:
        attributes = {
            "strides": {"list": {"i": ["1", "4", "4", "1"]}},
            "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
            "padding": {"s": text("SAME")},
            "fused_ops": {"list": {"s": [text("BiasAdd")]}},
        }
        return {"name": name, "op": kind, "input": list(inputs), "attr": attributes}

    values = {
        "filters": np.ones((4, 4, 3, classes)) * np.arange(1, classes + 1),
        "bias": np.zeros(classes),
        "size filters": np.zeros((4, 4, 3, 4)),
        "size bias": np.ones(4),
        "four": np.array(4.0),
    }
    head = "tower_0/CenternetHead/centernet_cls_output/BiasAdd"
    nodes = [
        tensorflow_node("Placeholder", "tower_0/images"),
        *(tensorflow_node("Const", name) for name in values),
        tensorflow_node("_FusedConv2D", head, "tower_0/images", "filters", "bias"),
        tensorflow_node("Sigmoid", "tower_0/Sigmoid", head),
        tensorflow_node("_FusedConv2D", "quarter sizes", "tower_0/images", "size filters", "size bias"),
        tensorflow_node("Mul", "tower_0/mul", "quarter sizes", "four"),
    ]
    weights = [{"name": name, "shape": list(value.shape), "dtype": "float32"} for name, value in values.items()]
    topology = {"modelTopology": {"node": nodes}, "weightsManifest": [{"weights": weights}]}
    return json.dumps(topology).encode(), b"".join(value.astype(np.float32).tobytes() for value in values.values())


def entry(colour: str = "BGR", values: tuple[float, float] = (0.0, 255.0)) -> CatalogueNetwork:
    return CatalogueNetwork(
        name="small",
        title="Small",
        task="faces",
        packs=("default",),
        family="centerface",
        licence="MIT",
        minimum_score=0.5,
        input=NetworkInput(sizes=((64, 32),), colour=colour, range=values, enlarge=False),  # type: ignore[arg-type]
        source=PackageSource("pip", "small", "1.0", (SourceFile("small.onnx", "0" * 64),)),
    )
