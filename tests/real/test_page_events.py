"""What happens while a page is open: the session ends, the engine stops and comes back, no other host answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from appliance.audit.proof import check_entry
from appliance.storage import users
from appliance.vision.frames import RawFrame
from appliance.vision.live import Hub, LiveServer
from appliance.vision.redaction import cover_whole
from appliance.web.application import create_app
from tests.real.test_accessibility import links
from tests.real.test_browser import (
    ARGUMENTS,
    CHROMIUM,
    SECONDS,
    Served,
    Visit,
    browser,
    log_in,
    open_live,
    page,
    served,
    status,
    visit,
)
from tests.web.conftest import ENTRANCE, PASSWORD, Engine

__all__ = ["browser", "page", "served", "visit"]

MILLISECONDS = SECONDS * 1000


@contextmanager
def hours_later(served: Served, hours: float) -> Iterator[None]:
    """The appliance's clock is ahead meanwhile."""
    before = served.context.clock
    served.context.clock = lambda: datetime.now(UTC) + timedelta(hours=hours)
    try:
        yield
    finally:
        served.context.clock = before


def test_a_session_that_ends_while_today_is_open_leads_to_the_log_in_and_back(
    page: Page, visit: Visit, served: Served
) -> None:
    with hours_later(served, 13):
        expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=MILLISECONDS)
        visit.complaints.clear()  # Chromium reports the refusals themselves
        log_in(page, PASSWORD)
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
        page.goto(f"{served.address}/audit")
        expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    with hours_later(served, 26):
        page.get_by_role("link", name="Reports").click()
        log_in(page, PASSWORD)
        expect(page.get_by_role("heading", name="Reports", exact=True)).to_be_visible()


def test_a_session_that_ends_takes_the_live_picture_with_it(page: Page, visit: Visit, served: Served) -> None:
    open_live(page)
    show_picture(served.engine)
    expect(page.locator("canvas")).to_have_js_property("width", 64)
    with hours_later(served, 13):
        expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=MILLISECONDS)
    visit.complaints.clear()


def show_picture(engine: Engine) -> None:
    raw = RawFrame(np.full((48, 64, 3), 255, np.uint8), ENTRANCE.name, 0, 0.0, datetime.now(UTC))
    engine.show(cover_whole(raw, "The face network is missing.").jpeg(), whole_frame=True, reason="")


@pytest.fixture
def own_engine(served: Served) -> Iterator[Engine]:
    """An engine that a test may stop: that of the site moves out of its way."""
    socket = served.context.paths.live_socket
    aside = socket.with_name("aside.sock")
    socket.rename(aside)
    # A view that another test left open would go on with pictures of the one before.
    served.context.feeds.stop()
    yield Engine(Hub(), status(people=7))
    aside.rename(socket)


def test_an_engine_that_stops_is_told_on_today_and_live_and_comes_back(
    page: Page, served: Served, own_engine: Engine
) -> None:
    socket, state = served.context.paths.live_socket, page.locator("[data-tone]")
    expect(state).to_have_class("pill warn", timeout=MILLISECONDS)
    expect(page.locator("[data-value=notice]")).to_contain_text("engine is not running")
    with LiveServer(socket, own_engine.hub, own_engine.answer):
        expect(state).to_have_class("pill good", timeout=MILLISECONDS)
        expect(page.locator("[data-value=notice]")).to_be_hidden()
        expect(page.locator("[data-value='in']")).to_have_text("7")
        open_live(page)
        show_picture(own_engine)
        expect(page.locator("canvas")).to_have_js_property("width", 64)
    expect(page.get_by_text("No picture is coming from this camera")).to_be_visible(timeout=MILLISECONDS)
    again = Engine(Hub(), status(people=8))
    with LiveServer(socket, again.hub, again.answer):
        show_picture(again)
        expect(page.get_by_text("No picture is coming from this camera")).to_be_hidden(timeout=MILLISECONDS)
        page.get_by_role("button", name="Close the view").click()
        expect(page.get_by_role("heading", name="Live")).to_be_visible()


@pytest.fixture
def auditor(visit: Visit, served: Served) -> Page:
    with served.context.engine.begin() as connection:
        if users.find(connection, "aude") is None:
            users.add(connection, "aude", PASSWORD, users.Role.AUDITOR)
    visit.page.get_by_label("Name").fill("aude")
    visit.page.get_by_label("Password").fill(PASSWORD)
    visit.page.get_by_role("button", name="Log in").click()
    return visit.page


def test_an_auditor_finds_the_proof_alone(auditor: Page, served: Served) -> None:
    auditor.get_by_role("link", name="Audit").click()
    expect(auditor.get_by_role("heading", name="The log is whole")).to_be_visible()
    auditor.get_by_label("Search").fill("AUDE")
    auditor.keyboard.press("Enter")
    expect(auditor.get_by_role("rowheader").first).to_have_text("Logged in")
    auditor.get_by_role("row").nth(1).get_by_role("link").click()
    expect(auditor.locator("dd").filter(has_text="aude").first).to_be_visible()
    with auditor.expect_download() as download:
        auditor.get_by_role("link", name="Proof", exact=True).click()
    proven = check_entry(Path(download.value.path()).read_text("utf-8"), served.context.site.public_key)
    assert json.loads(proven.text)["actor"] == "aude"
    auditor.reload()
    expect(auditor.get_by_role("heading", name="Proven: this entry is as it was written")).to_be_visible()
    # Nothing else opens: neither numbers nor cameras.
    assert {link.inner_text().strip() for link in auditor.locator("nav.navigation a").all()} >= {"Reports", "Audit"}
    for path in ("/explore", "/cameras", "/live", "/first-start"):
        assert auditor.request.get(served.address + path).status == 403


def test_every_page_works_where_no_other_host_can_be_reached(browser: Browser, served: Served) -> None:
    """Chromium knows no host but the appliance's: what a page would fetch elsewhere fails and is complained of."""
    alone = [*ARGUMENTS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"]
    adapter, complaints = create_app(served.context).url_map.bind("localhost"), list[str]()
    waiting, seen = ["/"], set[str]()

    def note_failure(request: Request) -> None:
        # A page that is left breaks off what it was still fetching.
        if request.failure != "net::ERR_ABORTED":
            complaints.append(f"{request.url}: {request.failure}")

    with browser.browser_type.launch(executable_path=CHROMIUM, args=alone) as chromium:
        page = chromium.new_context(ignore_https_errors=True, locale="en-GB").new_page()
        page.on("console", lambda message: complaints.append(f"{page.url}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("requestfailed", note_failure)
        page.goto(served.address)
        log_in(page, PASSWORD)
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
        while waiting:
            path = waiting.pop(0)
            endpoint, _ = adapter.match(path, "GET")
            answer = page.request.get(served.address + path)
            if endpoint in seen or not answer.headers["content-type"].startswith("text/html"):
                continue
            seen.add(endpoint)
            page.goto(served.address + path, wait_until="load")
            waiting += links(page, served.address)
    # The stream of numbers ends when its page is left.
    assert [each for each in complaints if not ("/api/today/events" in each and "ABORTED" in each)] == []
    assert len(seen) > 10
