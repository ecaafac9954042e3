"""A dependency that calls home: Python imports it as `sitecustomize` before the program begins.

Once the file that `HOMESICK_WHEN` names is there, it tries one way out after another, and writes what came of each, as
JSON, to the file that `HOMESICK_RESULT` names. `HOMESICK_PORT` is where home is, on this machine.
"""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

PAUSE = threading.Event()


def ways_out(port: int) -> dict[str, Callable[[], object]]:
    home = ("127.0.0.1", port)

    def datagram() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"a frame", home)

    def listen() -> None:
        socket.create_server(("127.0.0.1", 0)).close()

    return {
        "connect": lambda: socket.create_connection(home, 5).close(),
        "datagram": datagram,
        "listen": listen,
        "look-up": lambda: socket.getaddrinfo("home.example", 443),
        "raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
        "program": lambda: subprocess.run(["/bin/true"], check=True),
        "shell": lambda: os.system("true"),  # noqa: S605
        "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    }


def call_home() -> None:
    """Each time the file appears; it is removed afterwards."""
    when, result = Path(os.environ["HOMESICK_WHEN"]), Path(os.environ["HOMESICK_RESULT"])
    while True:
        while not when.exists():
            PAUSE.wait(0.05)
        found = {name: outcome(way) for name, way in ways_out(int(os.environ["HOMESICK_PORT"])).items()}
        when.unlink()
        partial = result.with_suffix(".part")
        partial.write_text(json.dumps(found))
        partial.replace(result)


def outcome(way: Callable[[], object]) -> str:
    try:
        way()
    except BaseException as error:
        return "refused" if isinstance(error, PermissionError) else repr(error)
    return "done"


if "HOMESICK_WHEN" in os.environ:
    threading.Thread(target=call_home, daemon=True).start()
