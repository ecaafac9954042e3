"""Tells the service manager how a program is (sd_notify(3)): it has started, it lives, it stops.

A program that says nothing for the watchdog's time, since it hangs, is killed and started anew. Without a service
manager, at a terminal, nothing is told.
"""

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

# The queue of a Unix socket is short (unix(7)): a service manager that does not read must not hold the program up.
PATIENCE_SECONDS = 1.0


class ServiceManager:
    """Connected when it is made, so that the program's guard need not allow it. Used by one thread after the other."""

    def __init__(self, environment: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Twice as often as systemd asks for at most.
        self._pause = int(environment.get("WATCHDOG_USEC") or 0) / 1e6 / 4
        self._told: float | None = None
        self._socket: socket.socket | None = None
        if address := environment.get("NOTIFY_SOCKET"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(PATIENCE_SECONDS)
            # A name that begins with @ lies in the kernel's own name space.
            self._socket.connect("\0" + address[1:] if address.startswith("@") else address)

    def ready(self) -> None:
        """The program does its work from now on."""
        self._tell("READY=1")

    def alive(self) -> None:
        """To be called from the program's own loop, however often: it is told a few times in the watchdog's time."""
        now = self._clock()
        if self._pause and (self._told is None or now - self._told >= self._pause):
            self._told = now
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The program ends; that may take a while."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if self._socket is not None:
            # A service manager that is itself being replaced, or reads nothing for too long, misses one message.
            with suppress(OSError):
                self._socket.send(state.encode("ascii"))
