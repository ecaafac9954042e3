"""The courier, killed while it sends: the log knows of every byte that may have gone."""

import asyncio
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncssh
import pytest

from appliance.audit import log
from appliance.audit.egress import OUTCOMES
from appliance.reports.build import build_report
from appliance.services.setup import set_up
from appliance.settings import Paths, find_paths, load_settings
from appliance.storage.database import reading
from appliance.storage.destination_secrets import set_secret
from appliance.storage.keys import load_courier_part
from appliance.storage.site import open_site
from tests.real.destination_servers import mail_server, s3_server, web_server
from tests.vision.https_server import write_certificate

SECONDS = 60.0
SECRET = "correct horse"
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


@contextmanager
def sftp_destination(folder: Path, silent: threading.Event) -> Iterator[tuple[int, str, threading.Event]]:
    """An SFTP server with a password that renames a file and, while `silent` is set, does not say so."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop, renamed, done = asyncio.new_event_loop(), threading.Event(), threading.Event()

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("shop", SECRET)

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]") -> None:
            super().__init__(channel, chroot=bytes(folder))

        async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
            super().posix_rename(oldpath, newpath)
            renamed.set()
            while silent.is_set() and not done.is_set():
                await asyncio.sleep(0.05)

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen("127.0.0.1", 0, server_factory=Server, server_host_keys=[key], sftp_factory=Files)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(SECONDS)
    try:
        yield server.get_port(), key.export_public_key().decode().strip(), renamed
    finally:
        done.set()
        asyncio.run_coroutine_threadsafe(close(server), loop).result(SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def close(server: asyncssh.SSHAcceptor) -> None:
    server.close()
    await server.wait_closed()


def start(paths: Paths) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "courier", "--stop-with-parent"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)


def deliveries(paths: Paths) -> list[log.Entry]:
    with reading(open_site(paths).engine) as connection:
        return log.entries(connection, actions=("delivery-started", *OUTCOMES))


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Path, Path]:
    return write_certificate(tmp_path)


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


def test_one_that_was_taken_and_not_written_down_is_sent_again_under_its_name(paths: Paths, tmp_path: Path) -> None:
    """Killed after the file was in its place; the guard stands, and the password comes out of the vault."""
    silent, folder = threading.Event(), tmp_path / "there"
    silent.set()
    folder.mkdir()
    with sftp_destination(folder, silent) as (port, host_key, renamed):
        paths.state.mkdir()
        paths.settings_file.write_text(
            f'[[destinations]]\nname = "head-office"\nurl = "sftp://127.0.0.1:{port}/"\nuser = "shop"\n'
            f'host_key = "{host_key}"\n'
        )
        settings = load_settings(paths.settings_file)
        set_up(paths, settings)
        site = open_site(paths)
        with site.engine.begin() as connection:
            set_secret(connection, load_courier_part(paths), "head-office", SECRET)
        built = build_report(paths, settings, site.engine, date(2026, 1, 1), date(2026, 1, 1), "ada")
        first = start(paths)
        assert renamed.wait(SECONDS)
        first.kill()
        first.communicate()
        (begun,) = deliveries(paths)
        silent.clear()
        second = start(paths)
        wait_until_delivered(paths, second)
        second.communicate(timeout=SECONDS)
    (_, unknown, *sent) = deliveries(paths)
    assert (unknown.event.action, unknown.event.details["started"]) == ("delivery-unknown", begun.number)
    assert [entry.event.action for entry in sent] == ["delivery-started", "report-delivered"] * 2
    assert {path.name for path in folder.iterdir()} == {built.name, f"{built.name}.sig"}
    assert (folder / built.name).read_bytes() == built.path.read_bytes()
    with reading(site.engine) as connection:
        assert log.entries(connection, actions=("guard-refused",)) == []


def test_every_kind_of_destination_is_reached_under_the_guard(
    paths: Paths, tls: tuple[Path, Path], free_port: int
) -> None:
    """One report to a web server, S3 and a mail server at once: each has both files, and nothing was refused."""
    authority = f'authority = "{tls[0]}"\n'
    with web_server(*tls) as portal, s3_server(*tls) as storage, mail_server(free_port, *tls, SECRET) as mail:
        paths.state.mkdir()
        paths.settings_file.write_text(
            f'[[destinations]]\nname = "portal"\nurl = "https://localhost:{portal.port}/"\nmethod = "PUT"\n{authority}'
            f'[[destinations]]\nname = "storage"\nurl = "s3://localhost:{storage.port}/{storage.bucket}"\n'
            f'user = "{storage.access_key}"\n{authority}'
            f'[[destinations]]\nname = "mail"\nurl = "smtp://localhost:{mail.port}"\nuser = "reports"\n{authority}'
            'sender = "shop@example.org"\nrecipients = ["dpo@example.org"]\n'
        )
        settings = load_settings(paths.settings_file)
        set_up(paths, settings)
        site = open_site(paths)
        with site.engine.begin() as connection:
            for name, secret in (("portal", SECRET), ("storage", storage.secret), ("mail", SECRET)):
                set_secret(connection, load_courier_part(paths), name, secret)
        built = build_report(paths, settings, site.engine, date(2026, 1, 1), date(2026, 1, 1), "ada")
        courier = start(paths)
        wait_until_delivered(paths, courier, times=6)
        courier.communicate(timeout=SECONDS)
        report = built.path.read_bytes()
        assert storage.content(built.name) == report
        assert [(path, body) for _, path, _, body in portal.received if path.endswith(".pdf")] == [
            (f"/{built.name}", report)
        ]
        assert [message["Subject"] for message in mail.messages] == [
            f"Veilsight: {built.name}.sig",
            f"Veilsight: {built.name}",
        ]
    with reading(site.engine) as connection:
        assert log.entries(connection, actions=("guard-refused", "delivery-failed")) == []


def wait_until_delivered(paths: Paths, courier: "subprocess.Popen[bytes]", times: int = 2) -> None:
    for _ in range(int(SECONDS / 0.1)):
        if sum(entry.event.action == "report-delivered" for entry in deliveries(paths)) == times and not any(
            paths.outbox.iterdir()
        ):
            return
        assert courier.poll() is None
        PAUSE.wait(0.1)
    raise AssertionError("the report was not delivered")
