"""`veilsight models quantise`: an INT8 version of a network, made from the site's own pictures."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.errors import UsageError
from appliance.settings import Paths

if TYPE_CHECKING:
    from appliance.storage.site import Site
    from appliance.vision.calibration import Sample
    from appliance.vision.catalogue import CatalogueNetwork
    from appliance.vision.quantised_weights import QuantisationRecord
    from appliance.vision.quantising import Quantised

STEPS = 6


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = actions.add_parser(
        "quantise",
        help="make an INT8 version of a network, which is faster, and keep it if it finds the same",
        description="Half of the pictures calibrate the INT8 version; on the others it is compared with the original. "
        "They stay in memory, and none is written anywhere.",
    )
    command.add_argument("name", metavar="NAME", help="the network, as `veilsight models list` names it")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--from",
        dest="files",
        action="append",
        type=Path,
        metavar="CLIP_OR_FOLDER",
        help="a recording, a picture or a folder of them; may be repeated",
    )
    source.add_argument("--camera", metavar="CAMERA", help="a camera of this site")
    command.add_argument("--seconds", type=float, default=60.0, metavar="N", help="how long to watch the camera (60)")
    command.add_argument("--pictures", type=int, default=200, metavar="N", help="take at most so many pictures (200)")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=run_quantise)


def run_quantise(options: argparse.Namespace, paths: Paths) -> int:
    if not 32 <= options.pictures <= 5000:
        raise UsageError("The number of pictures must be 32 to 5000.")
    if not 5 <= options.seconds <= 86400:
        raise UsageError("A camera can be watched for 5 to 86400 seconds.")
    from appliance.cli.models import shown_progress
    from appliance.vision import quantising, weights
    from appliance.vision.catalogue import load_catalogue

    networks = {network.name: network for network in load_catalogue().networks}
    if options.name not in networks:
        raise UsageError(f"There is no network called {options.name}; there are {', '.join(networks)}.")
    entry = networks[options.name]
    site = site_of(options, paths)
    # What is missing is said before a camera is watched for a minute.
    quantising.load_nncf()
    weights.read_network(entry, paths.models)
    with shown_progress(STEPS) as progress:
        progress("taking pictures")
        samples = samples_of(options, entry, site)
        try:
            made = quantising.quantise(entry, paths.models, samples, progress)
        except quantising.NotQuantised as error:
            if options.json:
                print(json.dumps({"network": entry.name, "kept": False, "reason": str(error)} | figures(error.record)))
            raise
    keep(made, paths, site)
    print(json.dumps({"network": entry.name, "kept": True} | figures(made.record)) if options.json else as_text(made))
    return 0


def site_of(options: argparse.Namespace, paths: Paths) -> "Site | None":
    """The site, where there is one; a camera needs it."""
    from appliance.storage.site import open_site

    return open_site(paths) if options.camera is not None or paths.database.exists() else None


def samples_of(options: argparse.Namespace, entry: "CatalogueNetwork", site: "Site | None") -> "tuple[Sample, ...]":
    from appliance.storage import cameras
    from appliance.storage.database import reading
    from appliance.vision.calibration import find_files, samples_of_camera, samples_of_files
    from appliance.vision.sources import open_source

    if site is None or options.camera is None:
        return samples_of_files(find_files(options.files), entry.input, options.pictures)
    with reading(site.engine) as connection:
        camera = cameras.need(connection, options.camera)
    if not camera.enabled:
        raise UsageError(f"The camera {camera.name} is switched off; switch it on or name another.")
    with open_source(
        camera.source,
        camera.name,
        camera.realtime,
        camera.loop,
        camera.username,
        camera.password,
        camera.transport,
    ) as source:
        masks = [mask.points for mask in camera.masks]
        return samples_of_camera(source, entry.input, options.pictures, options.seconds, masks)


def keep(made: "Quantised", paths: Paths, site: "Site | None") -> None:
    """Write the INT8 version, and the act into the audit log of the site, if there is one."""
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.vision.quantised_weights import write_quantised

    if site is None:
        write_quantised(made.record, made.model, made.values, paths.models)
        return
    record = made.record
    details: dict[str, str | int] = {
        "calibration": record.calibration_pictures,
        "held_back": record.held_back_pictures,
        "objects": record.reference_objects,
        "recall": f"{record.recall:.4f}",
        "precision": f"{record.precision:.4f}",
    }
    sha256 = record.files[f"{record.network}.int8.bin"]
    event = Event(actor(), "network-quantised", record.network, "model", sha256=sha256, details=details)
    with site.engine.begin() as connection:
        append(connection, event)
        write_quantised(record, made.model, made.values, paths.models)


def figures(record: "QuantisationRecord | None") -> dict[str, object]:
    found: dict[str, object] = {} if record is None else msgspec.to_builtins(record)
    return found


def as_text(made: "Quantised") -> str:
    record = made.record
    return (
        f"{record.network} has an INT8 version now: on {record.held_back_pictures} pictures that it was not calibrated "
        f"with, it finds {record.recall:.1%} of the {record.reference_objects} objects that the original finds, and "
        f"{record.precision:.1%} of what it finds the original finds too.\n"
        f"It is used on each device where it is the faster one; `veilsight devices` tells."
    )
