"""What the web program and the searcher say to each other on the searcher's socket: one line of JSON each way.

The searcher (appliance/discovery/searcher.py) is a process of its own, started by the first connection, that knows
nothing: no key, no database, no picture. It asks the local network for cameras, and on request one of those that just
answered for its streams. So nobody at a page can have it ask any other address.
"""

import socket
from pathlib import Path

import msgspec

from appliance.errors import VeilsightError

LONGEST_LINE = 1_000_000
# The search takes four seconds, a camera may take twenty to tell its streams, and the process has to start.
ANSWER_SECONDS = 45.0


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Look for cameras; with an `address`, ask that one for its best stream as this user, if it answers the search."""

    address: str = ""
    username: str = ""
    password: str = ""


class Found(msgspec.Struct, frozen=True):
    """A camera that answered: the address of its device service, and what it calls itself."""

    address: str
    name: str = ""
    hardware: str = ""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cameras that answered, or the best stream of the one that was asked: its address, without the password.

    `told` says in words which stream it is. `problem` is empty where all went well, else a sentence to be translated,
    with its `values`.
    """

    cameras: tuple[Found, ...] = ()
    stream: str = ""
    told: str = ""
    problem: str = ""
    values: dict[str, str] = {}


class SearchUnavailable(VeilsightError):
    """The searcher can't be reached, or broke off."""


def search(path: Path, request: Request, seconds: float = ANSWER_SECONDS) -> Answer:
    """Ask the searcher. Raises `SearchUnavailable`."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(msgspec.json.encode(request) + b"\n")
            return msgspec.json.decode(read_line(connection), type=Answer)
    except (OSError, msgspec.MsgspecError) as error:
        raise SearchUnavailable(
            "Cameras can't be looked for at the moment; `veilsight camera discover` does it at the terminal."
        ) from error


def read_line(connection: socket.socket) -> bytes:
    """One line without its end. Raises `OSError` where none comes in time, or a very long one."""
    found = bytearray()
    while not found.endswith(b"\n"):
        part = connection.recv(65536)
        if not part or len(found) > LONGEST_LINE:
            raise ConnectionResetError
        found += part
    return bytes(found[:-1])
