"""`veilsight camera test`: open a camera and say what it sends."""

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from appliance.errors import UsageError
from appliance.settings import Paths

if TYPE_CHECKING:
    from appliance.storage.cameras import Camera
    from appliance.vision.trial import Trial


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    test = actions.add_parser("test", help="open a camera and say what it sends; nothing is kept")
    test.add_argument("camera", metavar="NAME|ADDRESS", help="a camera that is set up, or an address to try")
    test.add_argument("--username", metavar="NAME", default="", help="the camera's own user, with an address")
    test.add_argument("--password-stdin", action="store_true", help="read that user's password from standard input")
    test.add_argument("--transport", choices=("tcp", "udp"), help="how RTSP's pictures travel")
    test.add_argument("--json", action="store_true", help="print one JSON object")
    test.set_defaults(run=run_test)


def run_test(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.vision.trial import try_camera

    camera = find(options, paths)
    trial = try_camera(
        camera.source, camera.name, camera.username, camera.password, options.transport or camera.transport
    )
    advice = running_advice(camera.name, paths)
    if options.json:
        print(json.dumps({"camera": camera.name} | asdict(trial) | {"advice": advice}, indent=2))
    else:
        print("\n    ".join([*describe(camera.name, trial), *advice]))
    return 0


def running_advice(camera: str, paths: Paths) -> list[str]:
    """What the running engine has found about the people in this camera's picture; nothing where none runs."""
    from appliance.vision.live import LiveClient, LiveUnavailable

    try:
        return list(LiveClient(paths.live_socket).status().get("advice", {}).get(camera, ()))
    except LiveUnavailable:
        return []


def find(options: argparse.Namespace, paths: Paths) -> "Camera":
    """The camera that is meant: one that is set up, or an address with the options' user and password."""
    from appliance.cli.terminal import read_password
    from appliance.storage import cameras
    from appliance.storage.database import reading
    from appliance.storage.site import open_site

    if "/" not in options.camera and options.camera != "-":
        if options.username or options.password_stdin:
            raise UsageError(f"{options.camera} has its user and password already; give them with an address only.")
        with reading(open_site(paths).engine) as connection:
            return cameras.need(connection, options.camera)
    source = cameras.check_source(given_source(options.camera))
    if options.password_stdin and not options.username:
        raise UsageError("A camera's password needs its user; give --username as well.")
    password = read_password(options.password_stdin, "The camera's password") if options.username else ""
    return cameras.Camera(cameras.shown_source(source), source, options.username, password)


def given_source(argument: str) -> str:
    """The source as it was given, or read from standard input for `-`.

    Raises `UsageError` where an argument holds a password: other users of the machine can read arguments.
    """
    from appliance.storage.cameras import shown_source

    if argument == "-":
        return sys.stdin.readline().strip()
    if shown_source(argument) != argument:
        raise UsageError("The address holds a password; give - in its place, and the address on standard input.")
    return argument


def describe(name: str, trial: "Trial") -> list[str]:
    """The trial in lines for people."""
    declared = f" (it says {trial.declared_rate:g})" if trial.declared_rate else ""
    lines = [
        f"{name}: {trial.width}x{trial.height} pixels, {trial.codec}, {trial.frame_rate:g} frames a second{declared}",
        f"decoded by {trial.decoder}"
        + (f", since {trial.decoder_reason}" if trial.decoder_reason else "")
        + (f"; over {trial.transport.upper()}" if trial.transport else ""),
        f"first frame after {trial.first_frame_seconds:.1f} s",
    ]
    if trial.latency_seconds is None:
        lines.append(f"latency unknown: {trial.latency_note}")
    else:
        lines.append(f"frames arrive {trial.latency_seconds:.2f} s after the camera made them, by its own clock")
    if trial.damaged_frames:
        lines.append(
            f"{trial.damaged_frames} frames were damaged, or came by a way that can't tell: they are counted, "
            "and covered wholly wherever they are shown"
        )
    return lines
