"""The pages in a real browser: Debian's Chromium against the real server, database and engine socket."""

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from playwright.sync_api import Browser, Page, expect, sync_playwright

from appliance.reports.verify import verify_bytes
from appliance.settings import Settings, Site, find_paths
from appliance.storage import cameras, users
from appliance.storage.site import create_site
from appliance.vision.frames import RawFrame
from appliance.vision.live import Hub, LiveClient, LiveServer
from appliance.vision.redaction import cover_whole
from appliance.web.application import create_app
from appliance.web.certificate import load_or_make
from appliance.web.context import WebContext
from appliance.web.server import serve
from appliance.web.views import REASONS
from tests.web.conftest import ENTRANCE, PASSWORD, Engine, audit_entries, wait_until

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # For what a page sends while it is left, which no per-page setting covers.
    "--ignore-certificate-errors",
]
NARROW = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 800}
PAGES = (
    "/",
    "/live",
    "/cameras",
    "/cameras/add",
    "/cameras/entrance/settings",
    "/cameras/entrance/places",
    "/reports",
    "/audit",
    "/privacy",
    "/privacy/redact",
    "/system",
)
SECONDS = 20.0


@dataclass
class Served:
    """A site that is served at `address`, with an engine that shows what the test wants."""

    address: str
    context: WebContext
    engine: Engine


@dataclass
class Visit:
    """One browser window, and what went wrong in it."""

    page: Page
    complaints: list[str]
    hosts: set[str]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="veilsight") as folder:
        paths = find_paths({}, Path(folder))
        site, _ = create_site(paths)
        with site.engine.begin() as connection:
            cameras.add(connection, ENTRANCE)
            users.add(connection, "ada", PASSWORD, users.Role.ADMINISTRATOR)
        context = WebContext(site, Settings(site=Site(name="Corner shop")), paths, LiveClient(paths.live_socket))
        engine = Engine(Hub(), status())
        stop, ready, ports = threading.Event(), threading.Event(), list[int]()

        def tell(port: int) -> None:
            ports.append(port)
            ready.set()

        arguments = (create_app(context), "127.0.0.1", 0, load_or_make(paths, context.settings), stop, tell)
        server = threading.Thread(target=serve, args=arguments, daemon=True)
        with LiveServer(paths.live_socket, engine.hub, engine.answer):
            server.start()
            assert ready.wait(SECONDS)
            yield Served(f"https://localhost:{ports[0]}", context, engine)
            stop.set()
            server.join(SECONDS)
        site.engine.dispose()


def status(people: int = 0) -> dict[str, object]:
    """The engine's status with `people` having come in since the last bucket was stored."""
    row = {"camera": ENTRANCE.name, "measure": "crossings", "place": "door", "kind": "person", "direction": "in"}
    now = datetime.now(UTC)
    return {
        "cameras": [{"name": ENTRANCE.name, "state": "streaming", "width": 64, "height": 48}],
        "open_bucket": {"start": now.isoformat(), "seconds": 900, "measurements": [row | {"value": float(people)}]},
        "present": {ENTRANCE.name: {"hall": 3}},
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """A fresh window at the log-in page. At the end: no complaint in its console, and no request to elsewhere."""
    context = browser.new_context(ignore_https_errors=True, viewport=WIDE, color_scheme="light", locale="en-GB")
    context.set_default_timeout(SECONDS * 1000)
    visit = Visit(context.new_page(), [], set())
    visit.page.on("console", lambda message: visit.complaints.append(message.text))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("request", lambda request: visit.hosts.add("/".join(request.url.split("/")[:3])))
    visit.page.goto(served.address)
    yield visit
    context.close()
    assert visit.complaints == []
    # Chromium's PDF viewer is made of pages of its own.
    assert {host for host in visit.hosts if not host.startswith("chrome")} == {served.address}


@pytest.fixture
def page(visit: Visit) -> Page:
    """The window after log-in."""
    log_in(visit.page, PASSWORD)
    expect(visit.page.get_by_role("heading", name="Today")).to_be_visible()
    return visit.page


def log_in(page: Page, password: str) -> None:
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def open_live(page: Page) -> None:
    page.get_by_role("link", name="Live").click()
    page.get_by_label(ENTRANCE.name).check()
    page.get_by_label(REASONS[0]).check()
    page.get_by_role("button", name="Open the live view").click()
    expect(page.get_by_role("button", name="Close the view")).to_be_visible()
    # The time left is counted by the page's script, which only then also notices that the page is left.
    expect(page.locator("[data-left]")).to_contain_text("left")


def test_a_wrong_password_is_said_kindly_and_the_right_one_opens(visit: Visit) -> None:
    log_in(visit.page, "wrong")
    expect(visit.page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
    # Chromium reports the refusal itself.
    visit.complaints.clear()
    log_in(visit.page, PASSWORD)
    expect(visit.page.get_by_role("heading", name="Today")).to_be_visible()
    visit.page.get_by_role("button", name="Log out").click()
    expect(visit.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_numbers_move_by_themselves(page: Page, served: Served) -> None:
    served.engine.status = status(people=1234)
    expect(page.locator("[data-value='in']")).to_have_text("1,234", timeout=SECONDS * 1000)
    expect(page.locator(".chart canvas")).to_be_visible()
    page.get_by_text("Show the numbers as a table").click()
    expect(page.get_by_role("table", name="People in and out by hour")).to_be_visible()


def test_a_live_picture_is_shown_with_lines_over_it(page: Page, served: Served) -> None:
    open_live(page)
    raw = RawFrame(np.full((48, 64, 3), 255, np.uint8), ENTRANCE.name, 0, 0.0, datetime.now(UTC))
    covered = cover_whole(raw, "The face network is missing.")
    served.engine.show(covered.jpeg(), whole_frame=covered.whole_frame, reason=covered.reason)
    expect(page.locator("canvas")).to_have_js_property("width", 64)
    expect(page.locator(".picture .message")).to_be_hidden()
    expect(page.get_by_text("The face network is missing.")).to_be_visible()
    blue, green, red = covered.pixels[5, 5].tolist()
    pixel = page.evaluate("[...document.querySelector('canvas').getContext('2d').getImageData(5, 5, 1, 1).data]")
    assert all(abs(seen - sent) < 12 for seen, sent in zip(pixel, (red, green, blue, 255), strict=True))
    expect(page.locator("svg.marks .line").first).to_be_attached()
    expect(page.locator("svg.marks text").filter(has_text="hall")).to_be_attached()
    page.get_by_role("button", name="Close the view").click()
    expect(page.get_by_role("heading", name="Live")).to_be_visible()
    wait_until(lambda: not served.engine.hub.watched(ENTRANCE.name))


def test_the_count_is_checked_by_eye(page: Page, served: Served) -> None:
    served.engine.status = status() | {"entered": {ENTRANCE.name: 40}}
    open_live(page)
    page.get_by_role("button", name="Start the check").click()
    expect(page.get_by_role("button", name="One came in")).to_be_focused()
    for _ in range(11):
        page.keyboard.press("Space")
    page.get_by_role("button", name="One came in").click()
    expect(page.locator("[data-check-mine]")).to_have_text("12")
    served.engine.status = status() | {"entered": {ENTRANCE.name: 49}}
    expect(page.locator("[data-check-system]")).to_have_text("9")
    expect(page.locator("[data-check-difference]")).to_have_text("-3")
    page.get_by_role("button", name="End the check").click()
    expect(page.get_by_text("The count agrees to 75%.")).to_be_visible()
    (entry,) = audit_entries(served.context, "counting-checked")
    assert entry.event.details["difference"] == "-25%"
    page.get_by_role("button", name="Close the view").click()


def test_leaving_the_page_closes_the_view(page: Page, served: Served) -> None:
    open_live(page)
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("heading", name="Audit")).to_be_visible()

    def last_entry() -> str:
        return str(audit_entries(served.context, "view-opened", "view-closed")[-1].event.details.get("ending"))

    wait_until(lambda: last_entry() == "closed by the viewer")


def test_a_report_is_built_and_taken_away(page: Page) -> None:
    page.get_by_role("link", name="Reports").click()
    page.get_by_role("button", name="Build the report").click()
    expect(page.get_by_text("is built and signed")).to_be_visible(timeout=SECONDS * 1000)
    page.get_by_role("link", name="Look at the report").first.click()
    shown = page.frame_locator("iframe").locator("embed, object, body")
    expect(shown.first).to_be_attached(timeout=SECONDS * 1000)
    page.get_by_role("link", name="All reports").click()
    files = []
    for link in ("PDF", "Signature", "Public key"):
        with page.expect_download() as download:
            page.get_by_role("link", name=link).first.click()
        files.append((download.value.suggested_filename, Path(download.value.path()).read_bytes()))
    (name, document), (_, signature), (_, pem) = files
    key = load_pem_public_key(pem)
    assert verify_bytes(name, document, signature, key).valid


def test_the_audit_page_verifies(page: Page) -> None:
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("heading", name="The log is whole")).to_be_visible()
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text("verified just now")).to_be_visible()
    page.get_by_label("Action").select_option("login")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("rowheader").first).to_have_text("Logged in")


def test_dark_and_light(page: Page) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = background()
    page.get_by_role("button", name="Dark or light").click()
    dark = background()
    assert dark != light
    page.reload()
    assert background() == dark
    page.get_by_role("button", name="Dark or light").click()
    assert background() == light


def test_everything_fits_on_a_phone(page: Page, served: Served) -> None:
    page.set_viewport_size(NARROW)
    for address in PAGES:
        page.goto(served.address + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], address
        small = page.evaluate(
            "[...document.querySelectorAll('.button, nav a, summary, .choice, .field input, select')]"
            ".filter((e) => e.offsetParent && e.getBoundingClientRect().height < 40).map((e) => e.outerHTML)"
        )
        assert small == [], address


def test_the_keyboard_is_enough(page: Page, served: Served) -> None:
    page.goto(served.address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("link", name="Live").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.get_by_label(ENTRANCE.name).focus()
    page.keyboard.press("Space")
    page.get_by_label(REASONS[0]).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_text(REASONS[1])).to_be_visible()
    expect(page.get_by_role("button", name="Close the view")).to_be_visible()


def test_every_field_and_picture_has_a_name(page: Page, served: Served) -> None:
    for address in PAGES:
        page.goto(served.address + address)
        nameless = page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select, button, a')]"
            ".filter((e) => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))"
            ".map((e) => e.outerHTML)"
        )
        assert nameless == [], address
        assert page.locator("h1").count() == 1
