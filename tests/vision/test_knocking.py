"""A camera that is away is asked for often, one that answers is left alone."""

import socket
import threading
from pathlib import Path

import pytest

from appliance.vision.knocking import silence, wait_until_worth_trying

SECONDS = 60.0


@pytest.fixture
def port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ignore(_reason: str) -> None:
    pass


def test_who_answers_and_why_others_do_not(port: int, tmp_path: Path) -> None:
    assert "nothing answers at 127.0.0.1" in silence(f"rtsp://127.0.0.1:{port}/stream")
    with socket.create_server(("127.0.0.1", port)):
        assert silence(f"rtsp://127.0.0.1:{port}/stream") == ""
    assert "the name no-such-name.invalid is not known" in silence("rtsp://no-such-name.invalid/stream")
    assert "malformed" in silence("rtsp://127.0.0.1:99999/stream")
    assert "malformed" in silence("gopher://127.0.0.1/stream")
    assert silence(str(tmp_path)) == ""
    assert "there is no" in silence(str(tmp_path / "absent"))


def test_what_comes_back_is_found_before_the_pause_is_over(port: int) -> None:
    stop, found, reasons = threading.Event(), [], list[str]()
    address = f"rtsp://127.0.0.1:{port}/stream"
    # The pause would outlive the test.
    thread = threading.Thread(
        target=lambda: found.append(wait_until_worth_trying(address, 10_000, stop, reasons.append))
    )
    thread.start()
    thread.join(1.5)
    assert thread.is_alive()
    with socket.create_server(("127.0.0.1", port)):
        thread.join(SECONDS)
    assert found == [True]
    assert "nothing answers" in reasons[0]


def test_what_answers_is_left_alone_for_the_whole_pause(port: int) -> None:
    stop, found = threading.Event(), []
    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(
            target=lambda: found.append(wait_until_worth_trying(f"http://127.0.0.1:{port}", 10_000, stop, ignore))
        )
        thread.start()
        server.accept()[0].close()
        thread.join(1.5)
        assert thread.is_alive()
        stop.set()
        thread.join(SECONDS)
    assert found == [False]
