"""Cameras that are lost in every way come back by themselves, and an engine that is killed goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from appliance.services.supervisor import start_programs
from appliance.settings import Paths, find_paths
from appliance.storage import cameras
from appliance.storage.cameras import Camera, LineSetting
from appliance.storage.site import open_site
from appliance.vision.live import LiveClient, LiveUnavailable
from appliance.vision.pipeline import CameraSource
from tests.conftest import REPOSITORY
from tests.real.cameras import PASSWORD, USERNAME, need_gstreamer, rtsp_server, write_stream
from tests.real.garbage_camera import garbage_camera
from tests.real.network import ALONE, need_network
from tests.real.watching import SECONDS, Watched

RESTARTS = 10
CAMERAS = 8
OWN_HOSTS = ("unshare", "--net", "--mount", "--map-root-user")
PAUSE = threading.Event()


@pytest.fixture(scope="module", autouse=True)
def gstreamer() -> None:
    need_gstreamer()


@pytest.fixture(scope="module")
def stream(pets_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of the clip, small."""
    return write_stream(tmp_path_factory.mktemp("streams") / "clip.ts", pets_clip, 200, sizes=((192, 144),))


def front(address: str, password: str = PASSWORD) -> CameraSource:
    return CameraSource("front", address, USERNAME, password)


def test_a_server_that_is_restarted_ten_times_is_watched_again_each_time(stream: Path) -> None:
    with ExitStack() as stack:
        server, address, port = stack.enter_context(rtsp_server(stream))
        watched = stack.enter_context(Watched(front(address)))
        for _ in range(RESTARTS):
            watched.wait_for_frames()
            server.kill()
            server.wait()
            watched.wait_for_state("failed", "connecting")
            server, _, _ = stack.enter_context(rtsp_server(stream, port))
        watched.wait_for_frames()
        told = [details["state"] for kind, details in watched.events if kind == "camera-state"]
        assert watched.status.reconnects >= RESTARTS
    # Each loss and each return, and not each try in between.
    assert told == ["failed", "streaming"] * RESTARTS


def test_a_server_that_stops_sending_is_given_up_and_found_again(stream: Path) -> None:
    with rtsp_server(stream) as (server, address, _), Watched(front(address)) as watched:
        watched.wait_for_frames()
        server.send_signal(signal.SIGSTOP)
        assert watched.wait_for_state("stalled", "failed") == "stalled"
        watched.wait_for_state("failed")
        assert "silent for 5 seconds" in watched.status.last_error
        server.send_signal(signal.SIGCONT)
        watched.wait_for_frames()
        assert watched.wait_for_state("streaming")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_whose_packets_are_lost_is_given_up_and_found_again(stream: Path, transport: str) -> None:
    need_network()
    command = [*ALONE, sys.executable, "-m", "tests.real.lossy_camera", str(stream), "silence", transport]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    # The connection was never closed: it is said to be stalled before it is given up.
    assert seen["states"] == ["stalled", "failed", "streaming"]
    assert "silent for 5 seconds" in seen["said"]
    assert seen["before"] >= 3
    assert seen["after"] >= 3


def test_a_change_of_resolution_is_watched_through(pets_clip: Path, tmp_path: Path) -> None:
    clip = write_stream(tmp_path / "sizes.ts", pets_clip, 15, sizes=((192, 144), (384, 288)))
    with rtsp_server(clip) as (_, address, _), Watched(front(address)) as watched:
        while (384, 288) not in watched.sizes:
            watched.wait_for_frames(1)
        assert watched.status.reconnects == 0
        assert set(watched.sizes) == {(192, 144), (384, 288)}


def test_a_wrong_password_is_told_and_not_tried_again_and_again(stream: Path) -> None:
    with rtsp_server(stream) as (_, address, _), Watched(front(address, "guessed")) as watched:
        watched.wait_for_state("failed")
        assert "it refuses the user name or the password" in watched.status.last_error
        watched.stop.wait(2.5)
        assert watched.status.reconnects <= 2
        assert watched.sizes == []
    assert "guessed" not in str(watched.events)


def test_a_camera_that_sends_rubbish_disturbs_no_other(stream: Path) -> None:
    with (
        garbage_camera() as rubbish,
        rtsp_server(stream) as (_, address, _),
        Watched(front(rubbish)) as bad,
        Watched(front(address)) as good,
    ):
        bad.wait_for_state("failed", "streaming")
        good.wait_for_frames(20)
        assert good.status.reconnects == 0


def test_a_name_that_stops_resolving_is_told_and_the_camera_comes_back_with_it(stream: Path) -> None:
    if subprocess.run([*OWN_HOSTS, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a namespace (unshare --net --mount)")
    command = [*OWN_HOSTS, sys.executable, "-m", "tests.real.renamed_camera", str(stream)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "the name camera.test is not known in this network" in seen["said"]
    assert seen["before"] >= 3
    assert seen["after"] >= 3


@pytest.fixture
def paths(tmp_path: Path, default_models: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    for name in ("CREDENTIALS_DIRECTORY", "VEILSIGHT_SETTINGS", "VEILSIGHT_RUN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VEILSIGHT_MODELS", str(default_models))
    state = tmp_path / "state"
    state.mkdir()
    reason = "Tests compare exact numbers."
    (state / "settings.toml").write_text(f'[anonymity]\nmode = "off"\nreason = "{reason}"\n')
    return find_paths(os.environ, state)


def set_up(paths: Paths, address: str) -> None:
    """A site with `CAMERAS` cameras at the address."""
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "setup"]
    subprocess.run(command, capture_output=True, check=True)
    site, door = open_site(paths), LineSetting("door", 0.5, 0.1, 0.5, 0.9)
    with site.engine.begin() as connection:
        for number in range(CAMERAS):
            camera = Camera(f"camera-{number}", address, USERNAME, PASSWORD, lines=(door,), rate=2.0)
            cameras.add(connection, camera)
    site.engine.dispose()


def until_all_stream(paths: Paths) -> dict[str, float]:
    """The seconds observed so far of each camera, once all of them stream."""
    live = LiveClient(paths.live_socket)
    for _ in range(int(2 * SECONDS / 0.1)):
        try:
            status: dict[str, Any] = live.status()
        except LiveUnavailable:
            status = {"cameras": [], "open_bucket": None}
        if [camera["state"] for camera in status["cameras"]] == ["streaming"] * CAMERAS and status["open_bucket"]:
            observed = {
                each["camera"]: each["value"]
                for each in status["open_bucket"]["measurements"]
                if each["measure"] == "observed_seconds"
            }
            if len(observed) == CAMERAS and min(observed.values()) > 0:
                return observed
        PAUSE.wait(0.1)
    raise AssertionError(f"the cameras did not all stream: {status['cameras']}")


def test_an_engine_that_is_killed_goes_on_with_all_cameras_and_counts_nothing_twice(paths: Paths, stream: Path) -> None:
    with rtsp_server(stream) as (_, address, _):
        set_up(paths, address)
        with start_programs(paths, ["engine"]) as first:
            until_all_stream(paths)
            # Longer than between two copies of the open buckets.
            PAUSE.wait(4.0)
            before = until_all_stream(paths)
            first.processes["engine"].kill()
            first.processes["engine"].wait()
        with start_programs(paths, ["engine"]):
            after = until_all_stream(paths)
    lost = [before[name] - after[name] for name in before]
    # A copy is made every three seconds; nothing is counted that was not seen.
    assert max(lost) < 5.0
    assert min(lost) > -SECONDS / 2
