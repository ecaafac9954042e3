"""Becomes the redactor, with the socket at the given path: `redacting.py SOCKET STATE`."""

import os
import socket
import sys


def main() -> None:
    path, state = sys.argv[1:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    os.set_inheritable(listener.fileno(), True)
    options = ["--state", state, "redactor", "--socket-fd", str(listener.fileno())]
    os.execv(sys.executable, [sys.executable, "-m", "appliance.cli.main", *options])  # noqa: S606


main()
