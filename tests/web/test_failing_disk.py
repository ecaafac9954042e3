"""Pages while the disk is full, can't be written, or has changed what was written: what people can still do is told."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.settings import Settings, find_paths
from appliance.storage import cameras
from appliance.storage.database import reading
from appliance.storage.site import open_site
from appliance.vision.live import LiveClient
from appliance.web.application import create_app
from appliance.web.context import WebContext
from tests.storage.test_disk import fill, small_disk
from tests.web.conftest import Browser, Clock, open_browser

__all__ = ["small_disk"]

PAGE_BYTES = 4096


@pytest.fixture
def context_on_disk(small_disk: Path, new_site: Path, clock: Clock) -> Iterator[WebContext]:
    """The site on a file system of one megabyte, on which something else lies too."""
    shutil.copytree(new_site, small_disk / "state")
    (small_disk / "ballast").write_bytes(bytes(200_000))
    paths = find_paths({}, small_disk / "state")
    site = open_site(paths)
    context = WebContext(site, Settings(), paths, LiveClient(paths.live_socket), clock)
    yield context
    context.feeds.stop()
    site.engine.dispose()


@pytest.fixture
def anna(context_on_disk: WebContext) -> Browser:
    return open_browser(create_app(context_on_disk), context_on_disk)


def names(context: WebContext) -> list[str]:
    with reading(context.engine) as connection:
        return [camera.name for camera in cameras.list_cameras(connection)]


def add_camera(browser: Browser) -> tuple[int, str]:
    answer = browser.post("/cameras/add", name="back", source="rtsp://192.0.2.10/stream", transport="tcp")
    return answer.status_code, answer.text


def test_on_a_full_disk_pages_are_shown_and_what_can_not_be_saved_is_told(
    anna: Browser, context_on_disk: WebContext, small_disk: Path
) -> None:
    fill(context_on_disk.site)
    status, text = add_camera(anna)
    assert status == 503
    assert "is full; free some space" in text
    assert names(context_on_disk) == ["entrance"]
    assert anna.get("/").status_code == 200
    (small_disk / "ballast").unlink()
    assert add_camera(anna)[0] == 302
    assert names(context_on_disk) == ["back", "entrance"]


def test_on_a_disk_that_can_not_be_written_it_is_told(
    anna: Browser, context_on_disk: WebContext, small_disk: Path
) -> None:
    # It stays writable while a file on it is open for writing.
    context_on_disk.engine.dispose()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    status, text = add_camera(anna)
    assert status == 503
    assert "check the disk and rights" in text
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert add_camera(anna)[0] == 302
    assert names(context_on_disk) == ["back", "entrance"]


def test_a_damaged_database_is_named_with_what_helps(anna: Browser, context_on_disk: WebContext) -> None:
    database = context_on_disk.paths.database
    context_on_disk.engine.dispose()
    content = bytearray(database.read_bytes())
    for page in range(1, len(content) // PAGE_BYTES):
        content[page * PAGE_BYTES + 100] ^= 1
    database.write_bytes(content)
    answer = anna.get("/audit")
    assert answer.status_code == 503
    assert "veilsight db restore FILE" in answer.text
