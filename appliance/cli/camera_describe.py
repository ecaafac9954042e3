"""`veilsight camera describe`: what is written about a camera for the report and the notice."""

import argparse
from dataclasses import replace

from appliance.errors import UsageError
from appliance.settings import Paths

FIELDS = {
    "location": "where the camera is",
    "field_of_view": "what it sees, in words",
    "signs": "where signs tell of it",
    "signs_seen": "the day on which the signs were last seen, such as 2026-10-01",
}


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    describe = actions.add_parser("describe", help="note for the report where a camera is, what it sees, and its signs")
    describe.add_argument("name", metavar="NAME")
    for field, meaning in FIELDS.items():
        option = f"--{field.replace('_', '-')}"
        describe.add_argument(option, metavar="DATE" if field == "signs_seen" else "TEXT", help=meaning)
    describe.set_defaults(run=run_describe)


def run_describe(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.camera_changes import describe_camera
    from appliance.cli.terminal import actor
    from appliance.storage import camera_records
    from appliance.storage.camera_records import CameraRecord
    from appliance.storage.site import open_site

    given = {field: value.strip() for field in FIELDS if (value := getattr(options, field)) is not None}
    if not given:
        raise UsageError(
            "There is nothing to note; give " + ", ".join("--" + each.replace("_", "-") for each in FIELDS) + "."
        )
    with open_site(paths).engine.begin() as connection:
        before = camera_records.read(connection).get(options.name, CameraRecord(options.name))
        changed = describe_camera(connection, actor(), replace(before, **given))
    print(f"{options.name}: noted" if changed else f"{options.name}: as before")
    return 0
