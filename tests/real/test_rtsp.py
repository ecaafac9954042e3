"""A camera over RTSP, by a real server on the loopback interface."""

import itertools
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.vision.catalogue import load_catalogue
from appliance.vision.live import Hub
from appliance.vision.pipeline import CameraSource, CameraStatus, run_camera
from appliance.vision.runtime import load_detectors
from appliance.vision.sources import SourceError, SourceStopped, open_source

SERVER = Path(__file__).with_name("rtsp_server.py")
NEEDED = "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')"
SECONDS = 60.0


@pytest.fixture(scope="module", autouse=True)
def gstreamer() -> None:
    """Skips where Debian's GStreamer isn't."""
    python = Path("/usr/bin/python3")
    if not python.exists() or subprocess.run([python, "-c", NEEDED], capture_output=True, check=False).returncode:
        pytest.skip("the camera needs Debian's python3-gi and gir1.2-gst-rtsp-server-1.0 (packaging/apt-test.txt)")


@contextmanager
def rtsp_server(clip: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """The server's process, its stream's address and its port. User name and password: viewer, s3cret/word."""
    command = ["/usr/bin/python3", str(SERVER), str(clip), str(port), "viewer", "s3cret/word"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            bound = int(server.stdout.readline())
            yield server, f"rtsp://127.0.0.1:{bound}/stream", bound
        finally:
            server.kill()


def test_a_camera_s_frames_arrive_until_it_goes_away(pets_clip: Path) -> None:
    with (
        rtsp_server(pets_clip) as (server, address, _),
        open_source(address, "front", username="viewer", password="s3cret/word") as source,
    ):
        frames = iter(source)
        taken = list(itertools.islice(frames, 5))
        assert [(frame.width, frame.height) for frame in taken] == [(768, 576)] * 5
        assert all(later.monotonic > earlier.monotonic for earlier, later in itertools.pairwise(taken))
        assert source.live
        assert source.codec == "h264"
        server.kill()
        with pytest.raises(SourceStopped, match="The camera front"):
            list(frames)


def test_a_wrong_password_is_one_sentence_without_it(pets_clip: Path) -> None:
    with rtsp_server(pets_clip) as (_, address, _), pytest.raises(SourceError) as caught:
        open_source(address, "front", username="viewer", password="guessed")
    assert "it refuses the user name or the password" in str(caught.value)
    assert "guessed" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


def test_a_camera_that_was_away_is_watched_again(pets_clip: Path, default_models: Path, tmp_path: Path) -> None:
    detectors = load_detectors(default_models, tmp_path, ("CPU",), load_catalogue(), ("people-vehicles",))
    sizes: queue.Queue[tuple[int, int]] = queue.Queue()
    states: queue.Queue[object] = queue.Queue()
    status, stop = CameraStatus("front"), threading.Event()
    with rtsp_server(pets_clip) as (first, address, port):
        camera = CameraSource("front", address, "viewer", "s3cret/word")
        thread = threading.Thread(
            target=run_camera,
            args=(camera, detectors, Hub(), status, stop),
            kwargs={
                "on_tracks": lambda _moment, _monotonic, _tracks, width, height: sizes.put((width, height)),
                "on_event": lambda _kind, details: states.put(details["state"]),
            },
        )
        thread.start()
        assert sizes.get(timeout=SECONDS) == (768, 576)
        first.kill()
        assert states.get(timeout=SECONDS) in ("streaming", "failed")
        while status.state == "streaming":
            thread.join(0.01)
    while not sizes.empty():
        sizes.get()
    assert "s3cret" not in str(status.as_json())
    with rtsp_server(pets_clip, port):
        assert sizes.get(timeout=SECONDS) == (768, 576)
        stop.set()
        thread.join(SECONDS)
    assert not thread.is_alive()
    assert status.reconnects >= 1


def test_a_camera_that_sends_nothing_is_said_to_be_stalled(
    pets_clip: Path, default_models: Path, tmp_path: Path
) -> None:
    detectors = load_detectors(default_models, tmp_path, ("CPU",), load_catalogue(), ("people-vehicles",))
    status, stop, analysed = CameraStatus("front"), threading.Event(), threading.Event()
    with rtsp_server(pets_clip) as (server, address, _):
        thread = threading.Thread(
            target=run_camera,
            args=(CameraSource("front", address, "viewer", "s3cret/word"), detectors, Hub(), status, stop),
            kwargs={"on_tracks": lambda *_: analysed.set(), "on_event": lambda _kind, _details: None},
        )
        thread.start()
        assert analysed.wait(SECONDS)
        server.send_signal(signal.SIGSTOP)
        while (seen := status.as_json())["state"] == "streaming":
            thread.join(0.01)
        assert (seen["state"], seen["last_error"]) == ("stalled", "The camera is connected and sends no picture.")
        analysed.clear()
        server.send_signal(signal.SIGCONT)
        assert analysed.wait(SECONDS)
        while status.as_json()["state"] != "streaming":
            thread.join(0.01)
        stop.set()
        thread.join(SECONDS)
    assert not thread.is_alive()
