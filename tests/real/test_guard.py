"""The guard in the real programs: a dependency that calls home is kept in, and what the list names goes on working."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.audit.log import Event
from appliance.services.setup import set_up
from appliance.settings import Paths, find_paths, load_settings
from appliance.storage import cameras
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.site import open_site

HOMESICK = Path(__file__).parent / "homesick.py"
SECONDS = 90.0
PAUSE = threading.Event()


@pytest.fixture
def paths(tmp_path: Path, free_port: int) -> Paths:
    made = find_paths({}, tmp_path / "state")
    made.state.mkdir()
    made.settings_file.write_text(f'[web]\nhost = "127.0.0.1"\nport = {free_port}\n', encoding="utf-8")
    set_up(made, load_settings(made.settings_file))
    return made


@pytest.fixture
def home() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@contextmanager
def running(paths: Paths, program: str, home: socket.socket) -> Iterator[Callable[[], dict[str, str]]]:
    """The real program with the homesick dependency; gives a function that lets it call home and tells what came."""
    folder = paths.state.parent / f"homesick-{program}"
    folder.mkdir()
    shutil.copy(HOMESICK, folder / "sitecustomize.py")
    when, result = folder / "when", folder / "result"
    variables = {name: value for name, value in os.environ.items() if not name.startswith("VEILSIGHT_")} | {
        "PYTHONPATH": str(folder),
        "HOMESICK_WHEN": str(when),
        "HOMESICK_RESULT": str(result),
        "HOMESICK_PORT": str(home.getsockname()[1]),
        "VEILSIGHT_MODELS": str(folder / "no-models"),
    }
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), program, "--stop-with-parent"]
    process = subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def call_home() -> dict[str, str]:
        wait_until(lambda: ("started", program) in happened(paths), process)
        result.unlink(missing_ok=True)
        when.touch()
        wait_until(result.exists, process)
        found: dict[str, str] = json.loads(result.read_text())
        return found

    try:
        yield call_home
    finally:
        _, problems = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, problems
    # What is refused is in the program's own log too.
    assert "The guard refused to start /bin/true" in problems


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(int(SECONDS / 0.1)):
        if holds():
            return
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        PAUSE.wait(0.1)
    raise AssertionError(f"nothing happened within {SECONDS:g} seconds")


def happened(paths: Paths) -> set[tuple[str, str]]:
    return {(event.action, event.subject) for event in events(paths)}


def events(paths: Paths) -> list[Event]:
    with reading(open_site(paths).engine) as connection:
        return [entry.event for entry in log.entries(connection)]


@pytest.mark.parametrize("program", ["engine", "web", "courier"])
def test_a_program_can_not_call_home_and_says_who_tried(paths: Paths, program: str, home: socket.socket) -> None:
    with running(paths, program, home) as call_home:
        found = call_home()
    assert found == dict.fromkeys(found, "refused")
    assert len(found) == 8
    with pytest.raises(BlockingIOError):
        home.accept()
    refused = [event for event in events(paths) if event.action == "guard-refused"]
    assert {event.actor for event in refused} == {f"program:{program}"}
    port = home.getsockname()[1]
    assert sorted((event.subject, event.destination) for event in refused if event.subject != "open") == [
        ("connect", f"127.0.0.1:{port}"),
        ("connect", f"127.0.0.1:{port}"),
        ("listen", "127.0.0.1:0"),
        ("look up", "home.example"),
        ("start", "/bin/true"),
        ("start", "/bin/true"),
        ("start", "true"),
    ]


def test_a_camera_that_comes_while_the_engine_runs_is_in_its_list(paths: Paths, home: socket.socket) -> None:
    """The camera is on this machine, so that its own port is permitted, and nothing else."""
    port = home.getsockname()[1]
    with running(paths, "engine", home) as call_home:
        assert call_home()["connect"] == "refused"
        with open_site(paths).engine.begin() as connection:
            cameras.add(connection, Camera("front", f"http://127.0.0.1:{port}/stream"))
        # It tries again at once: before refusing, the guard looks at the cameras again.
        assert call_home()["connect"] == "done"


def test_the_courier_reaches_a_destination_by_its_name(paths: Paths, home: socket.socket) -> None:
    """The settings name the host; what is connected to is one of its addresses."""
    destination = f'[[destinations]]\nname = "home"\nurl = "https://localhost:{home.getsockname()[1]}/"\n'
    paths.settings_file.write_text(paths.settings_file.read_text() + destination, encoding="utf-8")
    with running(paths, "courier", home) as call_home:
        found = call_home()
    assert {name for name, outcome in found.items() if outcome == "done"} == {"connect", "datagram"}
