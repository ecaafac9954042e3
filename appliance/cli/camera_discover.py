"""`veilsight camera discover`: the cameras on the local network, and the best stream of each."""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from appliance.errors import UsageError
from appliance.settings import Paths

if TYPE_CHECKING:
    from appliance.discovery.search import Device
    from appliance.discovery.streams import Stream


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    discover = actions.add_parser(
        "discover",
        help="find ONVIF cameras on the local network",
        description="With a user and a password, each camera found is asked for its streams, and the best one for the "
        "analysis is named. The cameras get a digest of the password, not the password itself.",
    )
    discover.add_argument("--username", metavar="NAME", default="", help="the cameras' own user")
    discover.add_argument("--password-stdin", action="store_true", help="read that user's password from standard input")
    discover.add_argument("--seconds", type=float, default=4.0, help="how long to wait for answers (4)")
    discover.add_argument("--json", action="store_true", help="print one JSON array")
    discover.set_defaults(run=run_discover)


def run_discover(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001 - it needs no site
    from appliance.cli.terminal import read_password
    from appliance.discovery.search import find_devices

    if options.password_stdin and not options.username:
        raise UsageError("A camera's password needs its user; give --username as well.")
    if not 0 < options.seconds <= 60:
        raise UsageError("Answers can be waited for up to 60 seconds; give --seconds between 0 and 60.")
    password = read_password(options.password_stdin, "The cameras' password") if options.username else ""
    found = [_ask(device, options.username, password) for device in find_devices(options.seconds)]
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    for each in found:
        print(" ".join(str(each[key]) for key in ("address", "name", "hardware")).strip())
        print("".join(f"    {line}\n" for line in _lines(each)), end="")
    if not found:
        print("no camera answered; is ONVIF switched on in them, and are they on this machine's own network?")
    elif not options.username:
        print("with --username NAME, the cameras are asked for their streams")
    return 0


def _ask(device: "Device", username: str, password: str) -> dict[str, object]:
    """The camera as JSON, with its streams where a user is given; one that refuses says why."""
    from appliance.discovery.onvif_camera import CameraSilent, read_streams
    from appliance.discovery.streams import best_stream

    found: dict[str, object] = asdict(device)
    if not username:
        return found
    try:
        streams = read_streams(device.address, username, password)
    except CameraSilent as error:
        return found | {"error": str(error)}
    if not streams:
        return found | {"error": "It has no stream."}
    best, why = best_stream(streams)
    return found | {"streams": [asdict(each) for each in streams], "best": best.profile, "because": why}


def _lines(found: dict[str, object]) -> list[str]:
    if "error" in found:
        return [str(found["error"])]
    streams = found.get("streams", [])
    assert isinstance(streams, list)  # noqa: S101 - as `_ask` made it
    lines = [
        f"{'*' if each['profile'] == found['best'] else ' '} {each['profile']}: {each['width']}x{each['height']}, "
        f"{each['codec']}, {each['frame_rate']:g} frames a second, {each['address']}"
        for each in streams
    ]
    if lines:
        lines.append(f"* the best for the analysis: {found['because']}; `veilsight camera add NAME --discovered")
        lines.append(f"  {found['address']} --username ...` sets it up")
    return lines


def discovered_stream(address: str, username: str, password: str, wanted: str = "") -> "tuple[Stream, str]":
    """The stream of this name, or the best one, of the camera at an address, and why it is taken.

    Raises `CameraSilent`, and `UsageError` where there is none of this name.
    """
    from appliance.discovery.onvif_camera import CameraSilent, device_address, read_streams
    from appliance.discovery.streams import best_stream

    streams = read_streams(device_address(address), username, password)
    if not streams:
        raise CameraSilent("The camera has no stream; set one up in the camera itself.")
    if not wanted:
        return best_stream(streams)
    for stream in streams:
        if stream.profile == wanted:
            return stream, "as you chose"
    names = ", ".join(stream.profile for stream in streams)
    raise UsageError(f"The camera has no stream {wanted!r}; it has {names}.")
