"""The real server over a real socket: TLS, ports, slow and large requests, and an orderly end."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from appliance.settings import Paths, Settings
from appliance.web import server
from appliance.web.certificate import Certificate, load_or_make
from appliance.web.context import WebContext
from appliance.web.server import LARGEST_REQUEST_BYTES, CannotListen, serve

SECONDS = 10.0


@dataclass
class Running:
    """A server in a thread of its own."""

    port: int
    certificate: Certificate
    stop: threading.Event
    thread: threading.Thread

    def connect(self) -> http.client.HTTPSConnection:
        trust = ssl.create_default_context(cafile=str(self.certificate.authority))
        return http.client.HTTPSConnection("localhost", self.port, timeout=SECONDS, context=trust)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(SECONDS)


def start(app: Flask, certificate: Certificate) -> Running:
    stop, ready = threading.Event(), threading.Event()
    ports: list[int] = []

    def tell(port: int) -> None:
        ports.append(port)
        ready.set()

    thread = threading.Thread(target=serve, args=(app, "127.0.0.1", 0, certificate, stop, tell), daemon=True)
    thread.start()
    assert ready.wait(SECONDS)
    return Running(ports[0], certificate, stop, thread)


@pytest.fixture
def certificate(paths: Paths) -> Certificate:
    return load_or_make(paths, Settings())


@pytest.fixture
def running(app: Flask, certificate: Certificate) -> Iterator[Running]:
    running = start(app, certificate)
    yield running
    running.end()


def test_a_client_that_trusts_the_authority_sees_the_page(running: Running) -> None:
    connection = running.connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"].split("?")[0]) == (302, "/login")
    assert "Server" not in answer.headers
    answer.read()
    connection.request("GET", "/login")
    assert b"Log in" in connection.getresponse().read()


def test_a_client_that_does_not_trust_it_is_not_fooled(running: Running) -> None:
    with (
        socket.create_connection(("127.0.0.1", running.port), SECONDS) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_tls_is_refused(running: Running) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", running.port), SECONDS) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain)


def test_plain_http_gets_no_page(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port), SECONDS) as plain:
        plain.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"<html" not in plain.recv(4096)


def test_a_port_in_use_is_one_sentence(app: Flask, certificate: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"can't listen on 127.0.0.1 port {port}") as caught:
            serve(app, "127.0.0.1", port, certificate, threading.Event())
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)


def test_no_part_of_an_answer_waits_for_an_acknowledgement() -> None:
    with server.listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), SECONDS):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_of_another_machine_is_one_sentence(app: Flask, certificate: Certificate) -> None:
    with pytest.raises(CannotListen, match=r"can't listen on 203\.0\.113\.1 port 8443"):
        serve(app, "203.0.113.1", 8443, certificate, threading.Event())


def test_a_large_request_is_refused(running: Running) -> None:
    connection = running.connect()
    connection.request("POST", "/login", body=b"x" * (LARGEST_REQUEST_BYTES + 1))
    assert connection.getresponse().status == 413


def test_slow_clients_hold_no_thread(running: Running) -> None:
    """200 clients stop half-way, some in their first line, some in their body; the pages still answer."""
    slow = [running.connect() for _ in range(200)]
    try:
        for connection in slow[::2]:
            connection.connect()
            connection.sock.sendall(b"GET /login HT")
        for connection in slow[1::2]:
            connection.putrequest("POST", "/login")
            connection.putheader("Content-Type", "application/x-www-form-urlencoded")
            connection.putheader("Content-Length", "1000")
            connection.endheaders(b"name=")
        assert page_answers(running)
    finally:
        for connection in slow:
            connection.close()


def test_a_request_that_never_comes_ends_the_connection(
    app: Flask, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.5)
    running = start(app, certificate)
    silent, halting, second = running.connect(), running.connect(), running.connect()
    try:
        for connection in (silent, halting, second):
            connection.connect()
        halting.sock.sendall(b"GET /health HT")
        second.request("GET", "/health")
        assert second.getresponse().read() == b"ok\n"
        second.sock.sendall(b"GET /health HT")
        for connection in (silent, halting, second):
            assert connection.sock.recv(1024) == b""
        assert page_answers(running)
    finally:
        running.end()


def test_clients_that_do_not_read_hold_no_thread(
    app: Flask, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More clients than there are threads ask for a large file and never read it; the pages still answer."""
    (tmp_path / "large.bin").write_bytes(bytes(5_000_000))
    app.static_folder = str(tmp_path)
    monkeypatch.setattr(server, "WORKERS", 4)
    running = start(app, certificate)
    slow = [open_narrow_socket(running) for _ in range(server.WORKERS + 4)]
    try:
        for connection in slow:
            connection.sendall(b"GET /static/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert page_answers(running)
    finally:
        for connection in slow:
            connection.close()
        running.end()


def open_narrow_socket(running: Running) -> ssl.SSLSocket:
    """A TLS connection whose system buffer is too small to take a large answer that nobody reads."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(SECONDS)
    plain.connect(("127.0.0.1", running.port))
    trust = ssl.create_default_context(cafile=str(running.certificate.authority))
    return trust.wrap_socket(plain, server_hostname="localhost")


def page_answers(running: Running) -> bool:
    connection = running.connect()
    try:
        connection.request("GET", "/health")
        return connection.getresponse().read() == b"ok\n"
    except TimeoutError:
        return False
    finally:
        connection.close()


def test_it_ends_when_told_and_leaves_no_thread(app: Flask, context: WebContext, certificate: Certificate) -> None:
    running = start(app, certificate)
    connection = running.connect()
    connection.request("GET", "/health")
    connection.getresponse().read()
    running.end()
    assert not running.thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), 1.0)
    assert context.views.watched_cameras() == frozenset()
