"""HTTPS: uvicorn in front, the Flask application in a pool of threads behind it (a2wsgi).

Three facts about a2wsgi 1.10 and uvicorn 0.54 shape this module and the live view. A thread is held for as long as a
request's body is read and its response is produced; a generator is not closed when the client goes away, since uvicorn
swallows what is sent to nobody; and at most ten parts of a response wait for a slow client before the thread waits too.
So every request is read whole before a thread takes it and every response is one part. What streams all the same, the
numbers of Today and large downloads, is put together out of such responses (`streams`, `parts`).
"""

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import cast

import uvicorn
from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi_typing import WSGIApp
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from uvicorn.protocols.http.h11_impl import H11Protocol
from werkzeug.http import parse_cookie

from appliance.errors import VeilsightError
from appliance.vision.redaction_socket import PART_BYTES
from appliance.web.asgi import Application, Message, Receive, Send
from appliance.web.backup_copies import remove_old
from appliance.web.certificate import Certificate
from appliance.web.context import WebContext, context_of
from appliance.web.parts import Parts
from appliance.web.security import SESSION_COOKIE
from appliance.web.streams import EVERY_SECONDS, Streams
from appliance.web.viewing import end_views, sweep_views

WORKERS = 24
MOST_CONNECTIONS = 256
LARGEST_REQUEST_BYTES = 64 * 1024
# Beneath this address files come in parts of `PART_BYTES`.
UPLOADS = "/privacy/redact/"
REQUEST_SECONDS = 15.0
KEEP_ALIVE_SECONDS = 20
SHUTDOWN_SECONDS = 2
SWEEP_SECONDS = 1.0

logger = logging.getLogger(__name__)


class CannotListen(VeilsightError):
    """The page's address is in use or not this machine's."""


class _Protocol(H11Protocol):
    """Closes a connection on which no head of a request arrives in time; uvicorn would wait for ever."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        if self._deadline is None and (before is None or before.response_complete):
            self._expect()
        super().data_received(data)
        if self.cycle is not before:
            self._arrived()

    def on_response_complete(self) -> None:
        before = self.cycle
        super().on_response_complete()
        # The beginning of the next request may have come before this answer's end was noted.
        if self.cycle is before and self._deadline is None and self.conn.trailing_data[0]:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._arrived()

    def _expect(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn leaves signals to the caller, who stops it by an event."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128, dualstack_ipv6=host == "::")
        # Linux hands it on to each connection. asyncio sets it itself where a socket names its protocol, which this one
        # does not; without it the last part of an answer waits 40 ms for the client's acknowledgement of the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise CannotListen(
            f"The page can't listen on {host} port {port} ({os.strerror(error.errno or 0)}); "
            "stop the program that uses it, or choose another port under [web] in the settings file."
        ) from error


def serve(
    app: Flask,
    host: str,
    port: int,
    certificate: Certificate,
    stop: threading.Event,
    ready: Callable[[int], None] = lambda _port: None,
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Serve the pages over HTTPS until `stop` is set, then close the live views and end.

    `ready` is called with the port once connections are accepted, `alive` several times a second from then on.
    Raises `CannotListen`.
    """
    listener = listen(host, port)
    whole = partial(largest_request, context_of(app))
    application = whole_requests(cast(Application, WSGIMiddleware(cast(WSGIApp, app), workers=WORKERS)), whole)
    streams = Streams(Parts(application), EVERY_SECONDS)
    config = uvicorn.Config(
        streams,
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level=logging.WARNING,
        # Addresses and names of people are personal data; who did what is in the audit log.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ssl_certfile=certificate.chain,
        ssl_keyfile=certificate.key,
    )
    with listener:
        asyncio.run(_run(_Server(config), streams, listener, context_of(app), stop, ready, alive))


async def _run(
    server: uvicorn.Server,
    streams: Streams,
    listener: socket.socket,
    context: WebContext,
    stop: threading.Event,
    ready: Callable[[int], None],
    alive: Callable[[], None],
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    port = listener.getsockname()[1]
    told = False
    next_sweep = 0.0
    loop = asyncio.get_running_loop()
    try:
        while not serving.done() and not stop.is_set():
            if server.started and not told:
                told = True
                ready(port)
            if told:
                alive()
            if loop.time() >= next_sweep:
                next_sweep = loop.time() + SWEEP_SECONDS
                await asyncio.to_thread(_sweep, context)
            await asyncio.sleep(0.1)
    finally:
        streams.close()
        server.should_exit = True
        await serving
        await asyncio.to_thread(end_views, context)


def _sweep(context: WebContext) -> None:
    try:
        sweep_views(context)
        remove_old(context.paths, context.clock())
    except (VeilsightError, SQLAlchemyError):
        # The endings are kept and written at the next sweep; the pages go on meanwhile.
        logger.exception("ended live views could not be written into the audit log")


def largest_request(context: WebContext, scope: Message) -> int:
    """How many bytes a request's body may have: the parts of an upload more, from those who are logged in."""
    if scope["path"].startswith(UPLOADS):
        given = (value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
        cookie = parse_cookie("; ".join(given)).get(SESSION_COOKIE, "")
        if cookie and context.sessions.find(cookie, context.clock()) is not None:
            return PART_BYTES
    return LARGEST_REQUEST_BYTES


def whole_requests(application: Application, largest: Callable[[Message], int]) -> Application:
    """Read each request's body whole, within a size and a time, before `application` sees the request."""

    async def handle(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                body = await _read_body(receive, largest(scope))
        except TimeoutError:
            await _refuse(send, 408)
            return
        if body is None:
            await _refuse(send, 413)
            return
        message: Message = {"type": "http.request", "body": body, "more_body": False}
        replies = iter([message])

        async def replay() -> Message:
            return next(replies, {"type": "http.disconnect"})

        await application(scope, replay, send)

    return handle


async def _read_body(receive: Receive, largest: int) -> bytes | None:
    """The whole body, or None if it is larger than that or the client has gone."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > largest:
            return None
    return bytes(body)


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"The request is too large or too slow.\n"})
