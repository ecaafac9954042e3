"""A second line under the egress policy: what a program may reach, held by Python's own audit events (PEP 578).

Before Python code connects, sends, binds, looks a name up or starts another program, the interpreter asks the hook that
`Guard` installs. What is not in the program's list is refused with `Refused` and handed on to be recorded. The hook
can't be removed while the process lives.

This is not a wall. It sees what goes through Python: libraries in C, such as FFmpeg, which reads the cameras, open
sockets without asking it, and code that already runs in the process could find a way around. The wall is the operating
system's, drawn by the service units in packaging/systemd; the guard notices mistakes, and dependencies that call home.
"""

import errno
import ipaddress
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

# How long an address that a permitted name had stays permitted, in seconds: names with many addresses rotate them.
ADDRESS_SECONDS = 600.0

# The events that are watched, and what each would do.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "socket.connect": "connect",
        "socket.sendto": "connect",
        "socket.sendmsg": "connect",
        "socket.bind": "listen",
        "socket.getaddrinfo": "look up",
        "socket.gethostbyname": "look up",
        "socket.gethostbyaddr": "look up",
        "socket.getnameinfo": "look up",
        "socket.__new__": "open",
        "subprocess.Popen": "start",
        "os.system": "start",
        "os.exec": "start",
        "os.posix_spawn": "start",
        "os.spawn": "start",
        "os.startfile": "start",
        "os.fork": "fork",
        "os.forkpty": "fork",
        "pty.spawn": "start",
    }
)
FAMILIES = frozenset({-1, socket.AF_UNIX, socket.AF_INET, socket.AF_INET6})


class Refused(PermissionError):
    """The program's list does not name this. An `OSError`, so that callers treat it as they treat a dead network."""


@dataclass(frozen=True)
class Reach:
    """What a program may reach: hosts with their ports, and Unix sockets; and the addresses it may listen on.

    Names are looked up only if they are among the hosts, and no other program is started.
    """

    hosts: frozenset[tuple[str, int]] = frozenset()
    sockets: frozenset[str] = frozenset()
    listens: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True)
class Attempt:
    """What was asked for: the event's name, what it would do, and to whom. No payload, argument or password."""

    event: str
    kind: str
    target: str


@dataclass
class Guard:
    """Holds a program to its list. `reach` is the list now; `look_again` makes it anew before anything is refused.

    `report` is called in the refused thread and must neither wait nor raise.
    """

    reach: Reach
    look_again: Callable[[], Reach]
    report: Callable[[Attempt], None]
    _addresses: dict[tuple[str, str], float] = field(default_factory=dict)
    _looking: threading.local = field(default_factory=threading.local)

    def install(self) -> None:
        """From here on the interpreter asks this guard, for good."""
        sys.addaudithook(self.ask)

    def refresh(self) -> None:
        """Make the list anew, so that what has left it is refused."""
        self.reach = self.look_again()

    def ask(self, event: str, args: tuple[Any, ...]) -> None:
        """Raises `Refused`, which has been reported by then, where the list does not name what the event asks for."""
        if event not in KINDS or getattr(self._looking, "now", False):
            return
        # What looking at the list opens by itself is none of the program's doing.
        self._looking.now = True
        try:
            attempt = describe(event, args)
            if attempt is None or self._permits(event, args):
                return
            self.refresh()
            if self._permits(event, args):
                return
        finally:
            self._looking.now = False
        self.report(attempt)
        raise Refused(errno.EPERM, f"not in this program's list: {attempt.kind} {attempt.target}")

    def _permits(self, event: str, args: tuple[Any, ...]) -> bool:
        kind = KINDS[event]
        if kind == "open":
            # A raw socket would go by the list; its type is in the lowest bits.
            return args[1] in FAMILIES and args[2] & 0xF != socket.SOCK_RAW
        if kind == "look up":
            return self._may_look_up(event, args[0])
        if kind not in ("connect", "listen"):
            return False
        address = args[1]
        if isinstance(address, str | bytes):
            return os.fsdecode(address) in self.reach.sockets
        host, port = str(address[0]), int(address[1])
        if kind == "listen":
            return (host, port) in self.reach.listens
        return any(port == each and self._is(host, name) for name, each in self.reach.hosts)

    def _may_look_up(self, event: str, asked: Any) -> bool:
        if event in ("socket.getnameinfo", "socket.gethostbyaddr"):
            return False
        host = _text(asked)
        # Without a name, or with an address in its place, nobody is asked.
        names = {name for name, _ in self.reach.hosts} | {name for name, _ in self.reach.listens}
        return not host or _normal(host) is not None or host.lower() in names

    def _is(self, address: str, name: str) -> bool:
        """Whether the numeric address is the host's, now or a short while ago."""
        wanted = _normal(address)
        if wanted is None:
            return address.lower() == name
        if _normal(name) is not None:
            return wanted == _normal(name)
        now = time.monotonic()
        if self._addresses.get((name, wanted), 0.0) < now:
            try:
                found = socket.getaddrinfo(name, None)
            except OSError:
                found = []
            for *_, each in found:
                self._addresses[name, _normal(str(each[0])) or ""] = now + ADDRESS_SECONDS
        return self._addresses.get((name, wanted), 0.0) >= now


def describe(event: str, args: tuple[Any, ...]) -> Attempt | None:
    """What a watched event asks for; None where nothing leaves, such as sending on a socket that is connected."""
    kind = KINDS[event]
    if kind in ("connect", "listen"):
        if args[1] is None:
            return None
        return Attempt(event, kind, _address(args[1]))
    if kind == "look up":
        return Attempt(event, kind, _address(args[0]))
    if kind == "open":
        return Attempt(event, kind, f"a socket of family {int(args[1])} and type {int(args[2])}")
    if kind == "start":
        # os.spawn has its mode first.
        return Attempt(event, kind, _program(args[1:] if event == "os.spawn" else args))
    return Attempt(event, kind, "this program")


def _program(args: tuple[Any, ...]) -> str:
    """The program's path alone: its arguments may hold anything."""
    first = args[0]
    if first is None and len(args) > 1:
        first = args[1][0] if isinstance(args[1], list | tuple) and args[1] else args[1]
    if isinstance(first, list | tuple):
        first = first[0] if first else ""
    text = _text(first)
    return text.split(maxsplit=1)[0] if text.split() else "another program"


def _address(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return _text(address)


def _text(value: Any) -> str:
    return os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else "" if value is None else str(value)


def _normal(address: str) -> str | None:
    """One spelling of a numeric address; None for a name."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
