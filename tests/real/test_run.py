"""`veilsight run`: the three programs on a real clip, as an installer sets them up at a terminal."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.audit import log
from appliance.reports.verify import verify_report
from appliance.settings import find_paths
from appliance.storage.database import reading
from appliance.storage.keys import load_public_key
from appliance.storage.site import open_site
from appliance.vision.live import LiveClient, LiveUnavailable

SECONDS = 90.0
PAUSE = threading.Event()


@dataclass(frozen=True)
class Installation:
    """A state directory and the command that works on it."""

    state: Path
    destination: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "appliance.cli.main", "--state", str(self.state), *arguments]

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def cameras(self) -> dict[str, Any]:
        """The running engine's cameras by name; empty while it is not there."""
        try:
            status = LiveClient(find_paths({}, self.state).live_socket).status()
        except LiveUnavailable:
            return {}
        return {camera["name"]: camera for camera in status["cameras"]}

    def actions(self) -> list[tuple[str, str]]:
        """Action and subject of each audit entry."""
        site = open_site(find_paths({}, self.state))
        with reading(site.engine) as connection:
            return [(entry.event.action, entry.event.subject) for entry in log.entries(connection)]


def wait_until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(int(SECONDS / 0.1)):
        if holds():
            return
        PAUSE.wait(0.1)
    raise AssertionError(f"{what} did not happen within {SECONDS:g} seconds")


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, default_models: Path, pets_clip: Path, free_port: int
) -> Installation:
    folder = tmp_path_factory.mktemp("site")
    state, destination = folder / "state", folder / "share"
    state.mkdir()
    destination.mkdir()
    (state / "settings.toml").write_text(
        f'[web]\nhost = "127.0.0.1"\nport = {free_port}\n[[destinations]]\nname = "share"\nfolder = "{destination}"\n'
    )
    variables = {name: value for name, value in os.environ.items() if not name.startswith("VEILSIGHT_")}
    installed = Installation(state, destination, variables | {"VEILSIGHT_MODELS": str(default_models)})
    assert installed.call("setup").returncode == 0
    line = ("--line", "door=0.45,0.25,0.45,0.95", "--loop", "--realtime")
    assert installed.call("camera", "add", "walk", str(pets_clip), *line).returncode == 0
    return installed


@pytest.fixture(scope="module")
def running(installation: Installation) -> Iterator[Installation]:
    process = subprocess.Popen(
        installation.command("run"), env=installation.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        wait_until(lambda: bool(installation.cameras().get("walk", {}).get("analysed_frames")), "a first frame")
        yield installation
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
    # The open bucket waits there for the next start, which does not come.
    memory = find_paths(installation.environment, installation.state).memory
    assert memory is not None
    assert list(memory.glob("*.json"))
    shutil.rmtree(memory)
    stopped = [subject for action, subject in installation.actions() if action == "stopped"]
    assert sorted(stopped) == ["courier", "engine", "web"]


def test_doctor_finds_nothing_wrong(running: Installation) -> None:
    result = running.call("doctor", "--json")
    states = {finding["check"]: finding["state"] for finding in json.loads(result.stdout)}
    # A machine may be without these, too slow for each picture, and swap; a key file and a checkout are for trying out.
    machine = ("NPU", "GPU", "swap", "time", "disk", "updates")
    assert {states.pop(name) for name in ("page", "camera walk", "keys", *machine)} <= {"fine", "note"}
    assert set(states.values()) == {"fine"}
    assert result.returncode == 0


def test_settings_change_while_it_runs_and_disturb_no_other_camera(running: Installation, pets_clip: Path) -> None:
    def lines() -> set[tuple[str, str]]:
        status = LiveClient(find_paths({}, running.state).live_socket).status()
        counted = status["open_bucket"]["measurements"] if status["open_bucket"] else ()
        return {(each["camera"], each["place"]) for each in counted if each["measure"] == "crossings"}

    assert running.call("camera", "add", "other", str(pets_clip), "--loop", "--realtime", "--rate", "5").returncode == 0
    wait_until(lambda: bool(running.cameras().get("other", {}).get("analysed_frames")), "the other camera's frame")
    before = running.cameras()
    assert running.call("camera", "line", "add", "other", "gate=0.62,0.25,0.62,0.95").returncode == 0
    wait_until(lambda: ("other", "gate") in lines(), "the count at the new line")
    assert running.cameras()["other"]["analysed_frames"] >= before["other"]["analysed_frames"]
    assert running.call("camera", "line", "remove", "other", "gate").returncode == 0
    wait_until(lambda: ("other", "gate") not in lines(), "the end of the count at that line")
    assert running.call("camera", "disable", "other").returncode == 0
    wait_until(lambda: running.cameras()["other"]["state"] == "disabled", "the camera's end")
    assert running.call("camera", "enable", "other").returncode == 0
    wait_until(lambda: running.cameras()["other"]["state"] == "streaming", "the camera's return")
    assert running.call("camera", "remove", "other").returncode == 0
    wait_until(lambda: "other" not in running.cameras(), "the camera's removal")
    after = running.cameras()["walk"]
    assert (after["state"], after["reconnects"]) == ("streaming", before["walk"]["reconnects"])
    assert after["analysed_frames"] > before["walk"]["analysed_frames"]


def test_a_camera_comes_and_goes_while_it_runs(running: Installation, pets_clip: Path) -> None:
    before = running.cameras()["walk"]["analysed_frames"]
    assert running.call("camera", "add", "second", str(pets_clip), "--loop", "--realtime").returncode == 0
    wait_until(lambda: bool(running.cameras().get("second", {}).get("analysed_frames")), "the second camera's frame")
    assert running.call("camera", "remove", "second").returncode == 0
    wait_until(lambda: "second" not in running.cameras(), "the second camera's end")
    assert running.cameras()["walk"]["analysed_frames"] > before


def test_a_report_reaches_its_destination_and_verifies_there(running: Installation) -> None:
    days = ("--from", "2026-01-01", "--to", "2026-01-01")
    built = running.call("report", "build", *days)
    assert built.returncode == 0, built.stderr
    wait_until(lambda: len(list(running.destination.glob("*.pdf"))) == 1, "the delivery")
    report = next(running.destination.glob("*.pdf"))
    assert verify_report(report, load_public_key(find_paths({}, running.state))).valid
    wait_until(lambda: ("report-delivered", report.name) in running.actions(), "the delivery's entry")


def test_the_engine_leaves_no_core_dump(running: Installation) -> None:
    wanted = [*running.command("engine")[1:], "--stop-with-parent", "--keys-from-parent"]
    command_lines = {
        path.parent: path.read_bytes().decode(errors="replace").split("\0")[1:-1]
        for path in Path("/proc").glob("[0-9]*/cmdline")
    }
    engine = next(process for process, words in command_lines.items() if words == wanted)
    limits = (engine / "limits").read_text().splitlines()
    assert next(line for line in limits if line.startswith("Max core file size")).split()[4:6] == ["0", "0"]


def test_a_second_engine_is_refused(running: Installation) -> None:
    second = running.call("engine")
    assert second.returncode == 1
    assert second.stderr.startswith("veilsight: Another engine is running")
    assert second.stderr.count("\n") == 1


def test_the_audit_log_verifies_while_everything_runs(running: Installation) -> None:
    result = running.call("audit", "verify")
    assert result.returncode == 0
    assert result.stdout.startswith("audit log verified: ")
