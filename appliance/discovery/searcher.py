"""The searcher: looks for cameras on the local network for one who asks at a page, and ends with the answer.

A process of its own (see appliance/camera_search.py), so that neither the program that serves the pages nor the one
that sees pictures needs a way to the whole local network. The service manager lets it reach private addresses alone.
"""

import socket
from collections.abc import Callable
from contextlib import suppress

import msgspec

from appliance.camera_search import Answer, Found, Request, read_line
from appliance.discovery.onvif_camera import CameraSilent, read_streams
from appliance.discovery.search import Device, find_devices
from appliance.discovery.streams import best_stream
from appliance.language import marked

# Whoever started the process connects and asks at once.
IDLE_SECONDS = 30.0
# More cameras than a page can show are none of a store's.
MOST_TOLD = 200
GONE = marked("This camera does not answer any more; please look for cameras once more.")
NO_STREAM = marked("The camera has no stream; set one up in the camera itself.")

Find = Callable[[], list[Device]]


def run_searcher(listener: socket.socket, find: Find = find_devices) -> None:
    """Answer one client, then return. To be followed by the end of the process."""
    listener.settimeout(IDLE_SECONDS)
    # A client that says nothing, or nonsense, or goes away, gets nothing.
    with suppress(OSError, msgspec.MsgspecError):
        connection, _ = listener.accept()
        with connection:
            listener.close()
            connection.settimeout(IDLE_SECONDS)
            request = msgspec.json.decode(read_line(connection), type=Request)
            connection.sendall(msgspec.json.encode(answer(request, find)) + b"\n")


def answer(request: Request, find: Find) -> Answer:
    """Search anew, each time: what is asked for its streams has just answered, at its own address."""
    devices = find()
    if not request.address:
        return Answer(tuple(Found(each.address, each.name, each.hardware) for each in devices[:MOST_TOLD]))
    if request.address not in {each.address for each in devices}:
        return Answer(problem=GONE)
    try:
        streams = read_streams(request.address, request.username, request.password)
    except CameraSilent as error:
        return Answer(problem=error.message, values={name: str(value) for name, value in error.values.items()})
    if not streams:
        return Answer(problem=NO_STREAM)
    best, _ = best_stream(streams)
    return Answer(stream=best.address, told=f"{best.profile}, {best.width}x{best.height}, {best.codec}")
