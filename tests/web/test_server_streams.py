"""Today's stream on the real server: events come by themselves, to whoever is logged in, until the session ends."""

import json
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from flask import Flask

from appliance.settings import Paths, Settings
from appliance.web import server
from appliance.web.certificate import load_or_make
from appliance.web.context import WebContext
from appliance.web.security import SESSION_COOKIE
from tests.web.conftest import open_browser
from tests.web.test_server import Running, start
from tests.web.test_today import store

EVENTS = "/api/today/events"


@pytest.fixture
def running(app: Flask, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(server, "EVERY_SECONDS", 0.1)
    running = start(app, load_or_make(paths, Settings()))
    yield running
    running.end()


def next_event(answer: HTTPResponse) -> str:
    """How many people came in, as the next event tells it."""
    for line in iter(answer.readline, b""):
        if line.startswith(b"data: "):
            return str(json.loads(line.removeprefix(b"data: "))["values"]["in"])
    raise AssertionError("the stream has ended")


def test_events_come_until_the_session_is_over(running: Running, app: Flask, context: WebContext) -> None:
    browser = open_browser(app, context)
    connection = running.connect()
    connection.request("GET", EVENTS, headers={"Cookie": f"{SESSION_COOKIE}={browser.identifier}"})
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Content-Security-Policy"]
    assert next_event(answer) == "0"
    store(context, "in", 5)
    assert next_event(answer) == "5"
    context.sessions.close(browser.identifier)
    with pytest.raises(AssertionError, match="has ended"):
        next_event(answer)


def test_the_end_of_the_program_ends_the_streams_and_strangers_get_none(
    running: Running, app: Flask, context: WebContext
) -> None:
    stranger = running.connect()
    stranger.request("GET", EVENTS)
    assert stranger.getresponse().status == 401
    browser = open_browser(app, context)
    connection = running.connect()
    connection.request("GET", EVENTS, headers={"Cookie": f"{SESSION_COOKIE}={browser.identifier}"})
    answer = connection.getresponse()
    assert next_event(answer) == "0"
    running.end()
    assert not running.thread.is_alive()
    with pytest.raises(AssertionError, match="has ended"):
        next_event(answer)
