"""`veilsight camera`: the cameras, with their lines and zones."""

import argparse
import json
import re
from typing import TYPE_CHECKING

from appliance.errors import UsageError
from appliance.metrics.geometry import GeometryError, Line, Zone, check_names, parse_line, parse_zone
from appliance.settings import Paths

if TYPE_CHECKING:
    from appliance.storage.cameras import Camera

NAME = re.compile(r"[A-Za-z0-9-]{1,40}")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("camera", help="the cameras: add, list, remove, test")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    register_add(actions)
    listing = actions.add_parser("list", help="list the cameras, without their passwords")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser("remove", help="forget a camera; its counts stay")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=run_remove)
    test = actions.add_parser("test", help="open a camera and say what it sends; nothing is kept")
    test.add_argument("name", metavar="NAME")
    test.set_defaults(run=run_test)


def register_add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    add = actions.add_parser(
        "add",
        help="set a camera up",
        description="Coordinates run from 0 to 1, from the left and from the top of the picture.",
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument("source", metavar="SOURCE", help="rtsp:// address, or a video file")
    add.add_argument("--line", action="append", default=[], metavar="NAME=x1,y1,x2,y2", help="may be repeated")
    add.add_argument("--zone", action="append", default=[], metavar="NAME=x,y,x,y,x,y...", help="may be repeated")
    add.add_argument("--username", metavar="NAME", default="", help="the camera's own user")
    add.add_argument("--password-stdin", action="store_true", help="read that user's password from standard input")
    add.add_argument("--loop", action="store_true", help="begin a file anew when it ends")
    add.add_argument("--realtime", action="store_true", help="play a file at its own speed")
    add.set_defaults(run=run_add)


def run_add(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor, read_password
    from appliance.storage import cameras
    from appliance.storage.site import open_site

    if not NAME.fullmatch(options.name):
        raise UsageError(f"A camera can't be called {options.name!r}; use 1 to 40 letters, digits and dashes.")
    lines, zones = parse_places(options.line, options.zone)
    source = cameras.check_source(options.source)
    if options.password_stdin and not options.username:
        raise UsageError("A camera's password needs its user; give --username as well.")
    site = open_site(paths)
    camera = cameras.Camera(
        name=options.name,
        source=source,
        username=options.username,
        password=read_password(options.password_stdin, "The camera's password") if options.username else "",
        lines=tuple(cameras.LineSetting(line.name, *line.start, *line.end) for line in lines),
        zones=tuple(cameras.ZoneSetting(zone.name, tuple((x, y) for x, y in zone.points)) for zone in zones),
        loop=options.loop,
        realtime=options.realtime,
    )
    with site.engine.begin() as connection:
        cameras.add(connection, camera)
        details: dict[str, str | int] = {
            "source": cameras.shown_source(source),
            "lines": len(lines),
            "zones": len(zones),
        }
        append(connection, Event(actor(), "camera-added", camera.name, "configuration", details=details))
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
        print(f"{camera.name}: {cameras.shown_source(camera.source)}")
        for line in camera.lines:
            print(f"    line {line.name}: {line.x1:g},{line.y1:g} to {line.x2:g},{line.y2:g}")
        for zone in camera.zones:
            print(f"    zone {zone.name}: {' '.join(f'{x:g},{y:g}' for x, y in zone.points)}")
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
        "loop": camera.loop,
        "realtime": camera.realtime,
        "lines": {line.name: [line.x1, line.y1, line.x2, line.y2] for line in camera.lines},
        "zones": {zone.name: [list(point) for point in zone.points] for zone in camera.zones},
    }


def run_remove(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage import cameras
    from appliance.storage.site import open_site

    with open_site(paths).engine.begin() as connection:
        cameras.remove(connection, options.name)
        append(connection, Event(actor(), "camera-removed", options.name, "configuration"))
    print(f"{options.name} is removed; its counts stay")
    return 0


def run_test(options: argparse.Namespace, paths: Paths) -> int:
    import time

    from appliance.storage import cameras
    from appliance.storage.database import reading
    from appliance.storage.site import open_site
    from appliance.vision.sources import SourceError, open_source

    with reading(open_site(paths).engine) as connection:
        camera = cameras.need(connection, options.name)
    started = time.monotonic()
    with open_source(camera.source, camera.name, username=camera.username, password=camera.password) as source:
        frame = next(iter(source), None)
        if frame is None:
            raise SourceError(f"The camera {camera.name} sent no picture.")
        seconds = time.monotonic() - started
        rate = f", {source.frame_rate:g} pictures a second" if source.frame_rate else ""
        print(f"{camera.name}: {frame.width}x{frame.height}, {source.codec}{rate}, first one after {seconds:.1f} s")
    return 0
