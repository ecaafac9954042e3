"""The live view: a reason first, then pictures, then an end that is written down whatever the browser does."""

import threading

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from appliance.vision.live import Hub, LiveServer
from appliance.web import live
from appliance.web.context import WebContext
from appliance.web.viewing import end_views, sweep_views
from appliance.web.views import GONE_AFTER, MOST_VIEWS, REASONS, TIME_LIMIT
from tests.web.conftest import Browser, Clock, Engine, audit_entries, open_browser, wait_until

CAMERA = "entrance"


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for a picture that doesn't come ends soon."""
    monkeypatch.setattr(live, "WAIT_SECONDS", 0.05)


def open_view(browser: Browser, reason: str = REASONS[0], camera: str = CAMERA) -> str:
    """Open a view; returns its address."""
    answer = browser.post("/live", camera=camera, reason=reason)
    assert answer.status_code == 302
    return answer.headers["Location"]


def ask(browser: Browser, view: str, after: int = 0) -> TestResponse:
    return browser.get(f"{view}/frame?after={after}")


def endings(context: WebContext) -> list[object]:
    return [entry.event.details["ending"] for entry in audit_entries(context, "view-closed")]


def viewer_connections() -> int:
    """Connections of viewers that the engine serves at present."""
    return sum(thread.name == "viewer" for thread in threading.enumerate())


def test_pictures_come_as_the_engine_sends_them(browser: Browser, engine: Engine) -> None:
    view = open_view(browser)
    assert browser.get(view).status_code == 200
    assert ask(browser, view).status_code == 204
    engine.show(b"one")
    first = first_picture(browser, view)
    assert first.data == b"one"
    assert first.mimetype == "image/jpeg"
    assert first.headers["Cache-Control"] == "no-store"
    assert "X-Covered" not in first.headers
    number = int(first.headers["X-Picture"])
    engine.show(b"two", whole_frame=True, reason="Too late: 3 s.")
    second = first_picture(browser, view, number)
    assert (second.data, second.headers["X-Covered"]) == (b"two", "Too%20late%3A%203%20s.")


def first_picture(browser: Browser, view: str, after: int = 0) -> TestResponse:
    answers: list[TestResponse] = []

    def came() -> bool:
        answers.append(ask(browser, view, after))
        return answers[-1].status_code == 200

    wait_until(came)
    return answers[-1]


def test_no_reason_no_view(browser: Browser, context: WebContext) -> None:
    for reason in ("", "curious"):
        assert open_view(browser, reason) == "/live"
    assert open_view(browser, camera="nowhere") == "/live"
    assert "choose a camera and a reason" in browser.get("/live").text
    assert audit_entries(context, "view-opened") == []
    assert context.views.watched_cameras() == frozenset()


def test_opening_and_closing_are_written_down(browser: Browser, context: WebContext, clock: Clock) -> None:
    view = open_view(browser, REASONS[1])
    opened = audit_entries(context, "view-opened")[0].event
    assert (opened.actor, opened.subject, opened.data_class) == ("ada", CAMERA, "redacted-frame")
    assert opened.details["reason"] == REASONS[1]
    clock.advance(seconds=12)
    browser.post("/live/close", view=view.rsplit("/", 1)[1])
    closed = audit_entries(context, "view-closed")[0].event
    assert closed.details == {"reason": REASONS[1], "ending": "closed by the viewer", "seconds": 12}
    assert ask(browser, view).status_code == 410


def test_a_view_that_cannot_be_written_down_does_not_open(browser: Browser, context: WebContext) -> None:
    with context.engine.begin() as connection:
        connection.execute(text("DROP TABLE audit_entry"))
    assert browser.post("/live", camera=CAMERA, reason=REASONS[0]).status_code >= 500
    assert context.views.watched_cameras() == frozenset()


def test_a_browser_that_goes_away_is_noticed(
    browser: Browser, context: WebContext, clock: Clock, engine: Engine
) -> None:
    view = open_view(browser)
    engine_shows_to(browser, view, engine)
    sweep_views(context)
    assert endings(context) == []
    clock.now += GONE_AFTER
    sweep_views(context)
    assert endings(context) == ["browser gone"]
    wait_until(lambda: not engine.hub.watched(CAMERA))
    assert ask(browser, view).status_code == 410


def engine_shows_to(browser: Browser, view: str, engine: Engine) -> None:
    ask(browser, view)
    engine.show(b"picture")
    first_picture(browser, view)


def test_the_time_limit_ends_even_a_busy_view(browser: Browser, context: WebContext, clock: Clock) -> None:
    view = open_view(browser)
    end = clock.now + TIME_LIMIT
    while clock.now < end:
        assert ask(browser, view).status_code == 204
        sweep_views(context)
        clock.advance(seconds=25)
    assert ask(browser, view).status_code == 410
    sweep_views(context)
    assert endings(context) == ["time limit"]
    assert browser.get(view).headers["Location"] == "/live"


def test_another_session_sees_nothing(app: Flask, browser: Browser, context: WebContext, engine: Engine) -> None:
    view = open_view(browser)
    engine_shows_to(browser, view, engine)
    for user in ("bob", "ada"):
        other = open_browser(app, context, user)
        assert ask(other, view).status_code == 410
        other.post("/live/close", view=view.rsplit("/", 1)[1])
    assert ask(browser, view, 0).status_code == 200


def test_many_viewers_share_one_connection(app: Flask, context: WebContext, engine: Engine) -> None:
    browsers = [open_browser(app, context) for _ in range(5)]
    views = [open_view(browser) for browser in browsers]
    for browser, view in zip(browsers, views, strict=True):
        ask(browser, view)
    engine.show(b"picture")
    for browser, view in zip(browsers, views, strict=True):
        assert first_picture(browser, view).data == b"picture"
    wait_until(lambda: viewer_connections() == 1)
    for browser, view in zip(browsers, views, strict=True):
        browser.post("/live/close", view=view.rsplit("/", 1)[1])
    wait_until(lambda: viewer_connections() == 0)


def test_a_slow_viewer_skips_pictures(browser: Browser, engine: Engine) -> None:
    view = open_view(browser)
    engine_shows_to(browser, view, engine)
    for number in range(200):
        engine.show(b"%d" % number)
    wait_until(lambda: ask(browser, view).data == b"199")
    assert ask(browser, view, int(ask(browser, view).headers["X-Picture"])).status_code == 204


def test_an_engine_that_starts_later_is_found(browser: Browser, context: WebContext) -> None:
    view = open_view(browser)
    assert ask(browser, view).status_code == 204
    for jpeg in (b"first run", b"second run"):
        hub = Hub()
        with LiveServer(context.paths.live_socket, hub, dict):
            Engine(hub).show(jpeg)
            assert first_picture(browser, view).data == jpeg
        # When the engine is gone its last picture is gone too.
        wait_until(lambda: ask(browser, view).status_code == 204)


def test_log_out_ends_this_sessions_views(app: Flask, browser: Browser, context: WebContext) -> None:
    other = open_browser(app, context)
    kept = open_view(other)
    open_view(browser)
    browser.post("/logout")
    assert endings(context) == ["logged out"]
    assert ask(other, kept).status_code == 204


def test_the_end_of_the_program_ends_every_view(browser: Browser, context: WebContext, engine: Engine) -> None:
    view = open_view(browser)
    engine_shows_to(browser, view, engine)
    end_views(context)
    assert endings(context) == ["program stopped"]
    wait_until(lambda: viewer_connections() == 0)


def test_endings_that_could_not_be_written_are_written_later(
    browser: Browser, context: WebContext, clock: Clock
) -> None:
    open_view(browser)
    clock.now += GONE_AFTER
    with context.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_entry RENAME TO elsewhere"))
    with pytest.raises(Exception, match="audit_entry"):
        sweep_views(context)
    with context.engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO audit_entry"))
    sweep_views(context)
    assert endings(context) == ["browser gone"]


def test_there_is_a_limit_to_views(browser: Browser, context: WebContext) -> None:
    for _ in range(MOST_VIEWS):
        open_view(browser)
    assert open_view(browser) == "/live"
    assert "Too many live views" in browser.get("/live").text
    assert len(audit_entries(context, "view-opened")) == MOST_VIEWS


def test_lines_and_zones_are_drawn_over_the_view(browser: Browser) -> None:
    page = browser.get(open_view(browser)).text
    assert '"x1": 0.45' in page
    assert '"name": "hall"' in page
