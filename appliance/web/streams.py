"""Server-sent events (HTML standard, section 9.2) without a thread for each viewer.

A view function that answers with `text/event-stream` answers one event. Its response is kept open here, and the same
request is put to the application again every few seconds, for the next event. So each event passes every check of
session and role that any request passes, a stream ends with its session, and a thread is held only while an event is
made. A viewer who is slow gets fewer events, and nothing piles up for him.
"""

import asyncio
import contextlib
from collections.abc import Iterable

from appliance.web.asgi import Application, Message, Receive, Send

MEDIA_TYPE = "text/event-stream"
MOST_STREAMS = 64
EVERY_SECONDS = 3.0
# A viewer who takes nothing for so long is gone.
SEND_SECONDS = 20.0
# What is sent when there is no news, so that the viewer knows that the line is there.
NOTHING_NEW = b": \n\n"

Headers = list[tuple[bytes, bytes]]


class _Answer:
    """What the application answers: an event is kept, anything else goes on to the client."""

    def __init__(self, send: Send | None) -> None:
        self._send = send
        self._body = bytearray()
        self._is_event = False
        self.headers: Headers = []

    @property
    def event(self) -> bytes | None:
        return bytes(self._body) if self._is_event else None

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.headers = list(message.get("headers", ()))
            self._is_event = message["status"] == 200 and _is_stream(self.headers)
        if self._is_event:
            self._body += message.get("body", b"")
        elif self._send is not None:
            await self._send(message)


class Streams:
    """The application with its streams kept open. `close` ends them all, for the end of the program."""

    def __init__(self, application: Application, every: float = EVERY_SECONDS, most: int = MOST_STREAMS) -> None:
        self._application = application
        self._every = every
        self._most = most
        self._number = 0
        self._closing = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        await self._application(scope, receive, answer.take)
        if answer.event is None:
            return
        if self._number >= self._most or self._closing.is_set():
            await _refuse(send)
            return
        self._number += 1
        try:
            with contextlib.suppress(TimeoutError):
                await self._stream(scope, receive, send, answer)
        finally:
            self._number -= 1

    def close(self) -> None:
        self._closing.set()

    async def _stream(self, scope: Message, receive: Receive, send: Send, first: _Answer) -> None:
        headers = [each for each in first.headers if each[0].lower() != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        ends = [asyncio.ensure_future(_until_gone(receive)), asyncio.ensure_future(self._closing.wait())]
        event, before = first.event, b""
        try:
            while event is not None:
                async with asyncio.timeout(SEND_SECONDS):
                    body = event if event != before else NOTHING_NEW
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                before = event
                ended, _ = await asyncio.wait(ends, timeout=self._every, return_when=asyncio.FIRST_COMPLETED)
                event = None if ended else await self._ask(scope)
            await send({"type": "http.response.body", "body": b""})
        finally:
            for end in ends:
                end.cancel()

    async def _ask(self, scope: Message) -> bytes | None:
        """The next event; None if the application has none for this viewer any more."""
        answer = _Answer(None)

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self._application(scope, nothing, answer.take)
        return answer.event


def _is_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        name.lower() == b"content-type" and value.decode("latin-1").partition(";")[0].strip() == MEDIA_TYPE
        for name, value in headers
    )


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"60")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"Too many pages are kept up to date at once.\n"})
