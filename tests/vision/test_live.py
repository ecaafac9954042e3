"""The engine's socket: pictures and status for viewers."""

import contextlib
import itertools
import pickle
import socket
import threading
from collections.abc import Iterator
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from appliance.vision.live import SOCKET_MODE, Hub, LiveClient, LiveServer, LiveUnavailable

SECONDS = 20.0


class Site:
    """A running server on a socket of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hub = Hub()
        self.client = LiveClient(path)

    def wait_until_watched(self, camera: str, watched: bool) -> None:
        pause = threading.Event()
        for _ in range(int(SECONDS / 0.01)):
            if self.hub.watched(camera) is watched:
                return
            pause.wait(0.01)
        raise AssertionError(f"{camera} should be {'watched' if watched else 'left alone'} by now")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    served = Site(tmp_path / "run" / "live.sock")
    with LiveServer(served.path, served.hub, lambda: {"cameras": []}):
        yield served


def publish_when_watched(site: Site, camera: str, pictures: list[bytes]) -> threading.Thread:
    def publish() -> None:
        site.wait_until_watched(camera, True)
        for number, picture in enumerate(pictures):
            site.hub.publish(camera, {"number": number}, picture)

    thread = threading.Thread(target=publish)
    thread.start()
    return thread


def test_the_status_is_told(site: Site) -> None:
    assert site.client.status() == {"cameras": []}


def test_only_the_owner_and_the_group_may_connect(site: Site) -> None:
    assert site.path.stat().st_mode & 0o777 == SOCKET_MODE == 0o660


def test_a_viewer_gets_the_newest_picture_and_leaves_no_trace(site: Site) -> None:
    thread = publish_when_watched(site, "door", [b"old", b"new"])
    view = site.client.view("door")
    received = [next(view)]
    while received[-1][1] != b"new":
        received.append(next(view))
    thread.join()
    view.close()
    assert received[-1] == ({"number": 1}, b"new")
    site.wait_until_watched("door", False)
    # The next viewer must not be shown a picture from before.
    assert site.hub.next_after("door", 0, 0) is None


def test_a_picture_for_nobody_is_not_kept(site: Site) -> None:
    site.hub.publish("door", {}, b"picture")
    assert site.hub.next_after("door", 0, 0) is None


def test_viewers_of_other_cameras_get_nothing(site: Site) -> None:
    site.hub.enter("street")
    site.hub.publish("door", {}, b"picture")
    assert site.hub.next_after("street", 0, 0) is None


def test_a_slow_viewer_skips_pictures() -> None:
    hub = Hub()
    hub.enter("door")
    for number in range(1000):
        hub.publish("door", {"number": number}, b"x")
    newest = hub.next_after("door", 0, 0)
    assert newest is not None
    assert newest[1] == {"number": 999}


def test_a_view_ends_when_the_engine_stops(tmp_path: Path) -> None:
    site = Site(tmp_path / "live.sock")
    with LiveServer(site.path, site.hub, dict):
        view = site.client.view("door")
        thread = publish_when_watched(site, "door", [b"only"])
        assert next(view)[1] == b"only"
        thread.join()
    assert list(itertools.islice(view, 5)) == []
    with pytest.raises(LiveUnavailable, match="not running"):
        site.client.status()


def test_a_pickle_is_never_loaded(site: Site, tmp_path: Path) -> None:
    marker = tmp_path / "loaded"
    with Client(str(site.path), family="AF_UNIX") as connection:
        connection.send_bytes(pickle.dumps({"want": marker}))
        with pytest.raises(EOFError):
            connection.recv_bytes()
    assert site.client.status() == {"cameras": []}


@pytest.mark.parametrize("request_", [b"", b"[]", b"{", b'{"want": "everything"}', b"x" * 100_000])
def test_a_strange_request_gets_no_answer_and_harms_nobody(site: Site, request_: bytes) -> None:
    with Client(str(site.path), family="AF_UNIX") as connection:
        # A long one may be refused before all of it is sent.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send_bytes(request_)
        with pytest.raises((EOFError, ConnectionResetError)):
            connection.recv_bytes()
    assert site.client.status() == {"cameras": []}


def test_a_file_left_by_a_crash_is_replaced_but_a_running_engine_is_not(tmp_path: Path) -> None:
    path = tmp_path / "live.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    with LiveServer(path, Hub(), lambda: {"first": True}):
        with pytest.raises(LiveUnavailable, match="Another engine"), LiveServer(path, Hub(), dict):
            pass
        assert LiveClient(path).status() == {"first": True}
