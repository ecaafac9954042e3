"""`veilsight run`: the three programs in the foreground for one person at a terminal, others when they are asked for.

On a server systemd does this, under three system users. Here each program is a child process with a pipe as its
standard input that only this process holds open: when this process ends, however it ends, the pipe closes and the
children stop by themselves. Through the same pipe each is handed what it needs of the site's vault.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.errors import VeilsightError
from appliance.services.activation import Activation
from appliance.settings import Paths
from appliance.storage.keys import load_parts
from appliance.storage.vault import COURIER_PART, DATABASE_PART, SIGNING_PART, Part

PROGRAMS = ("engine", "web", "courier")
# What each needs of the vault: the web program alone can sign, the courier alone opens destinations.
NEEDS: Mapping[str, Sequence[Part]] = {
    "engine": (DATABASE_PART,),
    "web": (DATABASE_PART, SIGNING_PART),
    "courier": (DATABASE_PART, COURIER_PART),
}
STOP_SECONDS = 20.0


class ProgramEnded(VeilsightError):
    """One of the three programs ended by itself."""


@dataclass(frozen=True)
class Programs:
    """The running children by program name, and what starts others on demand; a context manager, which stops all."""

    processes: Mapping[str, subprocess.Popen[bytes]]
    on_demand: Sequence[Activation] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_programs(self)


def child_command(paths: Paths, *arguments: str) -> list[str]:
    """The command line that runs `veilsight` again with the same state directory."""
    return [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), *arguments]


def start_programs(paths: Paths, programs: Sequence[str] = PROGRAMS) -> Programs:
    """Start the named programs as children that stop when this process ends.

    Raises `KeyMissing` and `KeyUnusable` where the site's vault can't be opened.
    """
    parts = load_parts(paths)
    # Before the web program, which may be asked for it at once.
    on_demand = _await_clients(paths) if "web" in programs else ()
    processes: dict[str, subprocess.Popen[bytes]] = {}
    for program in programs:
        processes[program] = subprocess.Popen(
            child_command(paths, program, "--stop-with-parent", "--keys-from-parent"),
            stdin=subprocess.PIPE,
            # Ctrl-C at the terminal goes to this process alone, which then stops the children in order.
            start_new_session=True,
        )
        hand_over(processes[program], {part: parts[part] for part in NEEDS[program]})
    return Programs(processes, on_demand)


def _await_clients(paths: Paths) -> tuple[Activation, ...]:
    """Redactor and searcher are given neither keys nor standard input: they need none, and end with their client."""

    def await_client(path: Path, program: str) -> Activation:
        return Activation(path, lambda descriptor: child_command(paths, program, "--socket-fd", str(descriptor)))

    return await_client(paths.redaction_socket, "redactor"), await_client(paths.search_socket, "searcher")


def parts_for(program: str, paths: Paths) -> dict[str, bytes]:
    """What the program needs of the vault, and no more. Raises `KeyMissing` and `KeyUnusable`."""
    parts = load_parts(paths)
    return {part: parts[part] for part in NEEDS[program]}


def hand_over(process: subprocess.Popen[bytes], parts: Mapping[Part, bytes]) -> None:
    """Give a child its parts of the vault, on the first line of its standard input."""
    line = json.dumps({part: secret.hex() for part, secret in parts.items()}).encode("ascii") + b"\n"
    if process.stdin:
        # A child that has ended already is reported by whoever waits for it.
        with suppress(BrokenPipeError):
            process.stdin.write(line)
            process.stdin.flush()


def take_over(line: str) -> dict[str, bytes]:
    """The parts of the vault that the parent process handed over; none where it ended before."""
    return {part: bytes.fromhex(secret) for part, secret in json.loads(line or "{}").items()}


def stop_programs(programs: Programs) -> None:
    """Ask each program to stop, wait for all, and end those that do not."""
    for process in programs.processes.values():
        if process.stdin:
            process.stdin.close()
    for process in programs.processes.values():
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for activation in programs.on_demand:
        activation.close()


def wait_for_programs(programs: Programs, stop: threading.Event, seconds: float | None = None) -> None:
    """Return when `stop` is set or `seconds` are over; raises `ProgramEnded` if a program ends before."""
    ended = threading.Event()
    for process in programs.processes.values():
        threading.Thread(target=_tell_when_ended, args=(process, ended, stop), daemon=True).start()
    stop.wait(seconds)
    if ended.is_set():
        names = [name for name, process in programs.processes.items() if process.poll() is not None]
        raise ProgramEnded(f"The {' and '.join(names)} program ended by itself; its reason is printed above.")


def _tell_when_ended(process: subprocess.Popen[bytes], ended: threading.Event, stop: threading.Event) -> None:
    process.wait()
    if not stop.is_set():
        ended.set()
        stop.set()


def stop_when_parent_ends(stop: threading.Event) -> None:
    """Set `stop` once standard input reaches its end, which is when the parent process has gone."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        stop.set()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
