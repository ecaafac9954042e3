"""A network onto a place: read and checked, compiled as is fastest there, kept for the next start."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import openvino as ov

from appliance.vision import quantised_weights, weights
from appliance.vision.backends import onnxruntime
from appliance.vision.backends import openvino as openvino_backend
from appliance.vision.backends.interface import CompiledNetwork, DeviceFailed, Place
from appliance.vision.backends.openvino import Choice, OpenVINONetwork, Weights
from appliance.vision.catalogue import CatalogueNetwork
from appliance.vision.compiled_cache import CompiledCache
from appliance.vision.driver_errors import first_telling_line, known_error
from appliance.vision.families import FAMILIES
from appliance.vision.inference import Size
from appliance.vision.tuning import Device, Memory, Speed, tune
from appliance.vision.weights import ModelChanged, NetworkFiles


@dataclass(frozen=True)
class Machine:
    """What networks are loaded with."""

    core: ov.Core
    cache: CompiledCache
    memory: Memory
    models: Path
    measure: bool


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
    if place.runtime == "ONNX Runtime":

        def compile_other(size: Size) -> CompiledNetwork:
            model = weights.read_network(entry, machine.models).model
            return onnxruntime.compile_network(place, entry, FAMILIES[entry.family], model, size)

        return explained(place, compile_other)

    @cache
    def choice() -> Choice:
        speeds[place] = measured(machine, entry, place)
        return speeds[place][0].choice

    def compile_here(size: Size) -> CompiledNetwork:
        chosen = choice() if machine.measure else default_choice(place)
        return compile_openvino(machine, entry, place, size, chosen)

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
    machine: Machine, entry: CatalogueNetwork, place: Place, size: Size, choice: Choice
) -> OpenVINONetwork:
    """The network for a size, compiled in this way. Raises `DeviceFailed`, `ModelMissing` and `ModelChanged`."""
    version, family = versions(machine, entry)[choice.quantised], FAMILIES[entry.family]
    return openvino_backend.compile_network(
        machine.core, place, version, entry.input, family, size, choice, machine.cache
    )


def versions(machine: Machine, entry: CatalogueNetwork) -> dict[bool, Weights]:
    """The network's weights as published (False) and, where there is one, its INT8 version (True).

    They are read from the disk and checked here, and again each time they are compiled.
    """
    original = weights.read_network(entry, machine.models)
    found = {False: Weights(content_hash(original), lambda: read_original(machine, entry))}
    quantised = quantised_weights.read_quantised(entry, machine.models)
    if quantised is not None:
        found[True] = Weights(content_hash(quantised), lambda: read_int8(machine, entry))
    return found


def content_hash(files: NetworkFiles) -> str:
    return weights.sha256(files.model + (files.weights or b""))


def read_original(machine: Machine, entry: CatalogueNetwork) -> ov.Model:
    return read_model(machine.core, entry, weights.read_network(entry, machine.models))


def read_int8(machine: Machine, entry: CatalogueNetwork) -> ov.Model:
    files = quantised_weights.read_quantised(entry, machine.models)
    if files is None:
        raise ModelChanged(f"The INT8 version of {entry.name} has gone; restart to use the original.")
    return read_model(machine.core, entry, files)


def read_model(core: ov.Core, entry: CatalogueNetwork, files: NetworkFiles) -> ov.Model:
    """Raises `ModelChanged` where OpenVINO can't read it."""
    try:
        return core.read_model(files.model, files.weights) if files.weights else core.read_model(files.model)
    except RuntimeError as error:
        reason = first_telling_line(str(error))
        raise ModelChanged(f"OpenVINO can't read the network {entry.name} ({reason.rstrip('.')}).") from error


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
        tried[choice] = compile_openvino(trial, entry, place, size, choice)
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
