"""The networks in use: checked, put on a device, and ready to be asked.

A network's places are tried in the order of the settings: for each kind of device OpenVINO's own first, then ONNX
Runtime's providers. One that is absent or does not take the network is passed over, and why is kept; the next ones
stand by for the case that the device fails later. How a network is compiled is found by measurement (`tuning`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import cv2
import openvino as ov

from appliance.errors import VeilsightError
from appliance.settings import Analysis, Paths
from appliance.vision import weights
from appliance.vision.backends.interface import CompiledNetwork, DeviceFailed, Place, RuntimeName
from appliance.vision.backends.openvino import Choice
from appliance.vision.catalogue import TASKS, Catalogue, CatalogueNetwork, Task, load_catalogue
from appliance.vision.compiled_cache import CompiledCache
from appliance.vision.compiling import (
    Machine,
    available_places,
    candidate_compiler,
    choose_places,
    compile_openvino,
    describe_device,
    versions,
)
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
from appliance.vision.tuning import Memory, Speed
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
    """A network on its device, with what was found when it was put there.

    `compile_as` compiles it in another way, to be compared, in each of the `choices` that its first place offers.
    """

    network: Network
    passed_over: tuple[str, ...]
    speeds: Mapping[Place, tuple[Speed, ...]]
    choices: tuple[Choice, ...] = ()
    compile_as: Callable[[Size, Choice], CompiledNetwork] | None = None

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
    here = available_places(machine.core)
    loaded: dict[Task, LoadedNetwork] = {}
    failures: dict[Task, VeilsightError] = {}
    for task in tasks:
        entry = catalogue.for_task(task)
        if entry is None:
            failures[task] = ModelMissing(f"The catalogue names no network for {task}.")
            continue
        try:
            loaded[task] = load_network(machine, here, entry, network_devices.get(entry.name, devices), on_change)
        except VeilsightError as error:
            failures[task] = error
    not_asked = {task: ModelMissing(f"The detector for {task} was not loaded.") for task in TASKS if task not in tasks}
    people_vehicles, faces, texts = (loaded[task].network if task in loaded else None for task in TASKS)
    return Detectors(people_vehicles, faces, texts, tuple(loaded.values()), MappingProxyType(not_asked | failures))


@dataclass(frozen=True)
class DevicePlan:
    """What would be used on this machine and why: OpenVINO's version, all places, the networks, what failed."""

    openvino: str
    places: tuple[Place, ...]
    networks: tuple[NetworkInUse, ...]
    failures: Mapping[Task, str]


def plan_devices(paths: Paths, analysis: Analysis) -> DevicePlan:
    """The plan, found by loading (and, the first time, measuring) the networks that are here."""
    return plan_of(open_detectors(paths, analysis))


def plan_of(detectors: Detectors) -> DevicePlan:
    """The same of networks that are at work."""
    failures = {task: str(error) for task, error in detectors.failures.items()}
    return DevicePlan(ov.get_version(), available_places(ov.Core()), detectors.networks, failures)


def load_network(
    machine: Machine, here: Sequence[Place], entry: CatalogueNetwork, devices: Sequence[str], on_change: OnChange
) -> LoadedNetwork:
    """Check one network and put it on the first place of those `here` that takes it.

    Raises `ModelMissing`, `ModelChanged` and `DetectorUnavailable`.
    """
    weights.read_network(entry, machine.models)
    passed_over: list[str] = []
    speeds: dict[Place, tuple[Speed, ...]] = {}
    candidates = [
        Candidate(place, candidate_compiler(machine, entry, place, speeds))
        for place in choose_places(here, devices, passed_over)
    ]
    while candidates:
        network = Network(entry, FAMILIES[entry.family], candidates, on_change)
        try:
            network.compiled(entry.input.sizes[0])
        except DeviceFailed as error:
            passed_over.append(f"{network.place}: {error}")
            candidates.pop(0)
            continue
        return describe_loaded(machine, network, tuple(passed_over), speeds)
    raise DetectorUnavailable(f"No device takes the network {entry.name}: {'; '.join(passed_over)}.")


def describe_loaded(
    machine: Machine, network: Network, passed_over: tuple[str, ...], speeds: Mapping[Place, tuple[Speed, ...]]
) -> LoadedNetwork:
    place, entry = network.place, network.entry
    if place.runtime != "OpenVINO":
        return LoadedNetwork(network, passed_over, speeds)
    device = describe_device(machine.core, place)
    choices = tuple(
        Choice(precision, streams, "graph", quantised)
        for quantised in versions(machine, entry)
        for precision in device.precisions
        for streams in device.streams
    )

    def compile_as(size: Size, choice: Choice) -> CompiledNetwork:
        return compile_openvino(replace(machine, cache=CompiledCache(None)), entry, place, size, choice)

    return LoadedNetwork(network, passed_over, speeds, choices, compile_as)
