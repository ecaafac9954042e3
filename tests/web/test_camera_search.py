"""Cameras are looked for from the page, by a process that knows nothing else; one that was found is set up."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest

from appliance.camera_search import Answer, Request, SearchUnavailable, search
from appliance.discovery.search import Device
from appliance.discovery.searcher import run_searcher
from appliance.storage import cameras
from appliance.storage.database import reading
from appliance.web.context import WebContext
from tests.discovery.onvif_server import PASSWORD, USERNAME, onvif_camera
from tests.web.conftest import Browser, audit_entries

DEVICE = Device("http://192.0.2.10/onvif/device_service", "Front <door>", "C-100")


@contextmanager
def searcher(path: Path, find: Callable[[], list[Device]]) -> Iterator[None]:
    """The searcher at its socket, for one client after the other; the network's answers are `find`'s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            run_searcher(socket.fromfd(listener.fileno(), socket.AF_UNIX, socket.SOCK_STREAM), find)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            with socket.socket(socket.AF_UNIX) as last:
                last.connect(str(path))
            thread.join()


@pytest.fixture
def camera() -> Iterator[Device]:
    with onvif_camera() as address:
        yield Device(address, "Front door", "C-100")


def add(browser: Browser, device: Device, password: str = PASSWORD) -> tuple[int, str]:
    fields = {"name": "front", "found": device.address, "username": USERNAME, "password": password}
    answer = browser.post("/cameras/add", **fields)
    return answer.status_code, unescape(answer.text)


def test_nothing_is_asked_before_somebody_asks(browser: Browser, context: WebContext) -> None:
    def never() -> list[Device]:
        raise AssertionError

    with searcher(context.paths.search_socket, never):
        assert "Look now" in browser.get("/cameras/search").text


def test_what_answers_is_listed_and_written_down(browser: Browser, context: WebContext) -> None:
    with searcher(context.paths.search_socket, lambda: [DEVICE]):
        assert browser.post("/cameras/search").headers["Location"] == "/cameras/search"
    page = browser.get("/cameras/search").text
    assert "1 camera answered." in page
    assert "Front &lt;door&gt;" in page
    assert "192.0.2.10 · C-100" in page
    (entry,) = audit_entries(context, "cameras-searched")
    assert (entry.event.actor, entry.event.subject) == ("ada", "local network")


def test_where_nothing_answers_the_page_says_what_to_do(browser: Browser, context: WebContext) -> None:
    with searcher(context.paths.search_socket, list):
        browser.post("/cameras/search")
    assert "Is ONVIF switched on" in browser.get("/cameras/search").text


def test_a_found_camera_is_set_up_with_its_best_stream(browser: Browser, context: WebContext, camera: Device) -> None:
    with searcher(context.paths.search_socket, lambda: [camera]):
        browser.post("/cameras/search")
        assert f'value="{camera.address}"' in browser.get("/cameras/add", query_string={"found": camera.address}).text
        assert add(browser, camera)[0] == 302
    with reading(context.engine) as connection:
        stored = cameras.need(connection, "front")
    assert (stored.source, stored.username, stored.password) == ("rtsp://127.0.0.1:554/sub", USERNAME, PASSWORD)
    assert PASSWORD not in str(audit_entries(context))


def test_a_wrong_password_is_one_sentence_and_is_not_sent_back(
    browser: Browser, context: WebContext, camera: Device
) -> None:
    with searcher(context.paths.search_socket, lambda: [camera]):
        browser.post("/cameras/search")
        status, page = add(browser, camera, "guessed-it")
    assert status == 400
    assert "refuses the user name or the password" in page
    assert f'name="found" value="{camera.address}"' in page
    assert "guessed-it" not in page


def test_only_what_the_session_was_shown_is_asked(browser: Browser, context: WebContext, camera: Device) -> None:
    with searcher(context.paths.search_socket, lambda: [camera]):
        status, page = add(browser, camera)
    assert (status, "look for cameras once more" in page) == (400, True)
    assert audit_entries(context, "cameras-searched") == []
    assert 'name="found"' not in browser.get("/cameras/add", query_string={"found": camera.address}).text


def test_the_searcher_asks_nothing_that_has_not_just_answered(tmp_path: Path, camera: Device) -> None:
    with searcher(tmp_path / "s", list):
        answer = search(tmp_path / "s", Request(camera.address, USERNAME, PASSWORD))
    assert answer == Answer(problem="This camera does not answer any more; please look for cameras once more.")


@pytest.mark.parametrize("words", [b"", b"\n", b"rubbish\n", b'{"address": 7}\n', b'{"unknown": ""}\n'])
def test_who_says_nonsense_gets_nothing(tmp_path: Path, words: bytes) -> None:
    with searcher(tmp_path / "s", list), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""


def test_without_a_searcher_the_page_says_how_else(browser: Browser, tmp_path: Path) -> None:
    browser.post("/cameras/search")
    assert "camera discover" in browser.get("/cameras/search").text
    with pytest.raises(SearchUnavailable):
        search(tmp_path / "nothing", Request())


def test_one_search_at_a_time(browser: Browser, context: WebContext) -> None:
    with context.searching:
        browser.post("/cameras/search")
    assert "already" in browser.get("/cameras/search").text
