"""Streams of events: kept open and asked for again, ended with the session, and never more than there may be."""

import asyncio
from collections.abc import Iterator
from typing import Any

from appliance.web.asgi import Message, Receive, Send
from appliance.web.streams import NOTHING_NEW, Streams

STREAM = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"content-length", b"9")]
PLAIN = [(b"content-type", b"text/plain")]


class Client:
    """What a browser gets, and when it leaves."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.gone = asyncio.Event()
        self.news = asyncio.Event()
        self._asked = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        self.news.set()

    async def has(self, parts: int) -> None:
        """Wait until so many parts of a body have come."""
        while len(self.bodies) < parts:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 30)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.messages[1:]]


def application(answers: Iterator[tuple[int, Any, bytes]]) -> Any:
    async def answer(_scope: Message, _receive: Receive, send: Send) -> None:
        status, headers, body = next(answers)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return answer


def events(*texts: bytes) -> Iterator[tuple[int, Any, bytes]]:
    """These events, then the end of the session."""
    yield from ((200, STREAM, text) for text in texts)
    while True:
        yield (401, PLAIN, b"over")


def test_a_stream_goes_on_until_the_session_is_over() -> None:
    async def visit() -> Client:
        client = Client()
        streams = Streams(application(events(b"data: 1\n\n", b"data: 1\n\n", b"data: 2\n\n")), every=0.001)
        await asyncio.wait_for(streams({"type": "http"}, client.receive, client.send), 30)
        return client

    client = asyncio.run(visit())
    assert client.status == 200
    assert client.bodies == [b"data: 1\n\n", NOTHING_NEW, b"data: 2\n\n", b""]
    assert client.messages[-1].get("more_body", False) is False
    assert b"content-length" not in dict(client.messages[0]["headers"])


def test_other_answers_pass_unchanged() -> None:
    async def visit() -> Client:
        client = Client()
        await Streams(application(events()))({"type": "http"}, client.receive, client.send)
        return client

    client = asyncio.run(visit())
    assert (client.status, b"".join(client.bodies)) == (401, b"over")


def test_a_viewer_who_leaves_and_the_end_of_the_program_end_the_stream() -> None:
    async def visit() -> None:
        for leave in (lambda client, _streams: client.gone.set(), lambda _client, streams: streams.close()):
            client = Client()
            streams = Streams(application(events(*[b"data: 1\n\n"] * 2)), every=3600)
            task = asyncio.ensure_future(streams({"type": "http"}, client.receive, client.send))
            await client.has(1)
            leave(client, streams)
            await asyncio.wait_for(task, 30)
            assert client.bodies[-1] == b""

    asyncio.run(visit())


def test_no_more_streams_than_there_may_be() -> None:
    async def visit() -> None:
        streams = Streams(application(events(*[b"data: 1\n\n"] * 9)), every=3600, most=1)
        first, second, third = Client(), Client(), Client()
        task = asyncio.ensure_future(streams({"type": "http"}, first.receive, first.send))
        await first.has(1)
        await streams({"type": "http"}, second.receive, second.send)
        assert second.status == 503
        first.gone.set()
        await asyncio.wait_for(task, 30)
        last = asyncio.ensure_future(streams({"type": "http"}, third.receive, third.send))
        await third.has(1)
        assert third.status == 200
        streams.close()
        await asyncio.wait_for(last, 30)

    asyncio.run(visit())
