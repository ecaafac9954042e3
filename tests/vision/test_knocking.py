"""A camera that is away is asked for often, one that answers is left alone."""

import socket
import threading
from pathlib import Path

import pytest

from appliance.vision.knocking import answers, wait_until_worth_trying

SECONDS = 60.0


@pytest.fixture
def port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_who_answers(port: int, tmp_path: Path) -> None:
    assert not answers(f"rtsp://127.0.0.1:{port}/stream")
    with socket.create_server(("127.0.0.1", port)):
        assert answers(f"rtsp://127.0.0.1:{port}/stream")
    assert not answers("rtsp://no-such-name.invalid/stream")
    assert not answers("rtsp://127.0.0.1:99999/stream")
    assert not answers("gopher://127.0.0.1/stream")
    assert answers(str(tmp_path))
    assert not answers(str(tmp_path / "absent"))


def test_what_comes_back_is_found_before_the_pause_is_over(port: int) -> None:
    stop, found = threading.Event(), []
    address = f"rtsp://127.0.0.1:{port}/stream"
    # The pause would outlive the test.
    thread = threading.Thread(target=lambda: found.append(wait_until_worth_trying(address, 10_000, stop)))
    thread.start()
    thread.join(1.5)
    assert thread.is_alive()
    with socket.create_server(("127.0.0.1", port)):
        thread.join(SECONDS)
    assert found == [True]


def test_what_answers_is_left_alone_for_the_whole_pause(port: int) -> None:
    stop, found = threading.Event(), []
    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(
            target=lambda: found.append(wait_until_worth_trying(f"http://127.0.0.1:{port}", 10_000, stop))
        )
        thread.start()
        server.accept()[0].close()
        thread.join(1.5)
        assert thread.is_alive()
        stop.set()
        thread.join(SECONDS)
    assert found == [False]
