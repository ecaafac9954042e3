"""Servers on this machine that reports are sent to: OpenSSH's SFTP, S3 that checks signatures, SMTP over TLS, https."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncssh

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")
SECONDS = 60.0


@dataclass(frozen=True)
class SftpServer:
    port: int
    host_key: str
    user_key: str


@contextmanager
def sftp_server(folder: Path, port: int, user: str, small: Path | None = None) -> Iterator[SftpServer]:
    """OpenSSH's sshd with its sftp-server, as this user; `small` is a folder whose disk is full after 64 kB."""
    folder.mkdir(exist_ok=True)
    host, client = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    (folder / "host").write_bytes(host.export_private_key())
    (folder / "host").chmod(0o600)
    (folder / "authorized").write_bytes(client.export_public_key())
    settings = {
        "ListenAddress": "127.0.0.1",
        "Port": port,
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "AllowUsers": user,
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
        "Subsystem": f"sftp {SFTP_SERVER}",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    command = [str(SSHD), "-D", "-e", "-f", str(folder / "config")]
    if small is not None:
        small.mkdir()
        # /run/sshd is where sshd, run by root, has nothing.
        mounts = f"mount -t tmpfs -o size=64k tmpfs {small} && mkdir -p /run/sshd && exec"
        command = ["unshare", "--mount", "sh", "-c", f'{mounts} "$@"', "sh", *command]
    elif SSHD and Path("/run").stat().st_uid == 0:
        make_empty_folder()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for_port(port, process)
        yield SftpServer(port, host.export_public_key().decode().strip(), client.export_private_key().decode())
    finally:
        process.terminate()
        process.wait(SECONDS)


def make_empty_folder() -> None:
    try:
        Path("/run/sshd").mkdir(exist_ok=True)
    except PermissionError:
        return


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = datetime.now(UTC) + timedelta(seconds=SECONDS)
    pause = threading.Event()
    while datetime.now(UTC) < end:
        assert process.poll() is None, "the server ended by itself"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.05)
    raise AssertionError("the server did not start")


@dataclass(frozen=True)
class S3Server:
    """`client` is another library's, with another key: it sees what is in the `bucket`."""

    port: int
    access_key: str
    secret: str
    bucket: str
    client: Any = field(repr=False)

    def content(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())


@contextmanager
def s3_server(certificate: Path, key: Path) -> Iterator[S3Server]:
    """moto's server, which checks each request's signature once its users are made."""
    import boto3
    from moto import settings
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    server = make_server(
        "localhost",
        0,
        DomainDispatcherApplication(create_backend_app),  # type: ignore[arg-type]
        threaded=True,
        ssl_context=(str(certificate), str(key)),
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    before = settings.INITIAL_NO_AUTH_ACTION_COUNT
    try:
        more: dict[str, Any] = {
            "endpoint_url": f"https://localhost:{server.port}",
            "region_name": "us-east-1",
            "verify": str(certificate),
        }
        made = boto3.client("iam", aws_access_key_id="setup", aws_secret_access_key="setup", **more)
        # moto keeps what it has for the whole process, so each server has a user and a bucket of its own.
        user, bucket = f"veilsight-{server.port}", f"reports-{server.port}"
        made.create_user(UserName=user)
        allowed = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
        made.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=allowed)
        pair = made.create_access_key(UserName=user)["AccessKey"]
        access, secret = pair["AccessKeyId"], pair["SecretAccessKey"]
        client = boto3.client("s3", aws_access_key_id=access, aws_secret_access_key=secret, **more)
        client.create_bucket(Bucket=bucket)
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        yield S3Server(server.port, access, secret, bucket, client)
    finally:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = before
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class MailServer:
    port: int
    messages: list[Message] = field(default_factory=list)


@contextmanager
def mail_server(
    port: int,
    certificate: Path,
    key: Path,
    password: str,
    implicit: bool = False,
    full: bool = False,
    plain: bool = False,
) -> Iterator[MailServer]:
    """TLS from the start or by STARTTLS, and no log-in before it; `full` answers 552 to every message.

    A `plain` one offers no TLS and takes every log-in without it.
    """
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Message as Handler
    from aiosmtpd.smtp import AuthResult

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    mails = MailServer(port)

    class Keeper(Handler):
        def handle_message(self, message: Message) -> None:
            mails.messages.append(message)

        async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
            if full:
                return "552 5.2.2 mailbox full"
            envelope.rcpt_tos.append(address)
            return "250 OK"

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        right = given.login == b"reports" and given.password == password.encode()
        return AuthResult(success=right, handled=False)

    more: dict[str, Any] = (
        {} if plain else {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}
    )
    controller = Controller(
        Keeper(),
        hostname="127.0.0.1",
        port=port,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=not (implicit or plain),
        ready_timeout=SECONDS,
        **more,
    )
    controller.start()
    try:
        yield mails
    finally:
        controller.stop()


@dataclass(frozen=True)
class WebServer:
    port: int
    received: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)


@contextmanager
def web_server(certificate: Path, key: Path, clients: Path | None = None) -> Iterator[WebServer]:
    """Takes PUT and POST, from whoever shows a certificate of `clients`, if given.

    Paths that begin with `/half` end the connection after some of the body, `/full` answers 507 before it reads.
    """
    server = WebServer(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            if self.path.startswith("/half"):
                self.rfile.read(min(10, length))
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if self.path.startswith("/full"):
                self.answer(507)
                # As real servers do, lest the answer is lost with the connection.
                self.rfile.read(length)
                return
            server.received.append((self.command, self.path, dict(self.headers.items()), self.rfile.read(length)))
            self.answer(201)

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.close_connection = True

        do_PUT = do_POST  # noqa: N815 - the server's own name for it

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    listening = ThreadingHTTPServer(("localhost", 0), Handler)
    listening.handle_error = lambda *_: None  # type: ignore[method-assign]
    listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield WebServer(listening.server_address[1], server.received)
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
