"""The networks in use: checked, put on a device, and ready to be asked.

Devices are tried in the order of the settings; one that is absent or does not take a network is passed over, and why
is kept. On the CPU the networks run in FP32: it is exact, and the plug-in's own default is slower on many machines.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import openvino as ov

from appliance.errors import VeilsightError
from appliance.vision import weights
from appliance.vision.catalogue import TASKS, Catalogue, CatalogueNetwork, Task
from appliance.vision.detectors import centerface, centernet, text
from appliance.vision.inference import Detector, Family, InferenceFailed, Network, PendingDetections
from appliance.vision.weights import ModelChanged, ModelMissing

__all__ = [
    "Detector",
    "DetectorUnavailable",
    "Detectors",
    "InferenceFailed",
    "ModelChanged",
    "ModelMissing",
    "NetworkInUse",
    "PendingDetections",
    "load_detectors",
]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "centernet": Family(centernet.OUTPUTS, centernet.output_shapes, centernet.decode),
        "centerface": Family(centerface.OUTPUTS, centerface.output_shapes, centerface.decode),
        "dbnet": Family(text.OUTPUTS, text.output_shapes, text.decode),
    }
)

CORES_FOR_A_PICTURE = 4


class DetectorUnavailable(VeilsightError):
    """No device takes a network."""


@dataclass(frozen=True)
class Device:
    """A device that OpenVINO offers, such as `GPU.0`, and its maker's name for it."""

    name: str
    full_name: str


@dataclass(frozen=True)
class NetworkInUse:
    """What the audit log and the report say about a network. `sha256` is that of the published weights."""

    task: Task
    name: str
    title: str
    sha256: str
    licence: str
    device: str
    precision: str
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detectors:
    """The detectors that could be loaded; `failures` says for each of the others why not."""

    people_vehicles: Detector | None
    faces: Detector | None
    text: Detector | None
    networks: tuple[NetworkInUse, ...]
    failures: Mapping[Task, VeilsightError]

    def need(self, task: Task) -> Detector:
        """The detector of a task; raises the reason where there is none."""
        detector = {"people-vehicles": self.people_vehicles, "faces": self.faces, "text": self.text}[task]
        if detector is None:
            raise self.failures[task]
        return detector


def load_detectors(
    models: Path, compiled: Path, devices: Sequence[str], catalogue: Catalogue, tasks: Sequence[Task] = TASKS
) -> Detectors:
    """Check and load the networks of `tasks` from the directory `models`; `compiled` caches what devices compile.

    A network that is missing, changed or taken by no device becomes None with its reason in `failures`, so that
    counting can go on while pictures stay covered. People and vehicles come with scores from the catalogue's minimum
    of 0.1 up, for the tracker; a picture's reader wants those above 0.4.
    """
    core = open_core(compiled)
    loaded: dict[Task, Network] = {}
    networks: list[NetworkInUse] = []
    failures: dict[Task, VeilsightError] = {}
    for task in tasks:
        entry = catalogue.for_task(task)
        if entry is None:
            failures[task] = ModelMissing(f"The catalogue names no network for {task}.")
            continue
        try:
            loaded[task], in_use = load_network(core, entry, models, devices)
            networks.append(in_use)
        except VeilsightError as error:
            failures[task] = error
    not_asked = {task: ModelMissing(f"The detector for {task} was not loaded.") for task in TASKS if task not in tasks}
    people_vehicles, faces, texts = (loaded.get(task) for task in TASKS)
    return Detectors(people_vehicles, faces, texts, tuple(networks), MappingProxyType(not_asked | failures))


def open_core(compiled: Path) -> ov.Core:
    """OpenVINO, with its cache of compiled networks in the directory `compiled`."""
    core = ov.Core()
    try:
        compiled.mkdir(parents=True, exist_ok=True)
        core.set_property({"CACHE_DIR": str(compiled)})
    except OSError:
        # Without its cache everything works, a little later.
        logging.getLogger(__name__).warning(
            "The directory %s can't be made; networks are compiled each time.", compiled
        )
    return core


def load_network(
    core: ov.Core, entry: CatalogueNetwork, models: Path, devices: Sequence[str]
) -> tuple[Network, NetworkInUse]:
    """Check one network and put it on the first device that takes it.

    Raises `ModelMissing`, `ModelChanged` and `DetectorUnavailable`.
    """
    files = weights.read_network(entry, models)
    try:
        model = core.read_model(files.model, files.weights) if files.weights else core.read_model(files.model)
    except RuntimeError as error:
        raise ModelChanged(f"OpenVINO can't read the network {entry.name} ({_first_line(error)}).") from error
    passed_over: list[str] = []
    for device in choose_devices(core, devices, passed_over):
        network = Network(entry, FAMILIES[entry.family], model, partial(compile_for, core, device))
        try:
            first = network.compiled(entry.input.sizes[0])
        except RuntimeError as error:
            passed_over.append(f"{device}: {_first_line(error)}")
            continue
        return network, describe(entry, device, first.model, passed_over)
    raise DetectorUnavailable(f"No device takes the network {entry.name}: {'; '.join(passed_over)}.")


def available_devices(core: ov.Core) -> tuple[Device, ...]:
    """What OpenVINO finds on this machine."""
    return tuple(Device(name, core.get_property(name, "FULL_DEVICE_NAME")) for name in core.available_devices)


@dataclass(frozen=True)
class DevicePlan:
    """The machine's devices, the networks' devices, and why a network has none."""

    openvino: str
    devices: tuple[Device, ...]
    networks: tuple[NetworkInUse, ...]
    failures: Mapping[Task, str]

    def as_json(self) -> dict[str, object]:
        return {
            "openvino": self.openvino,
            "devices": [asdict(device) for device in self.devices],
            "networks": [asdict(network) for network in self.networks],
            "failures": dict(self.failures),
        }


def plan_devices(models: Path, compiled: Path, devices: Sequence[str], catalogue: Catalogue) -> DevicePlan:
    """What would be used on this machine and why, found by loading the networks that are here."""
    detectors = load_detectors(models, compiled, devices, catalogue)
    failures = {task: str(error) for task, error in detectors.failures.items()}
    return DevicePlan(ov.get_version(), available_devices(ov.Core()), detectors.networks, failures)


def choose_devices(core: ov.Core, wanted: Sequence[str], passed_over: list[str]) -> list[str]:
    """The wanted devices that are here, in the wanted order; `GPU` stands for all of `GPU.0`, `GPU.1`…"""
    here = core.available_devices
    chosen: list[str] = []
    for name in wanted:
        matching = [device for device in here if device == name or device.startswith(f"{name}.")]
        if not matching:
            passed_over.append(f"{name}: not on this machine")
        chosen += matching
    return chosen


def compile_for(core: ov.Core, device: str, model: ov.Model) -> ov.CompiledModel:
    return core.compile_model(model, device, options(device))


def describe(entry: CatalogueNetwork, device: str, model: ov.CompiledModel, passed_over: Sequence[str]) -> NetworkInUse:
    return NetworkInUse(
        task=entry.task,
        name=entry.name,
        title=entry.title,
        sha256=entry.sha256,
        licence=entry.licence,
        device=device,
        precision=precision(model),
        passed_over=tuple(passed_over),
    )


def options(device: str) -> dict[str, str]:
    """How a network is compiled for a device.

    On the CPU four cores share one picture, which on small machines gives the shortest wait at no loss of pictures a
    second; larger ones work on several pictures at once.
    """
    if device != "CPU":
        return {"PERFORMANCE_HINT": "THROUGHPUT"}
    streams = max(1, len(os.sched_getaffinity(0)) // CORES_FOR_A_PICTURE)
    return {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": str(streams), "INFERENCE_PRECISION_HINT": "f32"}


def precision(model: ov.CompiledModel) -> str:
    """The numbers a compiled network computes with, such as `FP32`."""
    try:
        name: str = model.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    except (RuntimeError, AttributeError):
        return "unknown"
    return {"f32": "FP32", "f16": "FP16", "bf16": "BF16"}.get(name, name)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
