"""A camera is added by mouse, a line is drawn over its redacted picture, and people who cross it are counted.

Everything is real: Chromium, the server, the engine, the network that finds people, and a camera that sends a recorded
clip. The other networks are left out for speed: without them every picture is covered wholly, as it should be.
"""

import http.server
import itertools
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from appliance.services.engine import run_engine
from appliance.services.service_manager import ServiceManager
from appliance.settings import Paths, Settings, Site, find_paths
from appliance.storage import cameras, users
from appliance.storage.database import reading
from appliance.storage.site import create_site
from appliance.storage.users import Role
from appliance.vision.catalogue import load_catalogue
from appliance.vision.live import LiveClient
from appliance.web.account import ensure_administrator
from appliance.web.application import create_app
from appliance.web.certificate import load_or_make
from appliance.web.context import WebContext
from appliance.web.server import serve
from appliance.web.status import read_status
from tests.real.test_browser import ARGUMENTS, CHROMIUM
from tests.web.conftest import PASSWORD, audit_entries, wait_until

SECONDS = 90.0
NAMED = Settings(site=Site(name="Corner shop"))
FRAME_RATE = 10
# The part of the clip in which most people cross its middle: one every other second.
FIRST_FRAME, FRAMES = 250, 130


class _Camera(http.server.BaseHTTPRequestHandler):
    """Sends the clip's pictures as JPEG, at the clip's own speed, again and again."""

    def __init__(self, pictures: list[bytes], stop: threading.Event, *arguments: object) -> None:
        self.pictures, self.stop = pictures, stop
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(OSError):
            for jpeg in itertools.cycle(self.pictures):
                if self.stop.wait(1 / FRAME_RATE):
                    return
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                self.wfile.write(jpeg + b"\r\n")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def clip_camera(clip: Path, frames: int = FRAMES) -> Iterator[str]:
    """The address of a camera that sends the clip."""
    capture, pictures = cv2.VideoCapture(str(clip)), list[bytes]()
    capture.set(cv2.CAP_PROP_POS_FRAMES, FIRST_FRAME)
    while len(pictures) < frames and (read := capture.read())[0]:
        pictures.append(cv2.imencode(".jpg", read[1])[1].tobytes())
    capture.release()
    stop = threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Camera, pictures, stop)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/stream"
        stop.set()
        server.shutdown()


@contextmanager
def site_at_work(paths: Paths, settings: Settings = NAMED) -> Iterator[tuple[str, WebContext]]:
    """The address of the site's page, with its engine and its web program at work; `ines` is its installer."""
    site, _ = create_site(paths)
    with site.engine.begin() as connection:
        users.add(connection, "ines", PASSWORD, Role.INSTALLER)
    context = WebContext(site, settings, paths, LiveClient(paths.live_socket), filed=settings)
    stop, ready, ports = threading.Event(), threading.Event(), list[int]()

    def tell(port: int) -> None:
        ports.append(port)
        ready.set()

    serving = (create_app(context), "127.0.0.1", 0, load_or_make(paths, settings), stop, tell)
    threads = [
        threading.Thread(target=run_engine, args=(paths, settings, stop, ServiceManager({}))),
        threading.Thread(target=serve, args=serving),
    ]
    for thread in threads:
        thread.start()
    try:
        assert ready.wait(SECONDS)
        yield f"https://localhost:{ports[0]}", context
    finally:
        stop.set()
        for thread in threads:
            thread.join(SECONDS)
        site.engine.dispose()
        if paths.memory:
            shutil.rmtree(paths.memory, ignore_errors=True)


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def window(browser: Browser, address: str, user: str = "ines", password: str = PASSWORD) -> Iterator[Page]:
    """A window of somebody who is logged in; at its end, its console holds no complaint."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(SECONDS * 1000)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.get_by_label("Name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    yield page
    context.close()
    assert complaints == []


def test_a_camera_is_added_by_mouse_and_its_line_counts(
    browser: Browser, pets_clip: Path, default_models: Path
) -> None:
    with tempfile.TemporaryDirectory(prefix="veilsight") as folder, clip_camera(pets_clip) as camera:
        models = people_alone(default_models, Path(folder))
        paths = find_paths({"VEILSIGHT_MODELS": str(models)}, Path(folder, "state"))
        with site_at_work(paths) as (address, context), window(browser, address) as page:
            add_camera(page, camera)
            page.get_by_role("link", name="Lines and zones").click()
            show_picture(page)
            draw_line(page, context)
            correct_by_keyboard(page, context)
            wait_until(lambda: counted(context) > 0, SECONDS)
            page.get_by_role("button", name="Hide the picture").click()
            wait_until(lambda: audit_entries(context, "view-closed"), SECONDS)
            (opened,) = audit_entries(context, "view-opened")
            assert opened.event.details["reason"] == "Setting up a line or a zone"


def test_from_the_first_log_in_to_the_first_count(browser: Browser, pets_clip: Path, default_models: Path) -> None:
    """What an administrator does on the day of the installation: five steps, at their end the first count."""
    with tempfile.TemporaryDirectory(prefix="veilsight") as folder, clip_camera(pets_clip) as camera:
        models = people_alone(default_models, Path(folder))
        paths = find_paths({"VEILSIGHT_MODELS": str(models)}, Path(folder, "state"))
        with site_at_work(paths, Settings()) as (address, context):
            with context.engine.begin() as connection:
                users.remove(connection, "ines")
                password = ensure_administrator(connection)
            with window(browser, address, "admin", password or "") as page:
                choose_password(page, password or "")
                name_the_site(page)
                page.get_by_role("link", name="Add a camera").click()
                fill_camera(page, camera)
                page.goto(f"{address}/first-start")
                page.get_by_role("link", name="Draw on walk").click()
                show_picture(page)
                draw_line(page, context)
                page.goto(f"{address}/first-start")
                page.get_by_label("When signed reports are built").select_option("week")
                page.get_by_role("listitem").last.get_by_role("button", name="Save").click()
                expect(page.get_by_text("Done", exact=True)).to_have_count(5)
                page.get_by_role("button", name="Go to Today").click()
                expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
                expect(page.locator("[data-value='in']")).to_have_text(re.compile("[1-9]"), timeout=SECONDS * 1000)
            assert context.settings.site == Site("Corner shop", "Europe/Paris")


def choose_password(page: Page, password: str) -> None:
    page.get_by_label("Present password").fill(password)
    page.get_by_label("New password, at least").fill(PASSWORD)
    page.get_by_label("New password once more").fill(PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("heading", name="First start")).to_be_visible()


def name_the_site(page: Page) -> None:
    page.get_by_label("Name of the store").fill("Corner shop")
    page.get_by_label("Time zone, such as").fill("Europe/Paris")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Corner shop, Europe/Paris")).to_be_visible()


def people_alone(models: Path, folder: Path) -> Path:
    """A directory with the network that finds people, and no other."""
    network = load_catalogue().pack("default").for_task("people-vehicles")
    assert network is not None
    alone = folder / "models"
    alone.mkdir()
    for file in models.glob(f"{network.name}.*"):
        (alone / file.name).symlink_to(file)
    return alone


def add_camera(page: Page, address: str) -> None:
    page.get_by_role("link", name="Cameras", exact=True).click()
    page.get_by_role("link", name="Add a camera").click()
    fill_camera(page, address)


def fill_camera(page: Page, address: str) -> None:
    page.get_by_label("Name", exact=True).fill("walk")
    page.get_by_label("Address").fill(address)
    page.get_by_text("More settings").click()
    page.get_by_label("Pictures analysed a second").fill("5")
    page.get_by_role("button", name="Add the camera").click()
    expect(page.get_by_role("heading", name="walk")).to_be_visible()
    expect(page.locator("[data-state]")).to_have_text("Running", timeout=SECONDS * 1000)


def show_picture(page: Page) -> None:
    expect(page.get_by_text("There is no picture yet.")).to_be_visible()
    page.get_by_role("button", name="Show the picture").click()
    expect(page.locator("canvas")).to_have_js_property("width", 768, timeout=SECONDS * 1000)
    expect(page.get_by_text("The whole picture is covered.")).to_be_visible(timeout=SECONDS * 1000)


def draw_line(page: Page, context: WebContext) -> None:
    page.get_by_role("button", name="Line", exact=True).click()
    box = page.locator("svg.marks").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.95 * box["height"], steps=4)
    page.mouse.up()
    page.get_by_label("Name", exact=True).fill("footpath")
    page.get_by_role("button", name="Save the drawing").click()
    expect(page.get_by_text("Saved.")).to_be_visible(timeout=SECONDS * 1000)
    with reading(context.engine) as connection:
        (line,) = cameras.need(connection, "walk").lines
    assert line.name == "footpath"
    assert (line.x1, line.y1, line.x2, line.y2) == pytest.approx((0.45, 0.25, 0.45, 0.95), abs=0.01)


def correct_by_keyboard(page: Page, context: WebContext) -> None:
    """The arrow keys move a point, and undo and redo go back and forth."""
    end = page.get_by_role("button", name="Line footpath, point 2")
    end.focus()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("ArrowRight")
    expect(end).to_be_focused()
    page.keyboard.press("Control+z")
    expect(page.get_by_role("button", name="Save the drawing")).to_be_disabled()
    page.get_by_role("button", name="Redo").click()
    page.get_by_role("button", name="Save the drawing").click()
    expect(page.get_by_text("Saved.")).to_be_visible(timeout=SECONDS * 1000)
    with reading(context.engine) as connection:
        (line,) = cameras.need(connection, "walk").lines
    assert (line.x2, line.y2) == pytest.approx((0.455, 0.90), abs=0.01)


def counted(context: WebContext) -> float:
    """How many crossings of the drawn line the engine has in its open bucket."""
    status = read_status(context.live)
    rows = status.open_bucket.measurements if status and status.open_bucket else ()
    return sum(row.value for row in rows if (row.measure, row.place) == ("crossings", "footpath"))
