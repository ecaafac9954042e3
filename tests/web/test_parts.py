"""Files that are put together of parts, over the real server and a real socket."""

import http.client
import socket
import ssl
from collections.abc import Iterator

import pytest
from flask import Flask, Response, abort

from appliance.settings import Paths, Settings
from appliance.web.certificate import Certificate, load_or_make
from appliance.web.context import WebContext
from appliance.web.parts import OFFSET, TOTAL, part_response, wanted_offset
from appliance.web.roles import Permission, allows
from appliance.web.security import SESSION_COOKIE
from appliance.web.server import LARGEST_REQUEST_BYTES, UPLOADS
from tests.web.conftest import Browser, wait_until
from tests.web.test_server import Running, start

PART = 64 * 1024
CONTENT = bytes(number % 251 for number in range(PART)) * 400 + b"the end"


class Source:
    """A file that a view function hands out, and what was asked of it."""

    def __init__(self, app: Flask) -> None:
        self.offsets: list[int] = []
        self.refuse_from = len(CONTENT)

        @app.get("/file")
        @allows(Permission.REPORTS)
        def file() -> Response:
            offset = wanted_offset()
            self.offsets.append(offset)
            if offset >= self.refuse_from:
                abort(410)
            return part_response(CONTENT[offset : offset + PART], len(CONTENT), "application/octet-stream", "a.bin")


@pytest.fixture
def source(app: Flask) -> Source:
    return Source(app)


@pytest.fixture
def certificate(paths: Paths) -> Certificate:
    return load_or_make(paths, Settings())


@pytest.fixture
def running(app: Flask, source: Source, certificate: Certificate) -> Iterator[Running]:  # noqa: ARG001
    running = start(app, certificate)
    yield running
    running.end()


def ask(running: Running, browser: Browser, **headers: str) -> http.client.HTTPResponse:
    connection = running.connect()
    connection.request("GET", "/file", headers={"Cookie": f"{SESSION_COOKIE}={browser.identifier}"} | headers)
    return connection.getresponse()


def test_the_file_comes_whole_and_says_how_long_it_is(running: Running, browser: Browser, source: Source) -> None:
    answer = ask(running, browser)
    assert answer.read() == CONTENT
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.bin"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers[TOTAL] is None
    assert source.offsets == list(range(0, len(CONTENT), PART))


def test_a_client_can_t_choose_the_part(running: Running, browser: Browser, source: Source) -> None:
    assert ask(running, browser, **{OFFSET: "65536"}).read() == CONTENT
    assert source.offsets[0] == 0


def test_a_part_that_is_refused_breaks_the_download_off(running: Running, browser: Browser, source: Source) -> None:
    source.refuse_from = 3 * PART
    with pytest.raises((http.client.IncompleteRead, ConnectionError, ssl.SSLError)):
        ask(running, browser).read()


def test_a_session_that_ends_breaks_it_off(running: Running, browser: Browser, context: WebContext) -> None:
    answer = ask(running, browser)
    answer.read(10)
    context.sessions.close(browser.identifier)
    with pytest.raises((http.client.IncompleteRead, ConnectionError, ssl.SSLError)):
        answer.read()


def test_who_takes_nothing_gets_no_more_parts(running: Running, browser: Browser, source: Source) -> None:
    trust = ssl.create_default_context(cafile=str(running.certificate.authority))
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", running.port))
        with trust.wrap_socket(plain, server_hostname="localhost") as connection:
            lines = (f"GET /file HTTP/1.1\r\nHost: localhost\r\nCookie: {SESSION_COOKIE}={browser.identifier}\r\n\r\n",)
            connection.sendall("".join(lines).encode())
            wait_until(lambda: source.offsets)
            # Other pages are answered meanwhile, and the file waits for its client.
            for _ in range(20):
                connection_to_page = running.connect()
                connection_to_page.request("GET", "/login")
                assert connection_to_page.getresponse().status == 200
            assert len(source.offsets) < 200
    asked = len(source.offsets)
    # The client has gone: at most the part that was on its way is asked for still.
    for _ in range(20):
        connection_to_page = running.connect()
        connection_to_page.request("GET", "/login")
        connection_to_page.getresponse()
    assert len(source.offsets) <= asked + 3


@pytest.mark.parametrize(("logged_in", "status"), [(True, 404), (False, 413)])
def test_only_who_is_logged_in_may_send_a_large_part(
    running: Running, browser: Browser, logged_in: bool, status: int
) -> None:
    connection = running.connect()
    headers = {"X-CSRF-Token": browser.session.csrf, "Content-Type": "application/octet-stream"}
    if logged_in:
        headers["Cookie"] = f"{SESSION_COOKIE}={browser.identifier}"
    connection.request("POST", f"{UPLOADS}unknown/parts?offset=0", bytes(LARGEST_REQUEST_BYTES + 1), headers)
    assert connection.getresponse().status == status
