"""Large downloads without a thread or a whole file in memory.

A view function answers with one part (`part_response`). The response is kept open here, and the same request is put to
the application again for the next part, once the client has taken the one before. So each part passes every check of
session and role that any request passes, and a slow client holds no thread and little memory.
"""

import asyncio

from flask import Response, request

from appliance.web.asgi import Application, Message, Receive, Send

# How the two sides of this module talk to each other; neither header comes from a client nor reaches one.
OFFSET = "X-Veilsight-Part-Offset"
TOTAL = "X-Veilsight-Part-Total"

Headers = list[tuple[bytes, bytes]]


class BrokenOff(Exception):
    """A later part was refused: the connection is closed, so that the client sees that the file is not whole."""


def wanted_offset() -> int:
    """Where the part begins that the present request is about."""
    return request.headers.get(OFFSET, 0, type=int)


def part_response(content: bytes, total: int, media_type: str, name: str) -> Response:
    """The part from `wanted_offset` on of a file of `total` bytes, to be saved under `name` (plain ASCII)."""
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers[TOTAL] = str(total)
    return response


class _Answer:
    """What the application answers: a part is kept, anything else goes on to the client."""

    def __init__(self, send: Send | None) -> None:
        self._send = send
        self.total: int | None = None
        self.headers: Headers = []
        self.body = bytearray()

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.headers = list(message.get("headers", ()))
            found = next((value for name, value in self.headers if name.lower() == TOTAL.lower().encode()), None)
            self.total = int(found) if found is not None and message["status"] == 200 else None
        if self.total is not None:
            self.body += message.get("body", b"")
        elif self._send is not None:
            await self._send(message)


class Parts:
    """The application with its files in parts put together."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        own = OFFSET.lower().encode()
        scope = {**scope, "headers": [each for each in scope["headers"] if each[0].lower() != own]}
        answer = _Answer(send)
        await self._application(scope, receive, answer.take)
        if answer.total is None:
            return
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await self._send(scope, send, answer, answer.total, gone)
        finally:
            gone.cancel()

    async def _send(
        self, scope: Message, send: Send, answer: _Answer, total: int, gone: "asyncio.Future[None]"
    ) -> None:
        left_out = (b"content-length", TOTAL.lower().encode())
        headers = [each for each in answer.headers if each[0].lower() not in left_out]
        headers.append((b"content-length", str(total).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sent = 0
        while True:
            sent += len(answer.body)
            # The server waits here while the client takes nothing.
            await send({"type": "http.response.body", "body": bytes(answer.body), "more_body": sent < total})
            if sent >= total or gone.done():
                return
            answer = await self._ask(scope, sent)
            if answer.total != total or not answer.body:
                raise BrokenOff

    async def _ask(self, scope: Message, offset: int) -> _Answer:
        headers = [*scope["headers"], (OFFSET.lower().encode(), str(offset).encode())]
        answer = _Answer(None)

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self._application({**scope, "headers": headers}, nothing, answer.take)
        return answer


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
