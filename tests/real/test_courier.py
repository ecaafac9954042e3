"""The courier, killed while it sends: the log knows of every byte that may have gone."""

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.audit.egress import OUTCOMES
from appliance.reports.build import build_report
from appliance.services.setup import set_up
from appliance.settings import Paths, find_paths, load_settings
from appliance.storage.database import reading
from appliance.storage.site import open_site
from tests.vision.https_server import write_certificate

SECONDS = 60.0
PAUSE = threading.Event()


@contextmanager
def destination(folder: Path, silent: threading.Event) -> Iterator[tuple[int, Path, threading.Event]]:
    """A server that takes what is posted and, while `silent` is set, does not answer; its port and certificate."""
    asked, done = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.set()
            while silent.is_set() and not done.wait(0.05):
                continue
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    certificate, key = write_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("localhost", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1], certificate, asked
    finally:
        done.set()
        server.shutdown()
        thread.join()
        server.server_close()


def start(paths: Paths) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "courier", "--stop-with-parent"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)


def deliveries(paths: Paths) -> list[log.Entry]:
    with reading(open_site(paths).engine) as connection:
        return log.entries(connection, actions=("delivery-started", *OUTCOMES))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({}, tmp_path / "state")


def test_what_was_begun_when_it_was_killed_is_in_the_log_and_is_sent_again(paths: Paths, tmp_path: Path) -> None:
    silent = threading.Event()
    silent.set()
    with destination(tmp_path, silent) as (port, certificate, asked):
        paths.state.mkdir()
        paths.settings_file.write_text(
            f'[[destinations]]\nname = "head-office"\nurl = "https://localhost:{port}/"\nauthority = "{certificate}"\n'
        )
        settings = load_settings(paths.settings_file)
        set_up(paths, settings)
        build_report(paths, settings, open_site(paths).engine, date(2026, 1, 1), date(2026, 1, 1), "ada")
        first = start(paths)
        assert asked.wait(SECONDS)
        first.kill()
        first.communicate()
        (begun,) = deliveries(paths)
        assert begun.event.action == "delivery-started"
        silent.clear()
        second = start(paths)
        wait_until_delivered(paths, second)
        second.communicate(timeout=SECONDS)
    found = [(entry.event.action, entry.event.details.get("started")) for entry in deliveries(paths)]
    unknown, *sent = found[1:]
    assert unknown == ("delivery-unknown", begun.number)
    assert [action for action, _ in sent] == ["delivery-started", "report-delivered"] * 2
    assert not any(paths.outbox.iterdir())


def wait_until_delivered(paths: Paths, courier: "subprocess.Popen[bytes]") -> None:
    for _ in range(int(SECONDS / 0.1)):
        if sum(entry.event.action == "report-delivered" for entry in deliveries(paths)) == 2 and not any(
            paths.outbox.iterdir()
        ):
            return
        assert courier.poll() is None
        PAUSE.wait(0.1)
    raise AssertionError("the report was not delivered")
