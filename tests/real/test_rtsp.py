"""Cameras over RTSP and HTTP, by real servers on the loopback interface."""

import contextlib
import itertools
import json
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from appliance.vision.camera_status import CameraStatus
from appliance.vision.catalogue import load_catalogue
from appliance.vision.live import Hub
from appliance.vision.pipeline import CameraSource, run_camera
from appliance.vision.runtime import load_detectors
from appliance.vision.sources import Source, SourceError, SourceStopped, Transport, open_source
from tests.conftest import REPOSITORY
from tests.real.cameras import (
    PASSWORD,
    USERNAME,
    Pictures,
    difference,
    need_gstreamer,
    read_pictures,
    rtsp_server,
    write_stream,
)
from tests.real.garbage_camera import garbage_camera
from tests.real.network import ALONE, need_network

SECONDS = 60.0
FRAMES = 40


@pytest.fixture(scope="module", autouse=True)
def gstreamer() -> None:
    need_gstreamer()


@pytest.fixture(scope="module")
def streams(pets_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Four seconds of the clip as H.264 and as H.265."""
    directory = tmp_path_factory.mktemp("streams")
    return {codec: write_stream(directory / f"{codec}.ts", pets_clip, FRAMES, codec) for codec in ("h264", "h265")}


@pytest.fixture(scope="module")
def filmed(pets_clip: Path) -> Pictures:
    """What the streams show, every eighth pixel of it."""
    return read_pictures(pets_clip, FRAMES)


def watch(address: str, transport: Transport = "tcp", stop: threading.Event | None = None) -> Source:
    return open_source(address, "front", username=USERNAME, password=PASSWORD, transport=transport, stop=stop)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("codec", "name"), [("h264", "h264"), ("h265", "hevc")])
def test_frames_arrive(streams: dict[str, Path], filmed: Pictures, codec: str, name: str, transport: Transport) -> None:
    with rtsp_server(streams[codec], codec=codec) as (_, address, _), watch(address, transport) as source:
        taken = list(itertools.islice(source, 5))
        assert (source.codec, source.transport, source.decoder) == (name, transport, "software")
        assert ("over UDP packets may be lost" in source.decoder_reason) == (transport == "udp")
        assert source.frame_rate == 10
    # FFmpeg's H.265 decoder does not tell that packets were lost, so over UDP no frame of it is sure.
    unsure = (codec, transport) == ("h265", "udp")
    assert [(frame.width, frame.height, frame.damaged) for frame in taken] == [(768, 576, unsure)] * 5
    assert all(later.monotonic > earlier.monotonic for earlier, later in itertools.pairwise(taken))
    assert difference(taken[0], filmed) < 5


def test_a_camera_s_own_clock_tells_how_late_its_frames_are(streams: dict[str, Path]) -> None:
    with rtsp_server(streams["h264"]) as (_, address, _), watch(address) as source:
        for _ in source:
            if source.delay is not None:
                break
        # The same machine's clock: as late as the server's own buffering.
        assert -0.1 < source.delay < 2.0


def test_frames_arrive_encrypted(streams: dict[str, Path], tmp_path: Path) -> None:
    certificate, key = tmp_path / "camera.pem", tmp_path / "camera.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=camera"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], capture_output=True, check=True)
    with rtsp_server(streams["h264"], tls=(certificate, key)) as (_, address, _), watch(address) as source:
        assert address.startswith("rtsps://")
        assert next(iter(source)).width == 768


def test_a_server_that_is_killed_and_started_again_is_watched_again(streams: dict[str, Path]) -> None:
    port = 0
    for _ in range(3):
        with rtsp_server(streams["h264"], port) as (server, address, port), watch(address) as source:
            frames = iter(source)
            assert next(frames).width == 768
            server.kill()
            with pytest.raises(SourceStopped, match="The camera front"):
                list(frames)


def test_a_change_of_resolution_arrives(pets_clip: Path, tmp_path: Path) -> None:
    clip = write_stream(tmp_path / "sizes.ts", pets_clip, 15, sizes=((768, 576), (384, 288)))
    sizes = []
    with rtsp_server(clip) as (_, address, _), watch(address) as source:
        for frame in source:
            sizes.append((frame.width, frame.height))
            if frame.width == 384:
                break
    assert set(sizes) == {(768, 576), (384, 288)}


def test_whoever_stops_a_silent_camera_does_not_wait_for_it(streams: dict[str, Path]) -> None:
    stop = threading.Event()
    with rtsp_server(streams["h264"]) as (server, address, _):
        with watch(address, "tcp", stop) as first, watch(address, "udp", stop) as second:
            frames = [iter(first), iter(second)]
            for each in frames:
                next(each)
            server.send_signal(signal.SIGSTOP)
            threading.Timer(0.2, stop.set).start()
            for _ in itertools.chain(*frames):
                pass
        threads = [first._thread, second._thread]
        # FFmpeg still waits for the camera; it gives up by itself.
        assert all(thread is not None and thread.is_alive() for thread in threads)
        for thread in threads:
            thread.join(SECONDS)
            assert not thread.is_alive()


def test_whoever_stops_a_camera_that_does_not_open_does_not_wait_for_it(streams: dict[str, Path]) -> None:
    stop = threading.Event()
    with rtsp_server(streams["h264"]) as (server, address, _):
        server.send_signal(signal.SIGSTOP)
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(SourceStopped, match="no longer wanted"):
            watch(address, stop=stop)


def watched_with_loss(percent: int, stream: Path, pets_clip: Path) -> list[dict[str, object]]:
    """What `lossy_camera` saw."""
    need_network()
    command = [*ALONE, sys.executable, "-m", "tests.real.lossy_camera", str(stream), "loss", str(percent)]
    command += [str(pets_clip), str(FRAMES)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen: list[dict[str, object]] = json.loads(done.stdout)
    return seen


def test_what_lost_packets_spoil_is_said_to_be_damaged(streams: dict[str, Path], pets_clip: Path) -> None:
    seen = watched_with_loss(2, streams["h264"], pets_clip)
    assert len(seen) > FRAMES / 2
    judged = {(each["spoilt"], each["damaged"]) for each in seen}
    assert (True, True) in judged
    assert (True, False) not in judged


def test_a_camera_that_loses_a_fifth_of_its_packets_still_streams(streams: dict[str, Path], pets_clip: Path) -> None:
    seen = watched_with_loss(20, streams["h264"], pets_clip)
    assert len(seen) >= 10
    assert {tuple(each["size"]) for each in seen} == {(768, 576)}
    assert not any(each["spoilt"] and not each["damaged"] for each in seen)


def test_rubbish_gives_no_picture_that_counts_as_one() -> None:
    with garbage_camera() as address, watch(address) as source:
        damaged = []
        with contextlib.suppress(SourceStopped):
            damaged.extend(frame.damaged for frame in itertools.islice(source, 20))
    assert all(damaged)
    assert source.damaged > 0


def test_a_camera_whose_cable_is_pulled_comes_back(streams: dict[str, Path]) -> None:
    need_network()
    command = [*ALONE, sys.executable, "-m", "tests.real.unplugged_camera", str(streams["h264"])]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert (seen["before"], seen["after"]) == (5, 5)
    assert "silent for 5 seconds" in seen["failure"]


def test_a_wrong_password_is_one_sentence_without_it(streams: dict[str, Path]) -> None:
    with rtsp_server(streams["h264"]) as (_, address, _), pytest.raises(SourceError) as caught:
        open_source(address, "front", username="viewer", password="guessed")
    assert "it refuses the user name or the password" in str(caught.value)
    assert "guessed" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


def test_a_camera_s_status_tells_how_it_is_read(streams: dict[str, Path], default_models: Path, tmp_path: Path) -> None:
    detectors = load_detectors(default_models, tmp_path, ("CPU",), load_catalogue(), ("people-vehicles",))
    status, stop, analysed = CameraStatus("front"), threading.Event(), threading.Event()
    events: list[object] = []
    with rtsp_server(streams["h264"]) as (server, address, _):
        thread = threading.Thread(
            target=run_camera,
            args=(CameraSource("front", address, USERNAME, PASSWORD, transport="udp"), detectors, Hub(), status, stop),
            kwargs={
                "on_tracks": lambda *_: analysed.set(),
                "on_event": lambda _kind, details: events.append(details["state"]),
            },
        )
        thread.start()
        assert analysed.wait(SECONDS)
        server.send_signal(signal.SIGSTOP)
        # Who stops a silent camera does not wait for it, and nobody is told that it was lost.
        stop.set()
        thread.join(SECONDS)
    assert not thread.is_alive()
    shown = status.as_json()
    assert (shown["codec"], shown["decoder"], shown["transport"]) == ("h264", "software", "udp")
    assert "failed" not in events


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
