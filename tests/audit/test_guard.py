"""What a list permits, and how an attempt is described. Real programs are tried in tests/real/test_guard.py."""

import contextlib
import socket
from typing import Any

import pytest

from appliance.audit.guard import Attempt, Guard, Reach, Refused

HOSTS = frozenset({("192.0.2.1", 554), ("2001:db8::1", 554), ("localhost", 8443)})
REACH = Reach(hosts=HOSTS, sockets=frozenset({"/run/veilsight/live.sock"}), listens=frozenset({("0.0.0.0", 8443)}))  # noqa: S104


def attempts(reach: Reach, event: str, *args: Any, again: Reach | None = None) -> list[Attempt]:
    """What the guard reported when it was asked; `again` is what the list is when it is looked at again."""
    reported: list[Attempt] = []
    guard = Guard(reach, lambda: again or reach, reported.append)
    with contextlib.suppress(Refused):
        guard.ask(event, args)
        assert reported == [], "it was reported, but not refused"
    return reported


PERMITTED: list[tuple[Any, ...]] = [
    ("socket.connect", None, ("192.0.2.1", 554)),
    ("socket.connect", None, ("::ffff:192.0.2.1", 554, 0, 0)),
    ("socket.connect", None, ("2001:DB8:0::1", 554, 0, 0)),
    ("socket.connect", None, ("127.0.0.1", 8443)),
    ("socket.connect", None, "/run/veilsight/live.sock"),
    ("socket.connect", None, b"/run/veilsight/live.sock"),
    ("socket.sendto", None, ("192.0.2.1", 554)),
    ("socket.sendmsg", None, None),
    ("socket.bind", None, ("0.0.0.0", 8443)),  # noqa: S104
    ("socket.getaddrinfo", "localhost", 1, 0, 0, 0),
    ("socket.getaddrinfo", b"LOCALHOST", 1, 0, 0, 0),
    ("socket.getaddrinfo", "198.51.100.7", 1, 0, 0, 0),
    ("socket.getaddrinfo", None, 1, 0, 0, 0),
    ("socket.__new__", None, socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0),
    ("socket.__new__", None, -1, -1, -1),
    ("open", "/etc/passwd", "r", 0),
]
FORBIDDEN: list[tuple[str, tuple[Any, ...]]] = [
    ("192.0.2.1:555", ("socket.connect", None, ("192.0.2.1", 555))),
    ("192.0.2.2:554", ("socket.connect", None, ("192.0.2.2", 554))),
    ("192.0.2.2:554", ("socket.sendto", None, ("192.0.2.2", 554))),
    ("192.0.2.2:554", ("socket.sendmsg", None, ("192.0.2.2", 554))),
    ("198.51.100.1:8443", ("socket.connect", None, ("198.51.100.1", 8443))),
    ("/run/other.sock", ("socket.connect", None, "/run/other.sock")),
    ("\0abstract", ("socket.connect", None, b"\0abstract")),
    ("127.0.0.1:8443", ("socket.bind", None, ("127.0.0.1", 8443))),
    ("example.org", ("socket.getaddrinfo", "example.org", 443, 0, 0, 0)),
    ("example.org", ("socket.gethostbyname", "example.org")),
    ("192.0.2.1", ("socket.gethostbyaddr", "192.0.2.1")),
    ("192.0.2.1:554", ("socket.getnameinfo", ("192.0.2.1", 554))),
    ("/bin/sh", ("subprocess.Popen", "/bin/sh", ["sh", "-c", "secret"], None, None)),
    ("curl", ("subprocess.Popen", None, ["curl", "secret"], None, None)),
    ("curl", ("os.system", b"curl secret")),
    ("/bin/sh", ("os.exec", "/bin/sh", ["sh", "secret"], None)),
    ("/bin/sh", ("os.posix_spawn", "/bin/sh", ["sh", "secret"], {})),
    ("/bin/sh", ("os.spawn", 0, "/bin/sh", ["sh", "secret"], {})),
    ("sh", ("pty.spawn", ["sh", "secret"])),
    ("this program", ("os.fork",)),
    ("a socket of family 17 and type 3", ("socket.__new__", None, socket.AF_PACKET, socket.SOCK_RAW, 0)),
    ("a socket of family 2 and type 3", ("socket.__new__", None, socket.AF_INET, socket.SOCK_RAW, 1)),
    ("a socket of family 16 and type 2", ("socket.__new__", None, socket.AF_NETLINK, socket.SOCK_DGRAM, 0)),
]


@pytest.mark.parametrize("asked", PERMITTED, ids=repr)
def test_what_the_list_names_is_permitted(asked: tuple[Any, ...]) -> None:
    assert attempts(REACH, *asked) == []


@pytest.mark.parametrize(("target", "asked"), FORBIDDEN, ids=repr)
def test_everything_else_is_refused_and_named_without_its_arguments(target: str, asked: tuple[Any, ...]) -> None:
    (attempt,) = attempts(REACH, *asked)
    assert (attempt.event, attempt.target) == (asked[0], target)
    assert "secret" not in repr(attempt)


def test_an_empty_list_permits_nothing() -> None:
    for _, asked in FORBIDDEN:
        assert attempts(Reach(), *asked)


def test_the_list_is_looked_at_again_before_a_refusal() -> None:
    """A camera that was added a moment ago."""
    asked = ("socket.connect", None, ("192.0.2.9", 554))
    assert attempts(REACH, *asked, again=Reach(hosts=frozenset({("192.0.2.9", 554)}))) == []
    assert attempts(REACH, *asked)


def test_a_host_that_left_the_list_is_refused() -> None:
    lists = iter([REACH, Reach(), Reach()])
    reported: list[Attempt] = []
    guard = Guard(Reach(), lambda: next(lists), reported.append)
    guard.ask("socket.connect", (None, ("192.0.2.1", 554)))
    guard.refresh()
    with pytest.raises(Refused):
        guard.ask("socket.connect", (None, ("192.0.2.1", 554)))
