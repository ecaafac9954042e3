"""Networks on OpenVINO's devices: Intel NPU, GPU and CPU."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor, ResizeAlgorithm

from appliance.vision.backends.interface import DeviceFailed, DeviceKind, Family, Outputs, Place
from appliance.vision.catalogue import NetworkInput
from appliance.vision.compiled_cache import CompiledCache
from appliance.vision.driver_errors import explain_failure

KINDS: tuple[DeviceKind, ...] = ("NPU", "GPU", "CPU")
PRECISIONS = {"f32": "FP32", "f16": "FP16", "bf16": "BF16"}


@dataclass(frozen=True)
class Choice:
    """How a network is compiled for a device; what `tuning` finds by measurement.

    `precision` is OpenVINO's inference precision, such as `f32` or `bf16`; empty leaves it to the device. `streams` is
    how many pictures are computed at once, 0 leaves it to the device. Colours and value range are changed inside the
    compiled network (`graph`) or before it (`host`). A `quantised` network is the INT8 version, if there is one.
    """

    precision: str = "f32"
    streams: int = 1
    conversion: Literal["graph", "host"] = "graph"
    quantised: bool = False


def places(core: ov.Core) -> tuple[Place, ...]:
    """The devices on this machine that OpenVINO can use, such as NPU, GPU.0, GPU.1 and CPU."""
    kinds = [(device, device.split(".")[0]) for device in core.available_devices]
    return tuple(Place("OpenVINO", device, kind) for device, name in kinds for kind in KINDS if name == kind)


@dataclass(frozen=True)
class Weights:
    """One version of a network's weights: SHA-256 by which it is known, and how it is read and checked."""

    sha256: str
    read: Callable[[], ov.Model]


def compile_network(
    core: ov.Core,
    place: Place,
    weights: Weights,
    expected: NetworkInput,
    family: Family,
    size: tuple[int, int],
    choice: Choice,
    cache: CompiledCache,
) -> "OpenVINONetwork":
    """The network for one input size (width, height) on the place's device, out of the cache where it is there.

    Raises `DeviceFailed` where the device does not take it, or where another device would run it, and `ModelMissing`
    or `ModelChanged` for its file.
    """
    properties = options(place, choice)

    def make_model(picture_size: tuple[int, int] | None = None) -> ov.Model:
        conversion = "graph" if picture_size else choice.conversion
        return prepare(weights.read(), expected, family.outputs, size, conversion, picture_size)

    key = {
        "network": weights.sha256,
        "outputs": " ".join(family.outputs),
        "input": f"{size[0]}x{size[1]} {expected.colour} {expected.range} {choice.conversion}",
        "device": device_version(core, place),
        "properties": str(sorted(properties.items())),
    }
    try:
        compiled = _take_back(core, place, cache.read(key), properties)
        from_cache = compiled is not None
        if compiled is None:
            compiled = core.compile_model(make_model(), place.device, properties)
        network = OpenVINONetwork(compiled, expected, choice, make_model, properties, key, from_cache)
        executes_on = network.executes_on
    except RuntimeError as error:
        raise DeviceFailed(explain_failure(place.kind, str(error))) from error
    if executes_on != place.device:
        raise DeviceFailed(f"OpenVINO would run it on {executes_on} instead.")
    if not from_cache:
        network.keep(cache)
    return network


def _take_back(core: ov.Core, place: Place, kept: bytes | None, properties: dict[str, str]) -> ov.CompiledModel | None:
    """What was compiled earlier; None where there is nothing, or where the device does not take it any more."""
    if kept is None:
        return None
    try:
        return core.import_model(kept, place.device, properties)
    except RuntimeError:
        return None


def device_version(core: ov.Core, place: Place) -> str:
    """The device, its driver and OpenVINO's version: what a compiled network or a measured speed holds for."""
    found = [place.device, ov.get_version()]
    for name in ("FULL_DEVICE_NAME", "NPU_DRIVER_VERSION", "GPU_DRIVER_VERSION", "OPTIMIZATION_CAPABILITIES"):
        try:
            found.append(f"{name} {core.get_property(place.device, name)}")
        except RuntimeError:
            continue
    return "; ".join(found)


def options(place: Place, choice: Choice) -> dict[str, str]:
    """The compilation properties for a choice. One stream on the CPU means that all cores share a picture."""
    chosen = {"PERFORMANCE_HINT": "LATENCY" if choice.streams == 1 else "THROUGHPUT"}
    if choice.streams:
        chosen["NUM_STREAMS"] = str(choice.streams)
    if choice.precision:
        chosen["INFERENCE_PRECISION_HINT"] = choice.precision
    if place.kind == "NPU":
        # The NPU has no streams of its own; it takes as many requests as it says is best.
        chosen.pop("NUM_STREAMS", None)
    return chosen


def prepare(
    model: ov.Model,
    expected: NetworkInput,
    outputs: Sequence[str],
    size: tuple[int, int],
    conversion: Literal["graph", "host"] = "graph",
    picture_size: tuple[int, int] | None = None,
) -> ov.Model:
    """The network for one size, static, batch 1, with only the wanted outputs.

    With `graph` it takes uint8 [1, H, W, 3] blue green red, and colour order, value range and layout are changed
    inside; with `host` it takes what `converted` gives. Pictures are scaled before in both cases: inside the graph that
    was slower (`make bench` measures it, with `picture_size`, the width and height of a camera's picture), and every
    camera's size would need a compilation.
    """
    copy = model.clone()
    kept = ov.Model([copy.output(name) for name in outputs], copy.get_parameters(), copy.get_friendly_name())
    kept.reshape([1, 3, size[1], size[0]])
    steps = PrePostProcessor(kept)
    if conversion == "graph":
        scale, offset = _scale_and_offset(expected)
        tensor = steps.input().tensor()
        tensor.set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
        steps.input().model().set_layout(ov.Layout("NCHW"))
        convert = steps.input().preprocess().convert_element_type(ov.Type.f32)
        if expected.colour == "RGB":
            convert.convert_color(ColorFormat.RGB)
        if picture_size:
            tensor.set_shape([1, picture_size[1], picture_size[0], 3])
            convert.resize(ResizeAlgorithm.RESIZE_LINEAR)
        if (scale, offset) != (1.0, 0.0):
            convert.mean(-offset / scale)
            convert.scale(1.0 / scale)
    for index in range(len(outputs)):
        steps.output(index).tensor().set_element_type(ov.Type.f32)
    return steps.build()


def converted(picture: NDArray[np.uint8], expected: NetworkInput) -> NDArray[np.float32]:
    """`picture` (uint8 [1, H, W, 3], blue green red) as float32 [1, 3, H, W] in the network's colours and range."""
    scale, offset = _scale_and_offset(expected)
    mean = (-offset / scale,) * 3
    blob = cv2.dnn.blobFromImage(picture[0], scale, mean=mean, swapRB=expected.colour == "RGB")
    return np.ascontiguousarray(blob, np.float32)


def _scale_and_offset(expected: NetworkInput) -> tuple[float, float]:
    """What a pixel value is multiplied by, and what is added then."""
    low, high = expected.range
    return (high - low) / 255.0, low


class OpenVINONetwork:
    """A `CompiledNetwork` of OpenVINO.

    `make_model()` gives what was compiled, with `properties`; for a picture's (width, height), as it would be if it
    scaled such pictures itself.
    """

    def __init__(
        self,
        compiled: ov.CompiledModel,
        expected: NetworkInput,
        choice: Choice,
        make_model: Callable[..., ov.Model],
        properties: Mapping[str, str],
        key: Mapping[str, str],
        from_cache: bool = False,
    ) -> None:
        self.compiled = compiled
        self.make_model = make_model
        self.properties = properties
        self.from_cache = from_cache
        self._key = key
        self._expected = expected
        self._choice = choice

    def keep(self, cache: CompiledCache) -> None:
        """Put it into a cache, for the next start; one that the device can't give out is compiled again then."""
        with suppress(RuntimeError):
            cache.write(self._key, lambda: self.compiled.export_model().getvalue())

    @property
    def executes_on(self) -> str:
        return ", ".join(self.compiled.get_property("EXECUTION_DEVICES"))

    @property
    def precision(self) -> str:
        name = "INT8, otherwise " if self._choice.quantised else ""
        try:
            floating = self.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        except (RuntimeError, AttributeError):
            floating = "unknown"
        return f"{name}{PRECISIONS.get(floating, floating)}"

    @property
    def streams(self) -> int:
        for name in ("NUM_STREAMS", "OPTIMAL_NUMBER_OF_INFER_REQUESTS"):
            try:
                number = int(self.compiled.get_property(name))
            except (RuntimeError, TypeError, ValueError):
                continue
            if number > 0:
                return number
        return 1

    def session(self) -> "OpenVINOSession":
        kind = next(kind for kind in KINDS if self.executes_on.startswith(kind))
        return OpenVINOSession(self.compiled.create_infer_request(), self._expected, self._choice, kind)


class OpenVINOSession:
    """A `Session`: one of OpenVINO's requests, on a device of this kind."""

    def __init__(self, request: ov.InferRequest, expected: NetworkInput, choice: Choice, kind: DeviceKind) -> None:
        self._request = request
        self._expected = expected
        self._on_host = choice.conversion == "host"
        self._kind = kind

    def run(self, picture: NDArray[np.uint8]) -> Outputs:
        tensor: NDArray[Any] = converted(picture, self._expected) if self._on_host else picture
        try:
            self._request.set_input_tensor(ov.Tensor(tensor, shared_memory=True))
            self._request.start_async()
            self._request.wait()
            return tuple(output.data for output in self._request.output_tensors)
        except RuntimeError as error:
            raise DeviceFailed(explain_failure(self._kind, str(error))) from error
