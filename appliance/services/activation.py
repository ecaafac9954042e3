"""Starting redactor and searcher when somebody connects to their socket, as service managers do (systemd.socket(5)).

One process for one client: while it runs, whoever connects waits for the next one.
"""

import os
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from appliance.errors import VeilsightError

SOCKET_MODE = 0o660
STOP_SECONDS = 10.0
# After two processes that failed, before the next one.
PAUSE_SECONDS = 1.0
# sd_listen_fds(3): the first descriptor that is handed over.
FIRST_DESCRIPTOR = 3

Command = Callable[[int], Sequence[str]]
"""The command line of a process that is given the listening socket as this file descriptor."""


class SocketUnusable(VeilsightError):
    """The socket can't be made."""


class Activation:
    """Listens at `path` and runs `command` for whoever connects, until it is closed."""

    def __init__(self, path: Path, command: Command) -> None:
        self._path = path
        self._command = command
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._listener = _listen(path)
        self._asleep, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="activation", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the process that runs, and listen no more."""
        self._stop.set()
        os.close(self._wake)
        process = self._process
        if process is not None:
            process.terminate()
        self._thread.join(STOP_SECONDS)
        if process is not None and process.poll() is None:
            process.kill()
            self._thread.join()
        os.close(self._asleep)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _watch(self) -> None:
        failures = 0
        while not self._stop.is_set():
            ready, _, _ = select.select([self._listener.fileno(), self._asleep], [], [])
            if self._stop.is_set() or self._listener.fileno() not in ready:
                return
            descriptor = self._listener.fileno()
            self._process = subprocess.Popen(
                self._command(descriptor),
                stdin=subprocess.DEVNULL,
                pass_fds=[descriptor],
                # Ctrl-C at the terminal goes to the parent process alone, which then stops the programs in order.
                start_new_session=True,
            )
            failures = failures + 1 if self._process.wait() else 0
            if failures > 1:
                self._turn_away()
                self._stop.wait(PAUSE_SECONDS)

    def _turn_away(self) -> None:
        """Whoever still waits after two processes have failed; the next one would fail for them too."""
        self._listener.setblocking(False)
        with suppress(BlockingIOError):
            self._listener.accept()[0].close()
        self._listener.setblocking(True)


def _listen(path: Path) -> socket.socket:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(SOCKET_MODE)
        listener.listen(4)
    except OSError as error:
        raise SocketUnusable(f"The socket {path} can't be made ({error.strerror}).") from error
    return listener


def listener_of(environment: Mapping[str, str]) -> socket.socket | None:
    """The socket that the service manager listens on for this program (sd_listen_fds(3)); None without one."""
    if environment.get("LISTEN_FDS") != "1":
        return None
    return socket.socket(fileno=FIRST_DESCRIPTOR)
