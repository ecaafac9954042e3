"""Programs that stop when the process that started them ends."""

import signal
import subprocess
import sys
import threading

import pytest

from appliance.services.supervisor import ProgramEnded, Programs, stop_programs, wait_for_programs

CHILD = """
import sys, threading
from appliance.services.supervisor import stop_when_parent_ends
stop = threading.Event()
stop_when_parent_ends(stop)
print("ready", flush=True)
stop.wait()
print("stopped", flush=True)
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(600)
"""


def child() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_programs_end_when_they_are_stopped() -> None:
    process = child()
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    stop_programs(Programs({"engine": process}))
    assert process.returncode == 0
    assert process.stdout.read() == b"stopped\n"


def test_a_program_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout
    lines = {parent.stdout.readline(), parent.stdout.readline()}
    assert b"ready\n" in lines
    parent.send_signal(signal.SIGKILL)
    # The pipe ends only when the child, its last holder, has ended too.
    assert parent.stdout.read() == b"stopped\n"
    parent.wait()


def test_a_program_that_ends_by_itself_is_named() -> None:
    ends = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    stays = child()
    programs = Programs({"engine": ends, "web": stays})
    try:
        with pytest.raises(ProgramEnded, match="The engine program"):
            wait_for_programs(programs, threading.Event())
    finally:
        stop_programs(programs)


def test_waiting_ends_with_the_seconds() -> None:
    process = child()
    programs = Programs({"engine": process})
    try:
        wait_for_programs(programs, threading.Event(), seconds=0.01)
        assert process.poll() is None
    finally:
        stop_programs(programs)
