"""`veilsight camera edit`, `line`, `zone`, `mask`, `enable` and `disable`: a camera's settings, while it runs."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from appliance.cli import camera_test
from appliance.cli.places import MASK_FORM
from appliance.errors import UsageError
from appliance.metrics.geometry import GeometryError, parse_line, parse_zone
from appliance.settings import Paths

if TYPE_CHECKING:
    from appliance.storage.cameras import Camera, LineSetting, ZoneSetting

FORMS = {
    "line": "LINE=x1,y1,x2,y2",
    "zone": "ZONE=x,y,x,y,x,y...",
    "mask": MASK_FORM,
    "ignore": "REGION=x,y,x,y,x,y...",
}
# Where a camera keeps each kind of place.
FIELDS = {"line": "lines", "zone": "zones", "mask": "masks", "ignore": "ignored"}
EDITED = ("transport", "rate", "mounting", "heat_map", "vehicle_labels")
WORDS = {"ignore": "region to ignore"}


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    edit = actions.add_parser("edit", help="change a camera's address, password, transport or rate")
    edit.add_argument("name", metavar="NAME")
    edit.add_argument("source", metavar="SOURCE", nargs="?", help="another address; - reads it from standard input")
    edit.add_argument("--username", metavar="NAME", help="the camera's own user; its password is asked for")
    edit.add_argument("--password-stdin", action="store_true", help="read that user's password from standard input")
    edit.add_argument("--transport", choices=("tcp", "udp"), help="how RTSP's pictures travel")
    edit.add_argument("--rate", type=float, metavar="N", help="pictures a second that are analysed at most")
    edit.add_argument("--mounting", choices=("oblique", "overhead"), help="from where people are seen")
    edit.add_argument("--heat-map", action=argparse.BooleanOptionalAction, help="measure how long people stand where")
    edit.add_argument(
        "--vehicle-labels",
        action=argparse.BooleanOptionalAction,
        help="count vehicles at lines by label too: car, bus ...",
    )
    edit.set_defaults(run=run_edit)
    for word, enabled in (("enable", True), ("disable", False)):
        switch = actions.add_parser(word, help=f"{word} a camera; a disabled one is not connected to")
        switch.add_argument("name", metavar="NAME")
        switch.set_defaults(run=run_switch, enabled=enabled)
    for kind, form in FORMS.items():
        word = WORDS.get(kind, kind)
        group = actions.add_parser(kind, help=f"add or remove a {word} of a camera")
        which = group.add_subparsers(title="actions", metavar="ACTION", required=True)
        add = which.add_parser("add", help=f"add a {word}")
        remove = which.add_parser("remove", help=f"remove a {word}")
        for parser, what in ((add, form), (remove, kind.upper())):
            parser.add_argument("name", metavar="NAME")
            parser.add_argument("place", metavar=what)
        if kind == "zone":
            add.add_argument("--queue", action="store_true", help="people wait in line there")
        if kind == "line":
            add.add_argument("--inner", action="store_true", help="it is inside the store, no entrance")
        add.set_defaults(run=run_add_place, kind=kind, queue=False, inner=False)
        remove.set_defaults(run=run_remove_place, kind=kind)


def run_edit(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.terminal import read_password
    from appliance.storage import cameras

    if options.password_stdin and options.username is None:
        raise UsageError("A camera's password needs its user; give --username as well.")
    changes: dict[str, Any] = {}
    if options.source is not None:
        changes["source"] = cameras.check_source(camera_test.given_source(options.source))
    if options.username is not None:
        changes["username"] = options.username
        asked = bool(options.username)
        changes["password"] = read_password(options.password_stdin, "The camera's password") if asked else ""
    changes |= {name: value for name in EDITED if (value := getattr(options, name)) is not None}
    if not changes:
        raise UsageError("There is nothing to change; give another address, user or option.")
    # Of a password only that it changed is written down.
    told = ", ".join(sorted(changes))
    return _change(paths, options.name, f"changed: {told}", lambda camera: replace(camera, **changes))


def run_switch(options: argparse.Namespace, paths: Paths) -> int:
    told = "enabled" if options.enabled else "disabled"
    return _change(paths, options.name, told, lambda camera: replace(camera, enabled=options.enabled))


def run_add_place(options: argparse.Namespace, paths: Paths) -> int:
    kind = options.kind
    # A mask has no name of its own on the command line; it gets the next free one.
    marked = options.queue or options.inner
    return _change(
        paths, options.name, f"{kind} added", lambda camera: _with_place(camera, kind, options.place, marked)
    )


def run_remove_place(options: argparse.Namespace, paths: Paths) -> int:
    kind, place = options.kind, options.place

    def remove(camera: "Camera") -> "Camera":
        there: Sequence[LineSetting | ZoneSetting] = getattr(camera, FIELDS[kind])
        left: Any = tuple(each for each in there if each.name != place)
        if len(left) == len(there):
            raise UsageError(f"{camera.name} has no {kind} called {place}; `veilsight camera list` shows those it has.")
        return replace(camera, **{FIELDS[kind]: left})

    return _change(paths, options.name, f"{kind} removed", remove)


def _with_place(camera: "Camera", kind: str, text: str, marked: bool) -> "Camera":
    """`marked` is an inner line, or a zone that is a queue.

    Raises `UsageError` where the place makes no sense or has the name of another."""
    from appliance.storage.cameras import LineSetting, ZoneSetting

    try:
        if kind == "line":
            line = parse_line(text)
            _check_free(camera, kind, line.name)
            return replace(camera, lines=(*camera.lines, LineSetting(line.name, *line.start, *line.end, marked)))
        names = {each.name for each in camera.masks}
        free = next(name for number in range(1, len(names) + 2) if (name := f"mask-{number}") not in names)
        zone = parse_zone(f"{free}={text}" if kind == "mask" else text)
    except GeometryError as error:
        raise UsageError(str(error)) from error
    setting = ZoneSetting(zone.name, tuple((x, y) for x, y in zone.points), marked)
    if kind == "mask":
        return replace(camera, masks=(*camera.masks, setting))
    _check_free(camera, kind, zone.name)
    if kind == "ignore":
        return replace(camera, ignored=(*camera.ignored, setting))
    return replace(camera, zones=(*camera.zones, setting))


def _check_free(camera: "Camera", kind: str, name: str) -> None:
    if name in {each.name for each in getattr(camera, FIELDS[kind])}:
        raise UsageError(f"{camera.name} has a {kind} called {name} already; remove it first.")


def _change(paths: Paths, name: str, told: str, change: "Callable[[Camera], Camera]") -> int:
    """Change one camera and write down what was changed, both or neither."""
    from appliance.camera_changes import change_camera
    from appliance.cli.terminal import actor
    from appliance.storage.site import open_site

    with open_site(paths).engine.begin() as connection:
        change_camera(connection, actor(), name, told, change)
    print(f"{name}: {told}")
    return 0
