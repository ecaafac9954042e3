"""A camera's password: wherever people and programs can look, it is not."""

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pikepdf
import pytest

from appliance.cli.main import main
from appliance.settings import Settings, find_paths
from appliance.storage.site import create_site, open_site
from appliance.vision.live import LiveClient
from appliance.web.application import create_app
from appliance.web.context import WebContext
from tests.discovery.onvif_server import onvif_camera
from tests.real.cameras import PASSWORD, USERNAME, need_gstreamer, rtsp_server, write_stream
from tests.real.test_run import Installation, wait_until
from tests.web.conftest import Clock, open_browser

# As it is, as an address holds it, and as HTTP's and RTSP's basic scheme sends it.
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode())


@dataclass
class Seen:
    """All that was shown, by where it was."""

    texts: dict[str, str]

    def add(self, where: str, text: str | bytes) -> None:
        shown = text if isinstance(text, str) else text.decode("latin-1")
        self.texts[where] = self.texts.get(where, "") + shown

    def leaks(self) -> list[str]:
        return [where for where, text in self.texts.items() if any(secret in text for secret in SECRETS)]


@dataclass
class Terminal:
    """Where commands are typed, and the password where they ask for it; all that they print is seen."""

    installation: Installation
    seen: Seen
    captured: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def call(self, *arguments: str) -> str:
        self.patch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        main(["--state", str(self.installation.state), *arguments])
        shown = self.captured.readouterr()
        self.seen.add(" ".join(arguments[:2]), shown.out + shown.err)
        return shown.out


@pytest.fixture
def terminal(
    tmp_path: Path, default_models: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """The whole process's output is captured, FFmpeg's own as well."""
    for name in ("CREDENTIALS_DIRECTORY", "VEILSIGHT_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    create_site(find_paths({}, tmp_path / "state"))
    environment = {"VEILSIGHT_MODELS": str(default_models), "PATH": "/usr/bin:/bin"}
    return Terminal(Installation(tmp_path / "state", tmp_path, environment), Seen({}), capfd, monkeypatch)


def process_texts() -> Iterator[bytes]:
    """What any user can read of this machine's processes, and their environments."""
    for kind in ("cmdline", "environ"):
        for path in Path("/proc").glob(f"[0-9]*/{kind}"):
            try:
                yield path.read_bytes()
            except OSError:
                continue


def states(installation: Installation) -> dict[str, str]:
    return {name: camera["state"] for name, camera in installation.cameras().items()}


def pages(installation: Installation) -> Iterator[tuple[str, bytes]]:
    paths = find_paths({}, installation.state)
    site = open_site(paths)
    context = WebContext(site, Settings(), paths, LiveClient(paths.live_socket), Clock())
    browser = open_browser(create_app(context), context)
    for address in ("/", "/live", "/reports", "/audit"):
        answer = browser.get(address)
        assert answer.status_code == 200, address
        yield address, answer.data
    context.feeds.stop()
    site.engine.dispose()


def report_texts(terminal: Terminal) -> Iterator[bytes]:
    """Every object and every stream of a report, unpacked, and its attached facts."""
    built = terminal.call("report", "build", "--from", "2026-01-01", "--to", "2026-01-01", "--json")
    path = Path(json.loads(built)["report"])
    with pikepdf.open(path) as report:
        unpacked = io.BytesIO()
        report.save(unpacked, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.generalized)
        yield unpacked.getvalue()
        yield from (attached.get_file().read_bytes() for attached in report.attachments.values())


def test_a_password_is_seen_nowhere(terminal: Terminal, pets_clip: Path, tmp_path: Path) -> None:
    need_gstreamer()
    installation, seen = terminal.installation, terminal.seen
    stream = write_stream(tmp_path / "clip.ts", pets_clip, 40)
    user = ("--username", USERNAME, "--password-stdin")
    with rtsp_server(stream) as (server, address, _), onvif_camera() as service:
        # One that works and ends every four seconds, one that refuses, one that is away, one that was discovered.
        terminal.call("camera", "add", "good", address, *user)
        terminal.call("camera", "add", "refusing", address, "--username", "nobody", "--password-stdin")
        terminal.call("camera", "add", "away", "http://127.0.0.1:9/x", *user)
        terminal.call("camera", "add", "found", "--discovered", service, *user)
        with subprocess.Popen(
            installation.command("engine"), env=installation.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as engine:
            try:
                wait_until(lambda: "streaming" in states(installation).get("good", ""), "a first frame")
                lost = ("refusing", "away", "found")
                wait_until(lambda: all(installation.cameras()[name]["last_error"] for name in lost), "the failures")
                terminal.call("camera", "test", "refusing")
                for where, text in pages(installation):
                    seen.add(f"page {where}", text)
                seen.add("status", json.dumps(LiveClient(find_paths({}, installation.state).live_socket).status()))
                for text in process_texts():
                    seen.add("processes", text)
                terminal.call("doctor")
                server.kill()
                wait_until(lambda: bool(installation.cameras()["good"]["last_error"]), "the loss")
            finally:
                engine.terminate()
                printed, errors = engine.communicate()
        seen.add("the engine's log", printed + errors)
    terminal.call("audit", "list", "--json")
    terminal.call("camera", "list", "--json")
    for text in report_texts(terminal):
        seen.add("report", text)
    for path in installation.state.rglob("*"):
        if path.is_file():
            seen.add(str(path), path.read_bytes())
    assert "camera-added" in seen.texts["audit list"]
    assert sys.executable in seen.texts["processes"]
    assert "refuses the user name or the password" in seen.texts["camera test"]
    assert seen.leaks() == []
