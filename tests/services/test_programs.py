"""The web and courier programs, stopped before and after they are at work."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.services.courier import run_courier
from appliance.services.service_manager import ServiceManager
from appliance.services.setup import set_up
from appliance.services.web import run_web
from appliance.settings import Paths, Settings, Web, find_paths
from appliance.storage.database import reading
from appliance.storage.site import open_site
from tests.processes import running

SETTINGS = Settings(web=Web(host="127.0.0.1", port=1024))


def make_site(directory: Path) -> Paths:
    paths = find_paths({}, directory / "state")
    set_up(paths, SETTINGS)
    return paths


def actions(paths: Paths, subject: str) -> list[str]:
    with reading(open_site(paths).engine) as connection:
        return [entry.event.action for entry in log.entries(connection) if entry.event.subject == subject]


def test_a_web_program_stopped_before_it_listens_leaves_no_trace(tmp_path: Path, free_port: int) -> None:
    paths = make_site(tmp_path)
    stop = threading.Event()
    stop.set()
    run_web(paths, Settings(web=Web(host="127.0.0.1", port=free_port)), stop, ServiceManager({}))
    assert actions(paths, "web") in ([], ["started", "stopped"])


def test_a_courier_writes_down_that_it_started_and_stopped(tmp_path: Path) -> None:
    paths = make_site(tmp_path)
    stop = threading.Event()
    stop.set()
    run_courier(paths, SETTINGS, stop, ServiceManager({}))
    assert actions(paths, "courier") == ["started", "stopped"]


def test_a_second_engine_started_by_mistake_ends_and_disturbs_nothing(tmp_path: Path) -> None:
    paths = make_site(tmp_path)
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "engine"]
    environment = {**os.environ, "VEILSIGHT_MODELS": str(tmp_path / "none"), "XDG_RUNTIME_DIR": str(tmp_path)}
    with running(command, env=environment) as first:
        wait_until(lambda: answers(paths.live_socket) or first.poll() is not None)
        second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert "Another engine is running already" in second.stderr
        assert first.poll() is None
        assert answers(paths.live_socket)
        first.terminate()
        assert first.wait(60) == 0
    assert actions(paths, "engine") == ["started", "stopped"]


@pytest.mark.parametrize(
    ("program", "said"),
    [("courier", "Another courier is running already"), ("web", "stop the program that uses it")],
)
def test_a_second_one_started_by_mistake_ends_and_does_nothing(
    program: str, said: str, tmp_path: Path, free_port: int
) -> None:
    paths = make_site(tmp_path)
    paths.settings_file.write_text(f'[web]\nhost = "127.0.0.1"\nport = {free_port}\n')
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), program]
    with running(command) as first:
        wait_until(lambda: actions(paths, program) or first.poll() is not None)
        second = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert said in second.stderr
        assert first.poll() is None
        first.terminate()
        assert first.wait(60) == 0
    assert actions(paths, program) == ["started", "stopped"]


def answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(address)) == 0


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1200):
        if holds():
            return
        pause.wait(0.05)
    raise AssertionError("it did not happen")


def test_setting_up_twice_changes_nothing_and_shows_no_second_password(tmp_path: Path) -> None:
    paths = make_site(tmp_path)
    before = {path: path.read_bytes() for path in paths.keys.iterdir()}
    assert set_up(paths, SETTINGS).password is None
    assert {path: path.read_bytes() for path in paths.keys.iterdir()} == before
