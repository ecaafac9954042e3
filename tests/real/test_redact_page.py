"""Redacting a recording in a real browser: the real server, the redactor's own process, and the real networks."""

import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from appliance.services.activation import Activation
from appliance.web.uploads import REASONS
from tests.real.test_browser import Served, browser, page, served, visit
from tests.vision.test_recordings import with_white, write_video
from tests.web.conftest import audit_entries, wait_until

__all__ = ["browser", "page", "served", "visit"]

# The process is started, the networks are loaded and, the first time, measured.
SECONDS = 180.0
FRAMES = 20


@pytest.fixture(scope="module", autouse=True)
def redactor(served: Served, default_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Activation]:
    paths, temporary = served.context.paths, tmp_path_factory.mktemp("temporary")

    def command(descriptor: int) -> list[str]:
        options = ["--state", str(paths.state), "redactor", "--socket-fd", str(descriptor)]
        return [sys.executable, "-m", "appliance.cli.main", *options]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEILSIGHT_MODELS", str(default_models))
        patch.setenv("TMPDIR", str(temporary))
        activation = Activation(paths.redaction_socket, command)
        yield activation
        activation.close()
    assert list(temporary.iterdir()) == []


@pytest.fixture
def clip(pets_clip: Path, tmp_path: Path) -> Path:
    """The first seconds of the street scene."""
    with av.open(str(pets_clip)) as source:
        frames = [
            frame.to_ndarray(format="bgr24") for frame, _ in zip(source.decode(video=0), range(FRAMES), strict=False)
        ]
    return write_video(tmp_path / "Mrs Example at the door.mp4", [np.asarray(each, np.uint8) for each in frames])


def ask(page: Page, path: Path, reference: str) -> None:
    page.get_by_role("link", name="Privacy").first.click()
    page.get_by_role("link", name="Redact a recording").click()
    page.get_by_label("The recording or picture").set_input_files(path)
    page.get_by_label(REASONS[0]).check()
    page.get_by_label("Your reference").fill(reference)
    page.get_by_role("button", name="Send and redact").click()


def test_a_recording_is_redacted_and_taken_away(page: Page, served: Served, clip: Path, redactor: Activation) -> None:
    ask(page, clip, "case 7")
    expect(page.locator("progress")).to_be_visible()
    expect(page.get_by_role("heading", name="The redacted copy is ready")).to_be_focused(timeout=SECONDS * 1000)
    expect(page.get_by_text(f"{FRAMES} frames, of which 0 had to be covered whole.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Take it away").click()
    assert download.value.suggested_filename == "redacted-case-7.mp4"
    with av.open(str(download.value.path())) as result:
        pictures = [np.asarray(frame.to_ndarray(format="bgr24"), np.int16) for frame in result.decode(video=0)]
    with av.open(str(clip)) as source:
        originals = [np.asarray(frame.to_ndarray(format="bgr24"), np.int16) for frame in source.decode(video=0)]
    changed = [(abs(one - other).max(axis=2) > 60).mean() for one, other in zip(pictures, originals, strict=True)]
    # Heads are covered, and what is no head is left.
    assert all(0.001 < part < 0.3 for part in changed)
    expect(page.get_by_role("heading", name="The file is gone from this appliance")).to_be_visible()
    expect(page.get_by_text("It was taken away.")).to_be_visible()
    process = redactor._process
    assert process is not None
    assert process.wait(30) == 0
    events = [entry.event for entry in audit_entries(served.context) if entry.event.subject == "case 7"]
    assert [event.action for event in events] == [
        *("upload-received", "recording-redacted", "recording-downloaded", "upload-removed")
    ]
    # The file's own name, which names somebody, is nowhere.
    assert not any("Mrs" in str(entry.event) for entry in audit_entries(served.context))


def test_it_can_be_cancelled_on_the_way(page: Page, served: Served, clip: Path) -> None:
    ask(page, clip, "case 8")
    expect(page.locator("progress")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="The file is gone from this appliance")).to_be_focused()
    wait_until(lambda: audit_entries(served.context, "upload-removed"))
    (*_, last) = audit_entries(served.context, "upload-removed")
    assert (last.event.subject, last.event.details["ending"]) == ("case 8", "cancelled")


def test_a_part_that_is_on_its_way_is_broken_off_with_the_rest(page: Page, clip: Path) -> None:
    held: list[Route] = []
    page.route("**/parts?*", lambda route: held.append(route))
    with page.expect_request("**/parts?*"):
        ask(page, clip, "case 9")
    with page.expect_event("requestfailed", lambda request: "/parts?" in request.url):
        page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="The file is gone from this appliance")).to_be_focused()


def test_what_is_no_video_is_said_and_the_form_stays(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_bytes(b"Dear customer" * 1000)
    ask(page, path, "")
    expect(page.get_by_role("alert")).to_contain_text("This is not a video that can be read", timeout=SECONDS * 1000)
    expect(page.get_by_role("button", name="Send and redact")).to_be_visible()
    assert page.get_by_label(REASONS[0]).is_checked()


def test_a_page_that_is_left_and_opened_again_goes_on(page: Page, served: Served, tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", [with_white()] * 600)
    ask(page, path, "case 9")

    def has_arrived() -> bool:
        upload = served.context.uploads._present
        return upload is not None and upload.subject == "case 9" and upload.answer.state != "receiving"

    wait_until(has_arrived, SECONDS)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_role("heading", name="The redacted copy is ready")).to_be_visible(timeout=SECONDS * 1000)
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_text("It was cancelled.")).to_be_visible()
