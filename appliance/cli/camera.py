"""`veilsight camera`: the cameras, with their lines and zones."""

import argparse
import json
from typing import TYPE_CHECKING

from appliance.cli import camera_describe, camera_discover, camera_edit, camera_test
from appliance.cli.places import MASK_FORM, MASK_HELP, parse_masks
from appliance.errors import UsageError
from appliance.metrics.geometry import GeometryError, Line, Zone, check_names, parse_line, parse_zone
from appliance.settings import Paths

if TYPE_CHECKING:
    from appliance.storage.cameras import Camera, ZoneSetting

MOUNTINGS = ("oblique", "overhead")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("camera", help="the cameras: add, list, edit, remove, test, discover")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    register_add(actions)
    listing = actions.add_parser("list", help="list the cameras, without their passwords")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser("remove", help="forget a camera; its counts stay")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=run_remove)
    camera_edit.register(actions)
    camera_describe.register(actions)
    camera_test.register(actions)
    camera_discover.register(actions)


def register_add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    add = actions.add_parser(
        "add",
        help="set a camera up",
        description="Coordinates run from 0 to 1, from the left and from the top of the picture.",
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="rtsp://, rtsps:// or http:// address, /dev/video0, or a video file; - reads it from standard input",
    )
    add.add_argument("--discovered", metavar="ADDRESS", help="an ONVIF camera instead: its best stream is taken")
    add.add_argument(
        "--stream", metavar="NAME", default="", help="another of its streams, as `camera discover` names it"
    )
    add.add_argument("--line", action="append", default=[], metavar="NAME=x1,y1,x2,y2", help="may be repeated")
    add.add_argument("--inner", action="append", default=[], metavar="LINE", help="a line that is no entrance")
    add.add_argument("--zone", action="append", default=[], metavar="NAME=x,y,x,y,x,y...", help="may be repeated")
    add.add_argument("--mask", action="append", default=[], metavar=MASK_FORM, help=MASK_HELP)
    add.add_argument("--queue", action="append", default=[], metavar="ZONE", help="a zone where people wait in line")
    add.add_argument(
        "--ignore", action="append", default=[], metavar="NAME=x,y,x,y,x,y...", help="a region that is not counted"
    )
    add.add_argument("--mounting", choices=MOUNTINGS, default="oblique", help="from where people are seen (oblique)")
    add.add_argument("--heat-map", action="store_true", help="measure how long people stand where")
    add.add_argument("--vehicle-labels", action="store_true", help="count vehicles at lines by label too: car, bus ...")
    add.add_argument("--rate", type=float, metavar="N", help="pictures a second that are analysed at most (10)")
    add.add_argument("--username", metavar="NAME", default="", help="the camera's own user")
    add.add_argument("--password-stdin", action="store_true", help="read that user's password from standard input")
    add.add_argument("--transport", choices=("tcp", "udp"), default="tcp", help="how RTSP's pictures travel (tcp)")
    add.add_argument("--loop", action="store_true", help="begin a file anew when it ends")
    add.add_argument("--realtime", action="store_true", help="play a file at its own speed")
    add.set_defaults(run=run_add)


def run_add(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.camera_changes import add_camera, check_camera_name
    from appliance.cli.terminal import actor, read_password
    from appliance.storage import cameras
    from appliance.storage.site import open_site

    check_camera_name(options.name)
    lines, zones = parse_places(options.line, options.zone)
    masks, (_, ignored) = parse_masks(options.mask), parse_places([], options.ignore)
    check_known("zone", options.queue, [zone.name for zone in zones])
    check_known("line", options.inner, [line.name for line in lines])
    if (options.source is None) == (options.discovered is None):
        raise UsageError("Name the camera's address, or a discovered camera with --discovered, and not both.")
    if options.stream and options.discovered is None:
        raise UsageError("A stream is chosen of a discovered camera; name it with --discovered as well.")
    if options.password_stdin and not options.username:
        raise UsageError("A camera's password needs its user; give --username as well.")
    source = None if options.discovered else cameras.check_source(camera_test.given_source(options.source))
    site = open_site(paths)
    password = read_password(options.password_stdin, "The camera's password") if options.username else ""
    if source is None:
        stream, why = camera_discover.discovered_stream(options.discovered, options.username, password, options.stream)
        source = cameras.check_source(stream.address)
        print(f"its stream {stream.profile} is taken: {stream.width}x{stream.height}, {stream.codec}; {why}")
    camera = cameras.Camera(
        name=options.name,
        source=source,
        username=options.username,
        password=password,
        lines=tuple(
            cameras.LineSetting(line.name, *line.start, *line.end, line.name in options.inner) for line in lines
        ),
        zones=tuple(as_setting(zone, zone.name in options.queue) for zone in zones),
        masks=tuple(as_setting(mask) for mask in masks),
        ignored=tuple(as_setting(region) for region in ignored),
        mounting=options.mounting,
        heat_map=options.heat_map,
        vehicle_labels=options.vehicle_labels,
        rate=options.rate,
        loop=options.loop,
        transport=options.transport,
        realtime=options.realtime,
    )
    with site.engine.begin() as connection:
        add_camera(connection, actor(), camera)
    print(f"{camera.name} is set up; `veilsight camera test {camera.name}` tries it")
    return 0


def parse_places(lines: list[str], zones: list[str]) -> tuple[list[Line], list[Zone]]:
    """Read the options' lines and zones. Raises `UsageError`."""
    try:
        parsed = [parse_line(text) for text in lines], [parse_zone(text) for text in zones]
        check_names(*parsed)
    except GeometryError as error:
        raise UsageError(str(error)) from error
    return parsed


def check_known(what: str, marked: list[str], names: list[str]) -> None:
    """Raises `UsageError` for a queue that is no zone, or an inner line that is no line."""
    unknown = sorted(set(marked) - set(names))
    if unknown:
        raise UsageError(f"There is no {what} {unknown[0]!r}; draw it with --{what}.")


def as_setting(zone: Zone, queue: bool = False) -> "ZoneSetting":
    from appliance.storage.cameras import ZoneSetting

    return ZoneSetting(zone.name, tuple((x, y) for x, y in zone.points), queue)


def run_list(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.storage import cameras
    from appliance.storage.database import reading
    from appliance.storage.site import open_site

    with reading(open_site(paths).engine) as connection:
        found = cameras.list_cameras(connection)
    if options.json:
        print(json.dumps([describe(camera) for camera in found], indent=2))
        return 0
    for camera in found:
        print(f"{camera.name}: {cameras.shown_source(camera.source)}" + ("" if camera.enabled else " (disabled)"))
        for line in camera.lines:
            print(
                f"    line {line.name}: {line.x1:g},{line.y1:g} to {line.x2:g},{line.y2:g}"
                + (" (inner)" if line.inner else "")
            )
        for zone in camera.zones:
            queue = " (queue)" if zone.queue else ""
            print(f"    zone {zone.name}{queue}: {' '.join(f'{x:g},{y:g}' for x, y in zone.points)}")
        for mask in camera.masks:
            print(f"    mask {mask.name}: {' '.join(f'{x:g},{y:g}' for x, y in mask.points)}")
        for region in camera.ignored:
            print(f"    ignored {region.name}: {' '.join(f'{x:g},{y:g}' for x, y in region.points)}")
    if not found:
        print("no camera yet; set one up with `veilsight camera add NAME SOURCE`")
    return 0


def describe(camera: "Camera") -> dict[str, object]:
    """What may be shown of a camera: everything but its password."""
    from appliance.storage.cameras import shown_source

    return {
        "name": camera.name,
        "source": shown_source(camera.source),
        "username": camera.username,
        "transport": camera.transport,
        "loop": camera.loop,
        "realtime": camera.realtime,
        "lines": {line.name: [line.x1, line.y1, line.x2, line.y2] for line in camera.lines},
        "zones": {zone.name: [list(point) for point in zone.points] for zone in camera.zones},
        "masks": {mask.name: [list(point) for point in mask.points] for mask in camera.masks},
        "inner": [line.name for line in camera.lines if line.inner],
        "queues": [zone.name for zone in camera.zones if zone.queue],
        "ignored": {region.name: [list(point) for point in region.points] for region in camera.ignored},
        "mounting": camera.mounting,
        "heat_map": camera.heat_map,
        "vehicle_labels": camera.vehicle_labels,
        "rate": camera.rate,
        "enabled": camera.enabled,
    }


def run_remove(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.camera_changes import remove_camera
    from appliance.cli.terminal import actor
    from appliance.storage.site import open_site

    with open_site(paths).engine.begin() as connection:
        remove_camera(connection, actor(), options.name)
    print(f"{options.name} is removed; its counts stay")
    return 0
