"""What the service manager is told, as it gets it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.services.service_manager import ServiceManager


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def heard(receiver: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(receiver.recv(100).decode())
        except BlockingIOError:
            return messages


def test_life_is_told_a_few_times_in_the_watchdogs_time_however_often_the_program_says_it(
    listening: socket.socket,
) -> None:
    moments = iter(range(101))
    environment = {"NOTIFY_SOCKET": str(listening.getsockname()), "WATCHDOG_USEC": "40000000"}
    manager = ServiceManager(environment, clock=lambda: float(next(moments)))
    manager.ready()
    messages = heard(listening)
    for _ in range(101):
        manager.alive()
        # At once: the kernel holds ten messages or so for one who does not read.
        messages += heard(listening)
    manager.stopping()
    assert messages + heard(listening) == ["READY=1", *["WATCHDOG=1"] * 11, "STOPPING=1"]


def test_a_service_manager_that_reads_nothing_does_not_hold_the_program_up(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.services.service_manager.PATIENCE_SECONDS", 0.001)
    manager = ServiceManager({"NOTIFY_SOCKET": str(listening.getsockname())})
    told = 2000  # more than any usual queue holds
    for _ in range(told):
        manager.ready()
    assert 0 < len(heard(listening)) < told


def test_nothing_is_told_without_a_watchdog_or_a_service_manager(listening: socket.socket) -> None:
    watched = ServiceManager({"NOTIFY_SOCKET": str(listening.getsockname())})
    watched.alive()
    alone = ServiceManager({"WATCHDOG_USEC": "1"})
    alone.ready()
    alone.alive()
    assert heard(listening) == []
