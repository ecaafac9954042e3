"""`veilsight devices`: what this machine has to run networks on, and what each network would use and why."""

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from appliance.settings import Paths, load_settings

if TYPE_CHECKING:
    from appliance.vision.device_report import DeviceReport

Row = tuple[str, ...]


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("devices", help="NPU, GPU and CPU, and which network would use which")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=run_devices)


def run_devices(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.vision.device_report import as_json, report_devices, to_do

    analysis = load_settings(paths.settings_file).analysis
    report = report_devices(paths, analysis)
    remedies = to_do(report, analysis)
    if options.json:
        print(json.dumps({"wanted": analysis.devices} | as_json(report) | {"to_do": remedies}, indent=2))
        return 0
    print(f"OpenVINO {report.openvino}; tried in this order: {', '.join(analysis.devices)}")
    for title, rows in (
        ("Devices", device_rows(report)),
        ("Networks", network_rows(report)),
        ("Passed over", passed_over_rows(report)),
        ("ONNX Runtime", [(each.name, "yes" if each.installed else "no", each.sentence) for each in report.providers]),
        ("To do", [(remedy,) for remedy in remedies] or [("Nothing.",)]),
    ):
        if rows:
            print("\n".join(["", title, *aligned(rows)]))
    return 0


def device_rows(report: "DeviceReport") -> list[Row]:
    """Name, state and description: kinds that are missing or not ready, then the devices that OpenVINO lists."""
    rows: list[Row] = [
        (driver.kind, "not ready" if driver.present else "none", driver.state)
        for driver in report.drivers
        if not driver.ready
    ]
    for device in report.devices:
        rows.append((device.name, "ready", device.full_name + (f", driver {device.driver}" if device.driver else "")))
    return rows


def network_rows(report: "DeviceReport") -> list[Row]:
    """Task, name, place, precision, streams and speed of each network, and what else was measured."""
    from appliance.vision.device_report import describe_choice

    rows: list[Row] = []
    for network in report.plan.networks:
        streams = f"{network.streams} stream{'' if network.streams == 1 else 's'}"
        speed = f"{network.speeds[0].pictures_per_second:g} pictures a second" if network.speeds else "not measured"
        rows.append((network.task, network.name, network.place, network.precision, streams, speed))
        others = [f"{describe_choice(each)} {each.pictures_per_second:g}" for each in network.speeds[1:]]
        if others:
            rows.append((f"  also measured: {'; '.join(others)}",))
    return rows


def passed_over_rows(report: "DeviceReport") -> list[Row]:
    """The networks, and a better place that did not take them, with the reason."""
    from appliance.vision.device_report import passed_over

    reasons: dict[str, list[str]] = {}
    for network in report.plan.networks:
        for reason in passed_over(report, network):
            reasons.setdefault(reason, []).append(network.name)
    return [
        ("every network" if len(names) == len(report.plan.networks) else ", ".join(names), reason)
        for reason, names in reasons.items()
    ]


def aligned(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as lines with columns below each other; the last column is as long as it likes."""
    widths = [max((len(row[index]) for row in rows if index < len(row) - 1), default=0) for index in range(10)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  " + "  ".join([*cells, row[-1]])
