"""Networks on ONNX Runtime's execution providers: devices that OpenVINO does not reach, and a second opinion.

ONNX Runtime likes to help: nodes that a provider does not take go to its CPU provider, a provider that can't be made
is left out, its Python class tries the CPU after an error, and the OpenVINO provider turns from an NPU to the CPU by
itself. None of that is wanted here. All of it is switched off, and what really happened is measured: which provider
got each node, and which OpenVINO device holds the compiled network. Anything else than what was asked for is a
`DeviceFailed`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.vision.backends.interface import DeviceFailed, DeviceKind, Family, Outputs, Place
from appliance.vision.catalogue import CatalogueNetwork

# Every failure is raised; ONNX Runtime's own log would only say it again, and print it.
FATAL_ONLY = 4
KINDS: tuple[DeviceKind, ...] = ("NPU", "GPU", "CPU")
# OpenVINO's precision of each kind of device: the CPU's exact one, and what the others are made for.
OPENVINO_PRECISIONS: Mapping[DeviceKind, str] = MappingProxyType({"NPU": "FP16", "GPU": "FP16", "CPU": "FP32"})


@dataclass(frozen=True)
class Provider:
    """What is known about an execution provider: names, the package that brings it, options that it is given."""

    name: str
    registered: str
    kind: DeviceKind
    package: str
    precision: str
    options: tuple[tuple[str, str], ...] = ()
    takes_bytes: bool = True


OPENVINO = Provider("OpenVINO", "OpenVINOExecutionProvider", "NPU", "onnxruntime-openvino", "FP16")
# In order of preference (https://onnxruntime.ai/docs/execution-providers); the options are those that keep a provider
# on its device and its numbers at the named precision.
PROVIDERS = (
    OPENVINO,
    Provider(
        "TensorRT",
        "TensorrtExecutionProvider",
        "GPU",
        "onnxruntime-gpu",
        "FP16",
        (("trt_fp16_enable", "1"),),
    ),
    Provider("CUDA", "CUDAExecutionProvider", "GPU", "onnxruntime-gpu", "FP32", (("use_tf32", "0"),)),
    Provider(
        "QNN",
        "QNNExecutionProvider",
        "NPU",
        "onnxruntime-qnn",
        "FP16",
        (("backend_type", "htp"), ("enable_htp_fp16_precision", "1")),
        takes_bytes=False,
    ),
    Provider(
        "CoreML",
        "CoreMLExecutionProvider",
        "NPU",
        "onnxruntime for macOS",
        "FP16",
        (("ModelFormat", "MLProgram"), ("MLComputeUnits", "CPUAndNeuralEngine"), ("RequireStaticInputShapes", "1")),
        takes_bytes=False,
    ),
    Provider("CPU", "CPUExecutionProvider", "CPU", "onnxruntime", "FP32"),
)


@dataclass(frozen=True)
class ProviderState:
    """An execution provider on this machine: where it can run networks, and a sentence about it."""

    name: str
    installed: bool
    places: tuple[Place, ...]
    sentence: str


def places() -> tuple[Place, ...]:
    """Where ONNX Runtime can run networks on this machine, as far as can be told before trying, best first."""
    return tuple(place for state in describe() for place in state.places)


def describe() -> tuple[ProviderState, ...]:
    """Every execution provider that could be used, in order of preference, installed or not."""
    try:
        runtime = load_runtime()
    except DeviceFailed as error:
        return tuple(ProviderState(provider.name, False, (), str(error)) for provider in PROVIDERS)
    installed = runtime.get_available_providers()
    return tuple(_state(provider, provider.registered in installed, runtime.__version__) for provider in PROVIDERS)


def _state(provider: Provider, is_installed: bool, version: str) -> ProviderState:
    if not is_installed:
        return ProviderState(provider.name, False, (), _not_installed(provider, version))
    if provider is OPENVINO:
        devices = openvino_devices()
        if not devices:
            sentence = f"Its libraries are not here or can't be loaded; the package {provider.package} brings them."
            return ProviderState(provider.name, False, (), sentence)
        found = tuple(
            Place("ONNX Runtime", f"OpenVINO {device}", kind)
            for kind in KINDS
            for device in devices
            if device.split(".")[0] == kind
        )
        sentence = f"Installed; its own OpenVINO finds {', '.join(devices)}."
        return ProviderState(provider.name, True, found, sentence)
    if provider.name == "CoreML":
        # Core ML divides a network between the Neural Engine and the CPU, and there is no way to ask how.
        sentence = "Installed; Core ML does not tell which device ran a network."
    elif provider.kind == "CPU":
        sentence = "Installed; runs on any processor."
    else:
        sentence = "Installed; whether its device is there shows when a network is put on it."
    return ProviderState(provider.name, True, (Place("ONNX Runtime", provider.name, provider.kind),), sentence)


def _not_installed(provider: Provider, version: str) -> str:
    return f"Not in the installed ONNX Runtime {version}; the package {provider.package} brings it."


def load_runtime() -> Any:
    """ONNX Runtime's module, silenced. It is imported late: most machines need only OpenVINO.

    Raises `DeviceFailed` where it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceFailed(f"ONNX Runtime can't be loaded ({error}).") from error
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
    return onnxruntime


def openvino_devices() -> tuple[str, ...]:
    """The devices that the provider's own copy of OpenVINO finds, such as NPU, GPU.0 and CPU; none without it."""
    from onnxruntime.capi import _pybind_state

    try:
        return tuple(_pybind_state.get_available_openvino_device_ids())
    except (AttributeError, RuntimeError):
        return ()


def compile_network(
    place: Place, entry: CatalogueNetwork, family: Family, model: bytes, size: tuple[int, int]
) -> "OnnxRuntimeNetwork":
    """The network in `model` (ONNX) for one input size (width, height) on one of `places()`, and run once there.

    Raises `DeviceFailed` where the provider is not there, does not take the whole network or runs it elsewhere.
    """
    from appliance.vision import onnx_graph  # Late, since it loads onnx, which OpenVINO alone has no need of.

    runtime = load_runtime()
    provider, device = _find_provider(place)
    if provider.registered not in runtime.get_available_providers():
        raise DeviceFailed(_not_installed(provider, runtime.__version__))
    options = dict(provider.options)
    precision = provider.precision
    if provider is OPENVINO:
        here = openvino_devices()
        if device not in here:
            raise DeviceFailed(f"ONNX Runtime's OpenVINO finds no {device} (it finds {', '.join(here) or 'none'}).")
        precision = OPENVINO_PRECISIONS[place.kind]
        options = {"device_type": device, "precision": precision}
    try:
        prepared = onnx_graph.prepare(model, entry.input, family.outputs, size, provider.takes_bytes)
    except onnx_graph.NetworkUnsuitable as error:
        raise DeviceFailed(str(error)) from error
    session = open_session(runtime, prepared, provider, options)
    require_assignment(session, provider)
    if provider is OPENVINO:
        require_openvino_device(session, device)
    network = OnnxRuntimeNetwork(
        session, place.device, precision, onnx_graph.PICTURE, family.outputs, provider.takes_bytes
    )
    outputs = network.session().run(np.zeros((1, size[1], size[0], 3), np.uint8))
    shapes = tuple(output.shape for output in outputs)
    if shapes != family.output_shapes(*size):
        raise DeviceFailed(f"The network's outputs have the shapes {shapes} instead of {family.output_shapes(*size)}.")
    return network


def _find_provider(place: Place) -> tuple[Provider, str]:
    """The provider of a place, and the device's name within the provider."""
    name, _, device = place.device.partition(" ")
    for provider in PROVIDERS:
        if provider.name == name:
            return provider, device
    raise DeviceFailed(f"ONNX Runtime has no provider {name}.")


def open_session(runtime: Any, prepared: bytes, provider: Provider, options: Mapping[str, str]) -> Any:
    """An inference session on this provider alone.

    Raises `DeviceFailed`.
    """
    settings = runtime.SessionOptions()
    settings.log_severity_level = FATAL_ONLY
    settings.intra_op_num_threads = len(os.sched_getaffinity(0))
    settings.inter_op_num_threads = 1
    # A thread that waits for work must not take the processor from those that decode and track.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if provider.kind != "CPU" or provider is OPENVINO:
        settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        return runtime.InferenceSession(
            prepared,
            settings,
            providers=[provider.registered],
            provider_options=[dict(options)],
            enable_fallback=0,
        )
    except Exception as error:
        raise DeviceFailed(first_sentence(error)) from error


def require_assignment(session: Any, provider: Provider) -> None:
    """Raise `DeviceFailed` unless this provider got every node of the network."""
    elsewhere: dict[str, int] = {}
    here = 0
    for part in session.get_provider_graph_assignment_info():
        count = len(part.get_nodes())
        if part.ep_name == provider.registered:
            here += count
        else:
            elsewhere[part.ep_name] = elsewhere.get(part.ep_name, 0) + count
    if elsewhere or not here:
        others = ", ".join(f"{count} to {name}" for name, count in elsewhere.items()) or "none to another"
        raise DeviceFailed(
            f"ONNX Runtime gave {here} of the network's operations to {provider.registered} and {others}."
        )


def require_openvino_device(session: Any, device: str) -> None:
    """Raise `DeviceFailed` unless the compiled network belongs to this OpenVINO device.

    The provider does not say which device it compiled for, but it hands properties on to the compiled network itself.
    Of OpenVINO's plug-ins only the NPU's takes the workload type; another refuses it in an error that names the
    plug-in's source. So each device is known by its answer.
    """
    try:
        session.set_ep_dynamic_options({"ep.dynamic.workload_type": "Default"})
        found = "NPU"
    except Exception as error:
        named = re.search(r"plugins/intel_(cpu|gpu|npu)/", str(error))
        found = named[1].upper() if named else ""
    if not found:
        raise DeviceFailed("ONNX Runtime's OpenVINO does not tell which device runs the network.")
    if found != device.split(".")[0]:
        raise DeviceFailed(f"ONNX Runtime's OpenVINO runs the network on the {found} instead.")


@dataclass(frozen=True)
class OnnxRuntimeNetwork:
    """A `CompiledNetwork` of ONNX Runtime; the provider's threads work on one picture at a time."""

    inference: Any
    executes_on: str
    precision: str
    input: str
    outputs: tuple[str, ...]
    takes_bytes: bool
    streams: int = 1

    def session(self) -> "OnnxRuntimeSession":
        return OnnxRuntimeSession(self)


class OnnxRuntimeSession:
    """A `Session`: ONNX Runtime's own may be run by several threads at once, so all share it."""

    def __init__(self, network: OnnxRuntimeNetwork) -> None:
        self._network = network

    def run(self, picture: NDArray[np.uint8]) -> Outputs:
        taken: NDArray[Any] = picture if self._network.takes_bytes else picture.astype(np.float32)
        try:
            return tuple(self._network.inference.run(list(self._network.outputs), {self._network.input: taken}))
        except Exception as error:
            raise DeviceFailed(first_sentence(error)) from error


def first_sentence(error: Exception) -> str:
    """What one of ONNX Runtime's errors says, without its code and without source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ", "", lines[0] if lines else type(error).__name__)
    if "fallback to CPU EP has been explicitly disabled" in text:
        return "The provider does not take the whole network."
    return text if text.endswith(".") else f"{text}."
