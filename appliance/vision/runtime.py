"""The networks in use: checked, put on a device, and ready to be asked.

A network's places are tried in the order of the settings: for each kind of device OpenVINO's own first, then ONNX
Runtime's providers. One that is absent or does not take the network is passed over, and why is kept; the next ones
stand by for the case that the device fails later. How a network is compiled is found by measurement (`tuning`).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType

import cv2
import openvino as ov

from appliance.errors import VeilsightError
from appliance.settings import Analysis, Paths
from appliance.vision import quantised_weights, weights
from appliance.vision.backends import onnxruntime
from appliance.vision.backends import openvino as openvino_backend
from appliance.vision.backends.interface import CompiledNetwork, DeviceFailed, Family, Place, RuntimeName
from appliance.vision.backends.openvino import Choice, OpenVINONetwork, Weights
from appliance.vision.catalogue import TASKS, Catalogue, CatalogueNetwork, Task, load_catalogue
from appliance.vision.compiled_cache import CompiledCache
from appliance.vision.driver_errors import first_telling_line, known_error
from appliance.vision.families import FAMILIES
from appliance.vision.inference import (
    Candidate,
    Detector,
    DeviceChange,
    InferenceFailed,
    Network,
    PendingDetections,
    Size,
)
from appliance.vision.tuning import Device, Memory, Speed, tune
from appliance.vision.weights import ModelChanged, ModelMissing

__all__ = [
    "Detector",
    "DetectorUnavailable",
    "Detectors",
    "DeviceChange",
    "InferenceFailed",
    "ModelChanged",
    "ModelMissing",
    "NetworkInUse",
    "PendingDetections",
    "load_detectors",
    "open_detectors",
]

OnChange = Callable[[DeviceChange], None]


class DetectorUnavailable(VeilsightError):
    """No device takes a network."""


@dataclass(frozen=True)
class NetworkInUse:
    """A network, and where it runs now, as the runtime tells.

    `sha256` is that of the published weights. `speeds` are those measured on the device, the chosen one first.
    `passed_over` are better places that did not take it, `left` those that failed while running, with reasons, and
    `pictures` how many pictures each place computed since the start.
    """

    task: Task
    name: str
    title: str
    sha256: str
    licence: str
    runtime: RuntimeName
    device: str
    precision: str
    streams: int
    speeds: tuple[Speed, ...] = ()
    passed_over: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    pictures: Mapping[str, int] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Device and runtime in the words that the audit log and the report use."""
        return self.device if self.runtime == "OpenVINO" else f"{self.device} ({self.runtime})"


@dataclass(frozen=True)
class LoadedNetwork:
    """A network on its device, with what was found when it was put there."""

    network: Network
    passed_over: tuple[str, ...]
    speeds: Mapping[Place, tuple[Speed, ...]]

    def in_use(self) -> NetworkInUse:
        """How it runs now."""
        entry = self.network.entry
        place, compiled = self.network.present()
        return NetworkInUse(
            task=entry.task,
            name=entry.name,
            title=entry.title,
            sha256=entry.sha256,
            licence=entry.licence,
            runtime=place.runtime,
            device=compiled.executes_on if compiled else place.device,
            precision=compiled.precision if compiled else "not compiled yet",
            streams=compiled.streams if compiled else 0,
            speeds=self.speeds.get(place, ()),
            passed_over=self.passed_over,
            left=self.network.left,
            pictures={str(each): number for each, number in self.network.pictures.items()},
        )


@dataclass(frozen=True)
class Detectors:
    """The detectors that could be loaded; `failures` says for each of the others why not."""

    people_vehicles: Detector | None
    faces: Detector | None
    text: Detector | None
    loaded: tuple[LoadedNetwork, ...]
    failures: Mapping[Task, VeilsightError]

    @property
    def networks(self) -> tuple[NetworkInUse, ...]:
        """The loaded networks, each where it runs now."""
        return tuple(each.in_use() for each in self.loaded)

    def need(self, task: Task) -> Detector:
        """The detector of a task; raises the reason where there is none."""
        detector = {"people-vehicles": self.people_vehicles, "faces": self.faces, "text": self.text}[task]
        if detector is None:
            raise self.failures[task]
        return detector


def open_detectors(
    paths: Paths, analysis: Analysis, tasks: Sequence[Task] = TASKS, on_change: OnChange = lambda _change: None
) -> Detectors:
    """The networks of the site's settings, compiled as is fastest here: see `load_detectors`."""
    return load_detectors(
        paths.models,
        paths.compiled,
        analysis.devices,
        load_catalogue().pack(analysis.pack),
        tasks,
        network_devices=analysis.network_devices,
        measure=True,
        on_change=on_change,
    )


def load_detectors(
    models: Path,
    compiled: Path,
    devices: Sequence[str],
    catalogue: Catalogue,
    tasks: Sequence[Task] = TASKS,
    *,
    network_devices: Mapping[str, Sequence[str]] = MappingProxyType({}),
    measure: bool = False,
    on_change: OnChange = lambda _change: None,
) -> Detectors:
    """Check and load the networks of `tasks` from the directory `models`; `compiled` caches what devices compile.

    `devices` are kinds of device, or names of single ones, in the order in which they are tried; `network_devices`
    has another order for single networks, by name. With `measure` the first load on a device takes some seconds more,
    to find the fastest way to compile (`tuning`); without it, networks on the CPU run in FP32. `on_change` is told
    when a network moves to another device.

    A network that is missing, changed or taken by no device becomes None with its reason in `failures`, so that
    counting can go on while pictures stay covered. People and vehicles come with scores from the catalogue's minimum
    of 0.1 up, for the tracker; a picture's reader wants those above 0.4.
    """
    # The networks use all cores; OpenCV's own threads on top of theirs double what a conversion costs.
    cv2.setNumThreads(1)
    machine = Machine(ov.Core(), CompiledCache(compiled), Memory(compiled), models, measure)
    loaded: dict[Task, LoadedNetwork] = {}
    failures: dict[Task, VeilsightError] = {}
    for task in tasks:
        entry = catalogue.for_task(task)
        if entry is None:
            failures[task] = ModelMissing(f"The catalogue names no network for {task}.")
            continue
        try:
            loaded[task] = load_network(machine, entry, network_devices.get(entry.name, devices), on_change)
        except VeilsightError as error:
            failures[task] = error
    not_asked = {task: ModelMissing(f"The detector for {task} was not loaded.") for task in TASKS if task not in tasks}
    people_vehicles, faces, texts = (loaded[task].network if task in loaded else None for task in TASKS)
    return Detectors(people_vehicles, faces, texts, tuple(loaded.values()), MappingProxyType(not_asked | failures))


@dataclass(frozen=True)
class Machine:
    """What networks are loaded with."""

    core: ov.Core
    cache: CompiledCache
    memory: Memory
    models: Path
    measure: bool


@dataclass(frozen=True)
class DevicePlan:
    """What would be used on this machine and why: OpenVINO's version, all places, the networks, what failed."""

    openvino: str
    places: tuple[Place, ...]
    networks: tuple[NetworkInUse, ...]
    failures: Mapping[Task, str]


def plan_devices(paths: Paths, analysis: Analysis) -> DevicePlan:
    """The plan, found by loading (and, the first time, measuring) the networks that are here."""
    detectors = open_detectors(paths, analysis)
    failures = {task: str(error) for task, error in detectors.failures.items()}
    return DevicePlan(ov.get_version(), available_places(ov.Core()), detectors.networks, failures)


def load_network(
    machine: Machine, entry: CatalogueNetwork, devices: Sequence[str], on_change: OnChange
) -> LoadedNetwork:
    """Check one network and put it on the first place that takes it.

    Raises `ModelMissing`, `ModelChanged` and `DetectorUnavailable`.
    """
    weights.read_network(entry, machine.models)
    passed_over: list[str] = []
    speeds: dict[Place, tuple[Speed, ...]] = {}
    candidates = [
        Candidate(place, candidate_compiler(machine, entry, place, speeds))
        for place in choose_places(available_places(machine.core), devices, passed_over)
    ]
    while candidates:
        network = Network(entry, FAMILIES[entry.family], candidates, on_change)
        try:
            network.compiled(entry.input.sizes[0])
        except DeviceFailed as error:
            passed_over.append(f"{network.place}: {error}")
            candidates.pop(0)
            continue
        return LoadedNetwork(network, tuple(passed_over), speeds)
    raise DetectorUnavailable(f"No device takes the network {entry.name}: {'; '.join(passed_over)}.")


def available_places(core: ov.Core) -> tuple[Place, ...]:
    """All places on this machine, in the order of preference within each kind of device."""
    return openvino_backend.places(core) + onnxruntime.places()


def choose_places(here: Sequence[Place], wanted: Sequence[str], passed_over: list[str]) -> list[Place]:
    """The wanted places in the wanted order: `GPU` stands for each GPU in each runtime, `GPU.1` or `CUDA` for one."""
    chosen: list[Place] = []
    for name in wanted:
        matching = [place for place in here if name in (place.kind, place.device)]
        if not matching:
            passed_over.append(f"{name}: not on this machine")
        chosen += [place for place in matching if place not in chosen]
    return chosen


def candidate_compiler(
    machine: Machine, entry: CatalogueNetwork, place: Place, speeds: dict[Place, tuple[Speed, ...]]
) -> Callable[[Size], CompiledNetwork]:
    """How the network is compiled at a place; what is measured on the way goes into `speeds`."""
    family = FAMILIES[entry.family]

    if place.runtime == "ONNX Runtime":

        def compile_other(size: Size) -> CompiledNetwork:
            model = weights.read_network(entry, machine.models).model
            return onnxruntime.compile_network(place, entry, family, model, size)

        return explained(place, compile_other)

    @cache
    def choice() -> Choice:
        speeds[place] = measured(machine, entry, place)
        return speeds[place][0].choice

    def compile_here(size: Size) -> CompiledNetwork:
        chosen = choice() if machine.measure else default_choice(place)
        return compile_openvino(machine, entry, family, place, size, chosen)

    return explained(place, compile_here)


def explained(place: Place, compile_network: Callable[[Size], CompiledNetwork]) -> Callable[[Size], CompiledNetwork]:
    """The same, with what is known about the device's failures in the reason."""

    def compile_explained(size: Size) -> CompiledNetwork:
        try:
            return compile_network(size)
        except DeviceFailed as error:
            # The cause has the whole text, of which the error may hold only the beginning.
            raise DeviceFailed(known_error(place.kind, str(error.__cause__)) or str(error)) from error

    return compile_explained


def compile_openvino(
    machine: Machine, entry: CatalogueNetwork, family: Family, place: Place, size: Size, choice: Choice
) -> OpenVINONetwork:
    version = versions(machine, entry)[choice.quantised]
    return openvino_backend.compile_network(
        machine.core, place, version, entry.input, family, size, choice, machine.cache
    )


def versions(machine: Machine, entry: CatalogueNetwork) -> dict[bool, Weights]:
    """The network's weights as published (False) and, where there is one, its INT8 version (True)."""

    def read(files: weights.NetworkFiles) -> ov.Model:
        try:
            return (
                machine.core.read_model(files.model, files.weights)
                if files.weights
                else (machine.core.read_model(files.model))
            )
        except RuntimeError as error:
            reason = first_telling_line(str(error))
            raise ModelChanged(f"OpenVINO can't read the network {entry.name} ({reason.rstrip('.')}).") from error

    original = weights.read_network(entry, machine.models)
    found = {False: Weights(weights.sha256(original.model), partial(read, original))}
    quantised = quantised_weights.read_quantised(entry, machine.models)
    if quantised is not None:
        content = quantised.model + (quantised.weights or b"")
        found[True] = Weights(weights.sha256(content), partial(read, quantised))
    return found


def measured(machine: Machine, entry: CatalogueNetwork, place: Place) -> tuple[Speed, ...]:
    """The speeds of the network's choices at an OpenVINO place, best first."""
    size = entry.input.sizes[0]
    found = versions(machine, entry)
    about = {
        "network": entry.name,
        "weights": found[False].sha256,
        "quantised": found[True].sha256 if True in found else "",
        "size": f"{size[0]}x{size[1]}",
        "device": openvino_backend.device_version(machine.core, place),
        "cores": str(cores()),
    }
    # Of what is compiled to be measured, only the winner is kept.
    trial = replace(machine, cache=CompiledCache(None))
    tried: dict[Choice, OpenVINONetwork] = {}

    def compile_trial(choice: Choice) -> OpenVINONetwork:
        tried[choice] = compile_openvino(trial, entry, FAMILIES[entry.family], place, size, choice)
        return tried[choice]

    speeds = tune(describe_device(machine.core, place), compile_trial, size, True in found, about, machine.memory)
    if speeds[0].choice in tried:
        tried[speeds[0].choice].keep(machine.cache)
    return speeds


def describe_device(core: ov.Core, place: Place) -> Device:
    """What a device offers for `tuning`."""
    if place.kind == "NPU":
        return Device(place, ("",), (0,))
    if place.kind == "GPU":
        return Device(place, ("f16", "f32"), (1, 2))
    capabilities = core.get_property(place.device, "OPTIMIZATION_CAPABILITIES")
    offered = {"bf16": "BF16", "f16": "FP16"}
    precisions = ("f32", *(name for name, capability in offered.items() if capability in capabilities))
    return Device(place, precisions, tuple(2**power for power in range(cores().bit_length()) if 2**power <= cores()))


def default_choice(place: Place) -> Choice:
    """What is used without a measurement: exact on the CPU, the device's own way elsewhere."""
    return Choice() if place.kind == "CPU" else Choice(precision="", streams=0)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))
