"""One network on one device: compiled for each input size when first needed, several requests in flight.

A request belongs to one picture until the device has finished with it. A caller that stops waiting abandons the
request; it is used again only when the device is done, and its late result is thrown away.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from appliance.errors import VeilsightError
from appliance.vision.catalogue import CatalogueNetwork, NetworkInput
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement, choose_size, letterbox

# More pictures than this at once means that the device has stopped answering, or that nobody fetches the results.
MAXIMUM_IN_FLIGHT = 32


class InferenceFailed(VeilsightError):
    """A network gave no usable result for a picture; whoever redacts must cover the whole picture."""


class PendingDetections(Protocol):
    """The detections of one picture, on their way."""

    def result(self, deadline_seconds: float) -> tuple[Detection, ...]:
        """The detections in pixels of the picture, best first; waits at most `deadline_seconds` from now.

        Raises `InferenceFailed` when the device fails or takes longer, or when its output has the wrong shape or
        holds numbers that are not finite; after that, and after a result, the same call raises it again.
        """


class Detector(Protocol):
    """Finds one kind of thing in pictures; safe to use from several threads."""

    def start(self, image: NDArray[np.uint8]) -> PendingDetections:
        """Begin with `image` (uint8 [H, W, 3], blue green red, any size); it may be changed once this returns.

        Raises `InferenceFailed` when the device can't take it.
        """


@dataclass(frozen=True)
class Family:
    """How the outputs of a kind of network are called, shaped and read (see the modules in detectors/)."""

    outputs: tuple[str, ...]
    output_shapes: Callable[[int, int], tuple[tuple[int, ...], ...]]
    decode: Callable[[Sequence[NDArray[np.float32]], Placement, float], tuple[Detection, ...]]


@dataclass
class Compiled:
    """The network compiled for one input size, and its requests."""

    model: ov.CompiledModel
    size: tuple[int, int]
    shapes: tuple[tuple[int, ...], ...]
    idle: list[ov.InferRequest] = field(default_factory=list)
    # Requests nobody waits for any more; each is kept with its input, which the device may still be reading.
    abandoned: list[tuple[ov.InferRequest, Any]] = field(default_factory=list)
    in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> ov.InferRequest:
        """An idle request, a new one if need be."""
        with self.lock:
            self._reclaim()
            if self.in_flight + len(self.abandoned) >= MAXIMUM_IN_FLIGHT:
                raise InferenceFailed(
                    f"{MAXIMUM_IN_FLIGHT} pictures wait for the network already; the device is stuck."
                )
            request = self.idle.pop() if self.idle else self.model.create_infer_request()
            self.in_flight += 1
            return request

    def put_back(self, request: ov.InferRequest) -> None:
        with self.lock:
            self.in_flight -= 1
            self.idle.append(request)

    def abandon(self, request: ov.InferRequest, tensor: object) -> None:
        with self.lock:
            self.in_flight -= 1
            self.abandoned.append((request, tensor))

    def _reclaim(self) -> None:
        running = []
        for request, tensor in self.abandoned:
            try:
                finished = request.wait_for(0)
            except RuntimeError:
                continue  # It failed late; a new request takes its place.
            if finished:
                self.idle.append(request)
            else:
                running.append((request, tensor))
        self.abandoned = running


class Network:
    """A `Detector` on the first of the given devices that takes the network."""

    def __init__(
        self,
        entry: CatalogueNetwork,
        family: Family,
        model: ov.Model,
        compile_model: Callable[[ov.Model], ov.CompiledModel],
    ) -> None:
        self.entry = entry
        self.family = family
        self._model = model
        self._compile = compile_model
        self._compiled: dict[tuple[int, int], Compiled] = {}
        self._lock = threading.Lock()

    def compiled(self, size: tuple[int, int]) -> Compiled:
        """The network for one of its input sizes (width, height), compiled now unless it was before."""
        with self._lock:
            if size not in self._compiled:
                model = prepare(self._model, self.entry.input, self.family.outputs, size)
                self._compiled[size] = Compiled(self._compile(model), size, self.family.output_shapes(*size))
            return self._compiled[size]

    def start(self, image: NDArray[np.uint8]) -> "PendingResult":
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise InferenceFailed(f"A picture of shape {image.shape} and type {image.dtype} can't be analysed.")
        size = choose_size(self.entry.input.sizes, image.shape[1], image.shape[0], self.entry.input.enlarge)
        try:
            compiled = self.compiled(size)
            tensor, placement = letterbox(image, size, self.entry.input.enlarge)
            request = compiled.take()
        except RuntimeError as error:
            raise InferenceFailed(f"{self.entry.name}: the device does not take the network ({error}).") from error
        pending = PendingResult(self, compiled, request, tensor, placement)
        try:
            request.set_input_tensor(ov.Tensor(tensor, shared_memory=True))
            request.start_async()
        except RuntimeError as error:
            pending.close()
            raise InferenceFailed(f"{self.entry.name}: the device does not take a picture ({error}).") from error
        return pending


class PendingResult:
    """See `PendingDetections`. Dropping it unread abandons its request."""

    def __init__(
        self,
        network: Network,
        compiled: Compiled,
        request: ov.InferRequest,
        tensor: NDArray[np.uint8],
        placement: Placement,
    ) -> None:
        self._network = network
        self._compiled = compiled
        self._request: ov.InferRequest | None = request
        self._tensor = tensor
        self._placement = placement

    def result(self, deadline_seconds: float) -> tuple[Detection, ...]:
        name = self._network.entry.name
        request, self._request = self._request, None
        if request is None:
            raise InferenceFailed(f"{name}: this result was fetched, or given up, before.")
        try:
            if not request.wait_for(max(0, int(deadline_seconds * 1000))):
                raise InferenceFailed(f"{name}: no result within {deadline_seconds:g} seconds.")
            outputs = read_outputs(name, request, self._compiled.shapes)
            detections = self._network.family.decode(outputs, self._placement, self._network.entry.minimum_score)
        except RuntimeError as error:
            self._compiled.abandon(request, self._tensor)
            raise InferenceFailed(f"{name}: the device failed ({error}).") from error
        except BaseException:
            self._compiled.abandon(request, self._tensor)
            raise
        self._compiled.put_back(request)
        return detections

    def close(self) -> None:
        """Give the request up; does nothing after a result."""
        request, self._request = self._request, None
        if request is not None:
            self._compiled.abandon(request, self._tensor)

    def __del__(self) -> None:
        self.close()


def read_outputs(
    name: str, request: ov.InferRequest, shapes: tuple[tuple[int, ...], ...]
) -> tuple[NDArray[np.float32], ...]:
    """The finished request's outputs, float32, as views of its memory.

    Raises `InferenceFailed` where their number or a shape is not as in `shapes`, or a value is not finite.
    """
    outputs = tuple(tensor.data for tensor in request.output_tensors)
    found = tuple(output.shape for output in outputs)
    if found != shapes or any(output.dtype != np.float32 for output in outputs):
        raise InferenceFailed(f"{name}: the output has the wrong shape {found}, expected {shapes}.")
    if not all(np.isfinite(output).all() for output in outputs):
        raise InferenceFailed(f"{name}: the output holds numbers that are not finite.")
    return outputs


def prepare(model: ov.Model, expected: NetworkInput, outputs: Sequence[str], size: tuple[int, int]) -> ov.Model:
    """The network for one size, with only the wanted outputs, taking uint8 [1, H, W, 3] blue green red.

    Colour order, value range and layout are changed inside the graph, where the device does it.
    """
    copy = model.clone()
    kept = ov.Model([copy.output(name) for name in outputs], copy.get_parameters(), copy.get_friendly_name())
    kept.reshape([1, 3, size[1], size[0]])
    low, high = expected.range
    steps = PrePostProcessor(kept)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    convert = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if expected.colour == "RGB":
        convert.convert_color(ColorFormat.RGB)
    if (low, high) != (0.0, 255.0):
        scale = 255.0 / (high - low)
        convert.mean(-low * scale)
        convert.scale(scale)
    for index in range(len(outputs)):
        steps.output(index).tensor().set_element_type(ov.Type.f32)
    return steps.build()
