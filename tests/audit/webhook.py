"""A web server on this machine that takes POST requests over TLS, and remembers them."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.vision.https_server import write_certificate


@dataclass(frozen=True)
class Webhook:
    """`received` holds the path, the headers and the body of each request; `answers` what to answer to which path."""

    port: int
    certificate: Path
    received: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}{path}"


@contextmanager
def listening(folder: Path, answers: Mapping[str, int]) -> Iterator[Webhook]:
    """Answer each path with its status, any other with 204; 302 leads to `/elsewhere`."""
    received: list[tuple[str, Mapping[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, dict(self.headers.items()), body))
            self.send_response(answers.get(self.path, 204))
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the server's own name for it

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
        yield Webhook(server.server_address[1], certificate, received)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
