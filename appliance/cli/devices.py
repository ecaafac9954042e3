"""`veilsight devices`: what this machine has to run networks on, and what each network would use and why."""

import argparse
import json

from appliance.settings import Paths, load_settings


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("devices", help="NPU, GPU and CPU, and which network would use which")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=run_devices)


def run_devices(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.vision.catalogue import load_catalogue
    from appliance.vision.runtime import plan_devices

    wanted = load_settings(paths.settings_file).analysis.devices
    plan = plan_devices(paths.models, paths.compiled, wanted, load_catalogue())
    if options.json:
        print(json.dumps(plan.as_json(), indent=2))
        return 0
    print(f"OpenVINO {plan.openvino}; wanted, in this order: {', '.join(wanted)}")
    for device in plan.devices:
        print(f"  {device.name}: {device.full_name}")
    for name in (name for name in wanted if all(device.name.split(".")[0] != name for device in plan.devices)):
        print(f"  {name}: not on this machine")
    for network in plan.networks:
        print(f"{network.name} ({network.task}): {network.device}, {network.precision}")
        for reason in network.passed_over:
            print(f"  passed over {reason}")
    for task, reason in plan.failures.items():
        print(f"{task}: {reason}")
    return 0
