"""What a runtime gives: a network compiled for one input size on one device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.errors import VeilsightError
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement

RuntimeName = Literal["OpenVINO", "ONNX Runtime"]
DeviceKind = Literal["NPU", "GPU", "CPU"]
Outputs = tuple[NDArray[np.float32], ...]


class DeviceFailed(VeilsightError):
    """A device does not take a network, or failed while running it; the reason is one sentence."""


@dataclass(frozen=True)
class Place:
    """Somewhere a network can run. `device` is the runtime's own name, such as `GPU.0` or `CUDA`."""

    runtime: RuntimeName
    device: str
    kind: DeviceKind

    def __str__(self) -> str:
        return self.device if self.runtime == "OpenVINO" else f"{self.device} (ONNX Runtime)"


@dataclass(frozen=True)
class Family:
    """How the outputs of a kind of network are called, shaped and read (see the modules in detectors/)."""

    outputs: tuple[str, ...]
    output_shapes: Callable[[int, int], tuple[tuple[int, ...], ...]]
    decode: Callable[[Sequence[NDArray[np.float32]], Placement, float], tuple[Detection, ...]]


class Session(Protocol):
    """Runs one picture at a time; for one thread at a time."""

    def run(self, picture: NDArray[np.uint8]) -> Outputs:
        """The network's outputs for `picture` (uint8 [1, H, W, 3], blue green red), valid until the next run.

        Raises `DeviceFailed`.
        """


class CompiledNetwork(Protocol):
    """A network compiled for one input size."""

    @property
    def executes_on(self) -> str:
        """The device that really runs it, as the runtime tells after compiling, in the words of `Place.device`."""

    @property
    def precision(self) -> str:
        """The numbers it computes with, such as `FP32`, `BF16` or `INT8`."""

    @property
    def streams(self) -> int:
        """How many pictures the device works on at once."""

    def session(self) -> Session:
        """A new session; several threads may each have one."""
