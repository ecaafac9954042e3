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
        self._address = f"https://localhost:{port}"
        self._password = password
        self._cameras = cameras
        self._day = day
        context = ssl.create_default_context(cafile=authority)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(),
        )

    def work(self) -> None:
        try:
            self._watch()
        except (OSError, ValueError) as error:
            if not self.stopped.is_set():
                self.seen.problem = f"{type(error).__name__}: {error}"

    def _watch(self) -> None:
        token = _csrf(self._ask("/login").body)
        token = _csrf(self._ask("/login", csrf=token, name="admin", password=self._password).body)
        views = {}
        for camera in self._cameras:
            opened = self._ask("/live", csrf=token, camera=camera, reason=REASON).address
            views[camera] = urllib.parse.urlsplit(opened).path
        self._ask("/reports", csrf=token, **{"from": self._day, "to": self._day})
        newest = dict.fromkeys(views, "0")
        while not self.stopped.wait(PAUSE_SECONDS):
            for camera, path in views.items():
                answer = self._ask(f"{path}/frame?after={newest[camera]}")
                if answer.status == 200:
                    newest[camera] = answer.number
                    self.seen.pictures.append(answer.body)
                    self.seen.by_camera[camera] += 1
                    self.seen.covered[camera] += answer.covered

    def _ask(self, path: str, **fields: str) -> "_Answer":
        """A POST request if there are fields."""
        data = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(  # noqa: S310 - always https
            self._address + path, data, {"Origin": self._address}
        )
        with self._opener.open(request, timeout=60) as response:
            headers = response.headers
            number, covered = headers.get("X-Picture", "0"), "X-Covered" in headers
            return _Answer(response.status, response.url, number, covered, response.read())


@dataclass(frozen=True)
class _Answer:
    status: int
    address: str
    number: str
    covered: bool
    body: bytes


def _csrf(page: bytes) -> str:
    match = re.search(rb'name="csrf" value="([^"]+)"', page)
    if match is None:
        raise ValueError("the page has no form")
    return match[1].decode()
