"""Everything about this machine's devices in one place, for `veilsight devices` and `veilsight doctor`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import openvino as ov

from appliance.settings import Analysis, Paths
from appliance.vision.backends import onnxruntime
from appliance.vision.backends import openvino as openvino_backend
from appliance.vision.backends.interface import DeviceKind
from appliance.vision.backends.onnxruntime import ProviderState
from appliance.vision.drivers import Account, DriverState, driver_states, engine_account, is_wanted
from appliance.vision.runtime import Detectors, DevicePlan, NetworkInUse, plan_devices, plan_of
from appliance.vision.tuning import Speed

DRIVER_VERSIONS = ("NPU_DRIVER_VERSION", "GPU_DRIVER_VERSION")


@dataclass(frozen=True)
class Identity:
    """A device as OpenVINO names it; what it does not tell is empty."""

    name: str
    kind: DeviceKind
    full_name: str
    driver: str
    architecture: str


@dataclass(frozen=True)
class DeviceReport:
    """Devices that OpenVINO lists, drivers, ONNX Runtime's providers, and what each network would use and why."""

    openvino: str
    devices: tuple[Identity, ...]
    drivers: tuple[DriverState, ...]
    providers: tuple[ProviderState, ...]
    plan: DevicePlan


def report_devices(
    paths: Paths, analysis: Analysis, root: Path = Path("/"), who: Account | None = None
) -> DeviceReport:
    """The report on this machine; loads (and, the first time, measures) the networks.

    The operating system's files are read below `root`, for the user `who` (by default the one the engine runs as).
    """
    return _report(plan_devices(paths, analysis), root, who)


def report_running(detectors: Detectors, root: Path = Path("/"), who: Account | None = None) -> DeviceReport:
    """The same of networks that are at work: loads none."""
    return _report(plan_of(detectors), root, who)


def _report(plan: DevicePlan, root: Path, who: Account | None) -> DeviceReport:
    core = ov.Core()
    devices = identify(core)
    drivers = driver_states(root, who or engine_account(), {device.kind for device in devices})
    return DeviceReport(ov.get_version().split("-")[0], devices, drivers, onnxruntime.describe(), plan)


def identify(core: ov.Core) -> tuple[Identity, ...]:
    """The NPU, GPU and CPU devices that OpenVINO lists, with their names and driver versions."""
    return tuple(
        Identity(
            place.device,
            place.kind,
            _property(core, place.device, "FULL_DEVICE_NAME"),
            next((found for name in DRIVER_VERSIONS if (found := _property(core, place.device, name))), ""),
            _property(core, place.device, "DEVICE_ARCHITECTURE"),
        )
        for place in openvino_backend.places(core)
    )


def _property(core: ov.Core, device: str, name: str) -> str:
    """A property of a device as text; empty where the device does not have it."""
    try:
        found: Any = core.get_property(device, name)
    except RuntimeError:
        return ""
    return str(found)


def describe_choice(speed: Speed) -> str:
    """How a network was compiled when its speed was measured, such as `BF16 in 2 streams`."""
    precision = openvino_backend.PRECISIONS.get(speed.precision, speed.precision or "the device's own precision")
    quantised = "INT8 and " if speed.quantised else ""
    streams = f" in {speed.streams} streams" if speed.streams > 1 else ""
    conversion = ", colours changed before" if speed.conversion == "host" else ""
    return f"{quantised}{precision}{streams}{conversion}"


def passed_over(report: DeviceReport, network: NetworkInUse) -> tuple[str, ...]:
    """The better places that did not take a network, or that it left, each with the reason."""
    present = {
        f"{each.kind}: not on this machine": f"{each.kind}: {each.state}" for each in report.drivers if each.present
    }
    return tuple(present.get(reason, reason) for reason in (*network.passed_over, *network.left))


def to_do(report: DeviceReport, analysis: Analysis) -> tuple[str, ...]:
    """What would make devices usable that the settings want, and what networks lack."""
    remedies = [each.remedy for each in report.drivers if each.remedy and is_wanted(each.kind, analysis)]
    return (*remedies, *dict.fromkeys(report.plan.failures.values()))


def as_json(report: DeviceReport) -> dict[str, Any]:
    """The report in values that JSON knows."""
    return {
        "openvino": report.openvino,
        "devices": [asdict(each) for each in report.devices],
        "drivers": [asdict(each) for each in report.drivers],
        "onnxruntime": [
            {"name": each.name, "installed": each.installed, "devices": [place.device for place in each.places]}
            | {"sentence": each.sentence}
            for each in report.providers
        ],
        "networks": [_network_as_json(report, each) for each in report.plan.networks],
        "failures": dict(report.plan.failures),
    }


def _network_as_json(report: DeviceReport, network: NetworkInUse) -> dict[str, Any]:
    return {
        "task": network.task,
        "name": network.name,
        "device": network.device,
        "runtime": network.runtime,
        "precision": network.precision,
        "streams": network.streams,
        "passed_over": passed_over(report, network),
        "measured": [
            {"choice": describe_choice(speed), "pictures_per_second": speed.pictures_per_second}
            for speed in network.speeds
        ],
    }
