"""Somebody who looks: logs in on the page, watches cameras and builds a report, as a browser would."""

import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from appliance.vision.background import Beside

PAUSE_SECONDS = 0.2
REASON = "Training or demonstration"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Reply:
    """The page's answer. `number` and `covered` are those of a picture."""

    status: int
    address: str
    number: str
    covered: bool
    body: bytes


class Browser:
    """A session of one person at the page. Not for several threads."""

    def __init__(self, port: int, authority: Path) -> None:
        self._address = f"https://localhost:{port}"
        self.token = ""
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority)),
            urllib.request.HTTPCookieProcessor(),
        )

    def log_in(self, password: str) -> None:
        """Raises `OSError`, and `ValueError` where the page is another one than is expected."""
        self.token = _csrf(self.get("/login").body)
        self.token = _csrf(self.post("/login", name="admin", password=password).body)

    def get(self, path: str) -> Reply:
        return self._ask(path, None, FORM)

    def post(self, path: str, **fields: str) -> Reply:
        return self._ask(path, urllib.parse.urlencode({"csrf": self.token} | fields).encode(), FORM)

    def send(self, path: str, content: bytes) -> Reply:
        """Bytes that are no form."""
        return self._ask(path, content, "application/octet-stream")

    def _ask(self, path: str, data: bytes | None, kind: str) -> Reply:
        headers = {"Origin": self._address, "X-CSRF-Token": self.token, "Content-Type": kind}
        request = urllib.request.Request(self._address + path, data, headers)  # noqa: S310 - always https
        with self._opener.open(request, timeout=60) as response:
            number, covered = response.headers.get("X-Picture", "0"), "X-Covered" in response.headers
            return Reply(response.status, response.url, number, covered, response.read())


@dataclass
class Seen:
    """The pictures that came, those of them wholly covered, and what went wrong."""

    pictures: list[bytes] = field(default_factory=list)
    by_camera: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    problem: str = ""


class Viewer(Beside):
    """Watches the cameras in turn while the context lasts."""

    def __init__(self, port: int, authority: Path, password: str, cameras: list[str], day: str) -> None:
        super().__init__("viewer")
        self.seen = Seen()
        self._browser = Browser(port, authority)
        self._password = password
        self._cameras = cameras
        self._day = day

    def work(self) -> None:
        try:
            self._watch()
        except (OSError, ValueError) as error:
            if not self.stopped.is_set():
                self.seen.problem = f"{type(error).__name__}: {error}"

    def _watch(self) -> None:
        browser = self._browser
        browser.log_in(self._password)
        views = {}
        for camera in self._cameras:
            opened = browser.post("/live", camera=camera, reason=REASON).address
            views[camera] = urllib.parse.urlsplit(opened).path
        browser.post("/reports", **{"from": self._day, "to": self._day})
        newest = dict.fromkeys(views, "0")
        while not self.stopped.wait(PAUSE_SECONDS):
            for camera, path in views.items():
                answer = browser.get(f"{path}/frame?after={newest[camera]}")
                if answer.status == 200:
                    newest[camera] = answer.number
                    self.seen.pictures.append(answer.body)
                    self.seen.by_camera[camera] += 1
                    self.seen.covered[camera] += answer.covered


def _csrf(page: bytes) -> str:
    match = re.search(rb'name="csrf" value="([^"]+)"', page)
    if match is None:
        raise ValueError("the page has no form")
    return match[1].decode()
