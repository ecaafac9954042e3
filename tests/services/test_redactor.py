"""The redactor: one uploaded file in a process of its own, which ends with it and leaves nothing."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from appliance.services import redactor
from appliance.services.activation import Activation
from appliance.services.redactor import serve_one
from appliance.settings import Paths, find_paths
from appliance.vision.redaction_socket import (
    PART_BYTES,
    Answer,
    Order,
    RedactionClient,
    RedactionRefused,
    RedactionTask,
    RedactorUnavailable,
)
from appliance.vision.runtime import Detectors
from tests.vision.scripted import detectors
from tests.vision.test_recordings import SeesWhite, grey, shows_white, with_white, write_video
from tests.web.conftest import wait_until

MARK = b"veilsight-raw-upload"
COVER = ("faces", "plates")


@dataclass
class Served:
    """The redactor's work in a thread, as its process does it, and this side of the connection."""

    task: RedactionTask
    thread: threading.Thread
    folder: Path

    def is_over(self) -> bool:
        return not self.thread.is_alive()


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    begun: list[Served] = []
    folder = tmp_path / "sealed"
    folder.mkdir()

    def begin(load: Callable[[], Detectors] = lambda: detectors(faces=SeesWhite("face"))) -> Served:
        mine, theirs = Pipe()

        def work() -> None:
            with theirs:
                serve_one(theirs, load, folder)

        thread = threading.Thread(target=work)
        thread.start()
        begun.append(Served(RedactionTask(mine), thread, folder))
        return begun[-1]

    yield begin
    for each in begun:
        each.task.close()
        each.thread.join()
    assert list(folder.iterdir()) == []


def send(task: RedactionTask, content: bytes) -> Answer:
    answer = Answer("receiving")
    for start in range(0, len(content), PART_BYTES):
        answer = task.send(content[start : start + PART_BYTES])
    return answer


def finish(task: RedactionTask) -> Answer:
    wait_until(lambda: task.state().state in ("done", "failed"), 60)
    return task.state()


def take(task: RedactionTask, size: int) -> bytes:
    return b"".join(task.part(offset) for offset in range(0, size, PART_BYTES))


def picture() -> bytes:
    return cv2.imencode(".png", with_white())[1].tobytes()


def test_a_file_goes_in_and_the_redacted_one_comes_back(serve: Serve) -> None:
    task = serve().task
    task.send_order(Order(".png", len(picture()), COVER))
    assert send(task, picture()).state == "working"
    answer = finish(task)
    content = take(task, answer.size)
    assert (answer.state, answer.suffix, answer.covered_frames) == ("done", ".png", 0)
    assert hashlib.sha256(content).hexdigest() == answer.sha256
    shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert not shows_white(np.asarray(shown, np.uint8))
    assert task.part(answer.size) == b""


def test_a_file_of_many_parts_tells_how_far_it_is(serve: Serve, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", [with_white()] * 8).read_bytes()
    # The container's own way to fill room: what a player passes over (Matroska's Void would do as well).
    content = clip + bytes(2 * PART_BYTES)
    task = serve().task
    task.send_order(Order(".mkv", len(content), COVER))
    assert task.send(content[:PART_BYTES]) == Answer("receiving", received=PART_BYTES)
    assert send(task, content[PART_BYTES:]).state == "working"
    answer = finish(task)
    assert (answer.done, answer.frames) == (8, 8)


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        (Order(".mp4", 0, COVER), "must hold something"),
        (Order(".mp4", 10**12, COVER), "4 GB at most"),
        (Order(".mp4", 10, ("everybody",)), "'everybody' can't be covered"),
    ],
)
def test_an_order_that_cant_be_done_is_refused_with_the_reason(serve: Serve, order: Order, problem: str) -> None:
    served = serve()
    with pytest.raises(RedactionRefused, match=problem):
        served.task.send_order(order)
    wait_until(served.is_over)


def test_a_full_disk_is_told_before_anything_is_sent(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redactor, "ROOM_BYTES", 10**18)
    with pytest.raises(RedactionRefused, match="too little room on the disk"):
        serve().task.send_order(Order(".mp4", 10, COVER))


@pytest.mark.parametrize(("content", "suffix"), [(b"no video" * 99, ".mp4"), (b"no picture", ".jpg"), (b"x", ".heic")])
def test_what_cant_be_redacted_is_told(serve: Serve, content: bytes, suffix: str) -> None:
    task = serve().task
    task.send_order(Order(suffix, len(content), COVER))
    send(task, content)
    answer = finish(task)
    assert answer.state == "failed"
    assert answer.problem.endswith(".")
    assert answer.size == 0


def test_a_network_that_is_missing_covers_every_frame_whole(serve: Serve) -> None:
    task = serve(lambda: detectors(missing=["faces"])).task
    task.send_order(Order(".png", len(picture()), COVER))
    send(task, picture())
    answer = finish(task)
    assert answer.covered_frames == 1
    assert "faces" in answer.reason


def test_whoever_closes_the_connection_gives_the_file_up(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    clip = write_video(tmp_path / "clip.mp4", [grey(640, 480)] * 300).read_bytes()
    served.task.send_order(Order(".mp4", len(clip), COVER))
    send(served.task, clip)
    wait_until(lambda: served.task.state().done > 0, 60)
    served.task.close()
    wait_until(served.is_over, 60)


def test_a_result_can_t_be_had_before_it_is_there(serve: Serve) -> None:
    waiting = threading.Event()

    def load() -> Detectors:
        waiting.wait()
        return detectors()

    served = serve(load)
    served.task.send_order(Order(".png", len(picture()), COVER))
    send(served.task, picture())
    with pytest.raises(RedactorUnavailable):
        served.task.part(0)
    waiting.set()
    wait_until(served.is_over)


# The process


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return replace(find_paths({}, tmp_path / "state"), models=tmp_path / "none", run=tmp_path)


@pytest.fixture
def activation(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Activation]:
    monkeypatch.setenv("VEILSIGHT_MODELS", str(paths.models))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def command(descriptor: int) -> list[str]:
        options = ["--state", str(paths.state), "redactor", "--socket-fd", str(descriptor)]
        return [sys.executable, "-m", "appliance.cli.main", *options]

    activation = Activation(paths.redaction_socket, command)
    yield activation
    activation.close()
    assert not paths.redaction_socket.exists()


def process_of(activation: Activation) -> "subprocess.Popen[Any]":
    assert activation._process is not None
    return activation._process


def files_of(process: "subprocess.Popen[Any]") -> dict[str, bytes]:
    """What every file holds that the process has open and that lies on a disk, by where it lies."""
    folder, found = Path(f"/proc/{process.pid}/fd"), {}
    for each in folder.iterdir():
        place = str(each.readlink())
        if place.startswith("/") and not place.startswith(("/dev/", "/proc/", "/sys/")):
            with each.open("rb") as file:
                found[place] = file.read()
    return found


def test_the_process_holds_the_upload_sealed_and_is_gone_with_it(
    activation: Activation, paths: Paths, tmp_path: Path
) -> None:
    # A video with the mark all over it: 8 MB, more than is kept in memory.
    content = write_video(tmp_path / "clip.mkv", [with_white()] * 4).read_bytes() + MARK * (8 * 1024**2 // len(MARK))
    with_upload = RedactionClient(paths.redaction_socket).begin(Order(".mkv", len(content), COVER))
    send(with_upload, content)
    process = process_of(activation)
    answer = finish(with_upload)
    # Without networks every frame is covered whole.
    assert (answer.state, answer.frames, answer.covered_frames) == ("done", 4, 4)
    if os.geteuid() == 0:
        sealed = {place: held for place, held in files_of(process).items() if str(tmp_path / "temporary") in place}
        assert sealed
        assert all("(deleted)" in place for place in sealed)
        assert sum(map(len, sealed.values())) > 2 * 1024**2
        assert not any(MARK in held for held in sealed.values())
    # Nobody finds a name, and nothing of the file lies anywhere that the test can look.
    assert list((tmp_path / "temporary").iterdir()) == []
    assert take(with_upload, answer.size)
    with_upload.close()
    process.wait(30)
    assert process.returncode == 0


def test_each_file_has_a_process_of_its_own(activation: Activation, paths: Paths) -> None:
    client, processes = RedactionClient(paths.redaction_socket), []
    for _ in range(2):
        task = client.begin(Order(".png", len(picture()), COVER))
        processes.append(process_of(activation))
        task.close()
        processes[-1].wait(30)
    assert processes[0].pid != processes[1].pid


def test_a_process_that_is_killed_is_told_and_the_next_file_goes_well(activation: Activation, paths: Paths) -> None:
    client = RedactionClient(paths.redaction_socket)
    task = client.begin(Order(".png", len(picture()), COVER))
    process_of(activation).kill()
    with pytest.raises(RedactorUnavailable, match="please begin anew"):
        finish(task)
    client.begin(Order(".png", len(picture()), COVER)).close()


def test_without_its_socket_it_says_how_it_is_started(paths: Paths) -> None:
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "redactor"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "is started by its socket" in ended.stderr


def test_nobody_listening_is_told(paths: Paths) -> None:
    with pytest.raises(RedactorUnavailable, match="is not running"):
        RedactionClient(paths.redaction_socket).begin(Order(".png", 1, COVER))


def test_a_process_that_cant_run_turns_away_whoever_waits(paths: Paths) -> None:
    activation = Activation(paths.redaction_socket, lambda _descriptor: [sys.executable, "-c", "raise SystemExit(1)"])
    try:
        with pytest.raises(RedactorUnavailable):
            RedactionClient(paths.redaction_socket).begin(Order(".png", 1, COVER))
    finally:
        activation.close()
