"""Redacting a recording from the page: through the real socket and the redactor's own work, with scripted networks."""

import hashlib
import io
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Client, Listener
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance.audit.log import Entry
from appliance.services.redactor import serve_one
from appliance.settings import Paths
from appliance.vision.redaction_socket import PART_BYTES
from appliance.vision.runtime import Detectors
from appliance.web.context import WebContext
from appliance.web.parts import OFFSET
from appliance.web.uploads import BROWSER_GONE, LOGGED_OUT, PROGRAM_STOPPED, REASONS, TIME_LIMIT
from appliance.web.viewing import end_views
from tests.vision.scripted import detectors
from tests.vision.test_recordings import SeesWhite, shows_white, with_white, write_video
from tests.web.conftest import Browser, Clock, audit_entries, open_browser, wait_until

FORM = {"reason": REASONS[0], "reference": "case 12", "cover": "plates"}
ACTIONS = ("upload-received", "recording-redacted", "recording-downloaded", "upload-removed")


@dataclass
class Redactor:
    """The redactor's work for each who connects; the networks come when `ready` is set."""

    folder: Path
    ready: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def load(self) -> Detectors:
        self.ready.wait()
        return detectors(faces=SeesWhite("face"))

    def is_idle(self) -> bool:
        return not any(thread.is_alive() for thread in self.threads)


@pytest.fixture
def redactor(paths: Paths) -> Iterator[Redactor]:
    with tempfile.TemporaryDirectory() as folder:
        redactor = Redactor(Path(folder))
        redactor.ready.set()
        listener = Listener(str(paths.redaction_socket), family="AF_UNIX")
        stop = threading.Event()

        def accept() -> None:
            while True:
                connection = listener.accept()
                if stop.is_set():
                    connection.close()
                    return
                thread = threading.Thread(target=serve_one, args=(connection, redactor.load, redactor.folder))
                redactor.threads.append(thread)
                thread.start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield redactor
        redactor.ready.set()
        assert list(redactor.folder.iterdir()) == []
        stop.set()
        Client(str(paths.redaction_socket), family="AF_UNIX").close()
        thread.join()
        listener.close()


@pytest.fixture(autouse=True)
def no_upload_is_left(context: WebContext) -> Iterator[None]:
    yield
    context.uploads.end_of(context.engine, None, PROGRAM_STOPPED, context.clock())


def picture() -> bytes:
    return cv2.imencode(".png", with_white())[1].tobytes()


def begin(browser: Browser, content: bytes, suffix: str = ".png", **changes: str) -> str:
    form = FORM | {"suffix": suffix, "size": str(len(content))} | changes
    answer = browser.post("/privacy/redact", **form)
    assert answer.status_code == 200, answer.get_json()
    return f"/privacy/redact/{answer.get_json()['identifier']}"


def send_part(browser: Browser, address: str, offset: int, part: bytes, token: str | None = None) -> TestResponse:
    return browser.client.post(
        f"{address}/parts?offset={offset}",
        data=part,
        content_type="application/octet-stream",
        headers={"X-CSRF-Token": browser.session.csrf if token is None else token},
    )


def send(browser: Browser, address: str, content: bytes) -> None:
    for offset in range(0, len(content), PART_BYTES):
        assert send_part(browser, address, offset, content[offset : offset + PART_BYTES]).status_code == 200


def state(browser: Browser, address: str) -> str:
    return str(browser.get(address).get_json()["state"])


def take(browser: Browser, address: str) -> bytes:
    """The whole result, as the server puts it together of its parts."""
    content: bytes = b""
    while True:
        answer = browser.get(f"{address}/result", headers={OFFSET: str(len(content))})
        assert answer.status_code == 200
        content += bytes(answer.data)
        if len(content) >= int(answer.headers["X-Veilsight-Part-Total"]):
            return content


def entries(context: WebContext) -> list[Entry]:
    return audit_entries(context, *ACTIONS)


def actions(context: WebContext) -> list[str]:
    return [entry.event.action for entry in entries(context)]


def test_a_picture_goes_in_and_comes_back_redacted(browser: Browser, context: WebContext, redactor: Redactor) -> None:
    address = begin(browser, picture())
    send(browser, address, picture())
    wait_until(lambda: state(browser, address) == "done")
    content = take(browser, address)
    shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert not shows_white(np.asarray(shown, np.uint8))
    wait_until(redactor.is_idle)
    received, redacted, downloaded, removed = (entry.event for entry in entries(context))
    assert [each.actor for each in (received, redacted, downloaded, removed)] == ["ada"] * 4
    assert {each.subject for each in (received, redacted, downloaded, removed)} == {"case 12"}
    assert (received.sha256, received.byte_count) == (hashlib.sha256(picture()).hexdigest(), len(picture()))
    assert received.details == {"reason": REASONS[0]}
    assert (redacted.sha256, redacted.data_class) == (hashlib.sha256(content).hexdigest(), "redacted-frame")
    assert redacted.details == {"frames": 1, "covered_frames": 0}
    assert (downloaded.sha256, downloaded.destination) == (redacted.sha256, "browser")
    assert removed.details["ending"] == "taken away"


def test_the_file_is_gone_after_the_download(browser: Browser, redactor: Redactor) -> None:
    address = begin(browser, picture())
    send(browser, address, picture())
    wait_until(lambda: state(browser, address) == "done")
    take(browser, address)
    assert state(browser, address) == "over"
    assert browser.get(f"{address}/result").status_code == 410
    wait_until(redactor.is_idle)


@pytest.mark.usefixtures("redactor")
def test_a_video_of_several_parts(browser: Browser, context: WebContext, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", [with_white()] * 6).read_bytes() + bytes(2 * PART_BYTES)
    address = begin(browser, clip, ".mkv")
    send(browser, address, clip)
    wait_until(lambda: state(browser, address) == "done", 30)
    answer = browser.get(address).get_json()
    assert answer["summary"][0] == "6 frames, of which 0 had to be covered whole."
    assert len(take(browser, address)) > 0
    assert entries(context)[0].event.byte_count == len(clip)


@pytest.mark.parametrize("sound", ["", "keep"])
@pytest.mark.usefixtures("redactor")
def test_the_sound_is_kept_only_where_somebody_asks_for_it(
    browser: Browser, context: WebContext, tmp_path: Path, sound: str
) -> None:
    clip = write_video(tmp_path / "clip.mp4", [with_white()] * 6).read_bytes()
    address = begin(browser, clip, ".mp4", sound=sound)
    send(browser, address, clip)
    wait_until(lambda: state(browser, address) == "done", 30)
    assert ("voices tell who speaks" in " ".join(browser.get(address).get_json()["summary"])) == bool(sound)
    with av.open(io.BytesIO(take(browser, address))) as video:
        assert len(video.streams.audio) == bool(sound)
    assert [each.event.details.get("sound") for each in entries(context)[:1]] == ["kept" if sound else None]
    assert ("with its sound" in browser.get("/audit").text) == bool(sound)


def test_the_page_offers_to_keep_the_sound_and_does_not_begin_with_it(browser: Browser) -> None:
    assert '<input type="checkbox" name="sound" value="keep">' in browser.get("/privacy/redact").text


@pytest.mark.usefixtures("redactor")
def test_a_part_that_does_not_follow_is_refused(browser: Browser) -> None:
    content = bytes(3 * PART_BYTES)
    address = begin(browser, content, ".mp4")
    assert send_part(browser, address, 0, content[:PART_BYTES]).status_code == 200
    for offset, part in ((0, content[:PART_BYTES]), (PART_BYTES, b""), (2 * PART_BYTES, content[:9])):
        assert send_part(browser, address, offset, part).get_json()["problem"].startswith("The file did not arrive")
    assert send_part(browser, address, PART_BYTES, bytes(PART_BYTES + 1)).status_code == 413


@pytest.mark.usefixtures("redactor")
def test_a_part_without_the_session_s_token_is_refused(browser: Browser) -> None:
    address = begin(browser, picture())
    assert send_part(browser, address, 0, picture(), token="wrong").status_code == 403


@pytest.mark.usefixtures("redactor")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": "because"}, "Please choose a reason"),
        ({"reference": "Mrs Müller <script>"}, "plain letters and digits"),
        ({"suffix": ""}, "whose name has an ending"),
        ({"suffix": "/../x"}, "whose name has an ending"),
        ({"size": "0"}, "whose name has an ending"),
        ({"size": str(5 * 1024**3)}, "4 GB at most"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(browser: Browser, changes: dict[str, str], sentence: str) -> None:
    answer = browser.post("/privacy/redact", **(FORM | {"suffix": ".mp4", "size": "10"} | changes))
    assert answer.status_code == 400
    assert sentence in answer.get_json()["problem"]


@pytest.mark.usefixtures("redactor")
def test_a_damaged_file_is_said_and_logged(browser: Browser, context: WebContext) -> None:
    address = begin(browser, b"no picture", ".jpg")
    send(browser, address, b"no picture")
    wait_until(lambda: state(browser, address) == "failed")
    assert "is not a picture that can be read" in browser.get(address).get_json()["problem"]
    wait_until(lambda: actions(context) == ["upload-received", "upload-removed"])
    assert entries(context)[-1].event.details["ending"] == "failed"


def test_without_the_redactor_the_page_says_so(browser: Browser) -> None:
    answer = browser.post("/privacy/redact", **FORM, suffix=".png", size="10")
    assert answer.get_json()["problem"].startswith("What redacts files is not running")


@pytest.mark.usefixtures("redactor")
def test_there_is_one_file_at_a_time(browser: Browser, app: Flask, context: WebContext) -> None:
    address = begin(browser, picture())
    other = open_browser(app, context, "bob")
    answer = other.post("/privacy/redact", **FORM, suffix=".png", size="10")
    assert answer.get_json()["problem"].startswith("Another file is being redacted")
    browser.post(f"{address}/end")
    begin(other, picture())


@pytest.mark.usefixtures("redactor")
def test_nobody_else_sees_the_file(browser: Browser, app: Flask, context: WebContext) -> None:
    address = begin(browser, picture())
    other = open_browser(app, context, "bob")
    assert [other.get(place).status_code for place in (address, f"{address}/result")] == [404, 404]
    assert other.post(f"{address}/end").status_code == 404
    assert send_part(other, address, 0, picture()).status_code == 404


def working(browser: Browser, redactor: Redactor) -> str:
    """An upload whose networks are still being loaded."""
    redactor.ready.clear()
    address = begin(browser, picture())
    send(browser, address, picture())
    assert state(browser, address) == "working"
    return address


def test_a_result_can_t_be_taken_early(browser: Browser, redactor: Redactor) -> None:
    assert browser.get(f"{working(browser, redactor)}/result").status_code == 410


Ends = Callable[[Browser, WebContext, Clock, str], object]


@pytest.mark.parametrize(
    ("end", "ending"),
    [
        (lambda browser, _context, _clock, address: browser.post(f"{address}/end"), "cancelled"),
        (lambda browser, _context, _clock, _address: browser.post("/logout"), LOGGED_OUT),
        (lambda _browser, context, _clock, _address: end_views(context), PROGRAM_STOPPED),
        (lambda _browser, _context, clock, _address: clock.advance(minutes=4), BROWSER_GONE),
    ],
)
def test_whatever_ends_it_the_file_is_gone_and_the_log_says_why(
    browser: Browser, context: WebContext, clock: Clock, redactor: Redactor, end: Ends, ending: str
) -> None:
    address = working(browser, redactor)
    end(browser, context, clock, address)
    wait_until(lambda: actions(context) == ["upload-received", "upload-removed"])
    assert entries(context)[-1].event.details["ending"] == ending
    redactor.ready.set()
    wait_until(redactor.is_idle)


def test_a_result_that_nobody_takes_away_is_forgotten(
    browser: Browser, context: WebContext, clock: Clock, redactor: Redactor
) -> None:
    address = begin(browser, picture())
    send(browser, address, picture())
    wait_until(lambda: state(browser, address) == "done")
    for _ in range(16):
        clock.advance(minutes=2)
        browser.get(address)
    wait_until(lambda: "upload-removed" in actions(context))
    assert entries(context)[-1].event.details["ending"] == TIME_LIMIT
    wait_until(redactor.is_idle)


def test_a_redactor_that_breaks_off_is_said(browser: Browser, context: WebContext, redactor: Redactor) -> None:
    address = working(browser, redactor)
    upload = context.uploads._present
    assert upload is not None
    upload.task.close()
    wait_until(lambda: state(browser, address) == "failed")
    assert "please begin anew" in browser.get(address).get_json()["problem"]
    wait_until(lambda: actions(context) == ["upload-received", "upload-removed"])
    assert entries(context)[-1].event.details["ending"] == "failed"


def test_a_page_that_is_opened_again_goes_on_where_it_was(browser: Browser, redactor: Redactor) -> None:
    address = working(browser, redactor)
    identifier = address.rpartition("/")[2]
    assert f'data-present="{identifier}"' in browser.get("/privacy/redact").text


@pytest.mark.usefixtures("redactor")
def test_a_page_that_is_opened_again_while_the_file_came_in_begins_anew(browser: Browser, context: WebContext) -> None:
    begin(browser, picture())
    assert 'data-present=""' in browser.get("/privacy/redact").text
    assert entries(context)[-1].event.details["ending"] == "cancelled"
