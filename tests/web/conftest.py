"""A site in a temporary directory with the real encrypted database, and browsers that talk to the pages."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.audit import log
from appliance.audit.log import Entry
from appliance.settings import Paths, Settings, Site, find_paths
from appliance.storage import cameras, users
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.database import reading
from appliance.storage.site import create_site, open_site
from appliance.vision.live import Hub, LiveClient, LiveServer
from appliance.web.application import create_app
from appliance.web.context import WebContext
from appliance.web.security import SESSION_COOKIE
from appliance.web.sessions import Session

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
ENTRANCE = Camera(
    "entrance",
    "/clips/entrance.avi",
    lines=(LineSetting("door", 0.45, 0.25, 0.45, 0.95),),
    zones=(ZoneSetting("hall", ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9))),),
)


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **spans: float) -> None:
        self.now += timedelta(**spans)


class Browser:
    """A logged-in browser: it keeps the session's cookie and sends the session's CSRF token with every form."""

    def __init__(self, client: FlaskClient, session: Session, identifier: str) -> None:
        self.client = client
        self.session = session
        self.identifier = identifier

    def get(self, address: str, **options: object) -> TestResponse:
        return self.client.get(address, **options)

    def post(self, address: str, **form: str) -> TestResponse:
        return self.client.post(address, data=form | {"csrf": self.session.csrf})


@dataclass
class Engine:
    """What the engine shows on its socket: pictures by `hub`, and a status that a test may change."""

    hub: Hub
    status: dict[str, Any] = field(default_factory=dict)
    trials: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self) -> Mapping[str, Any]:
        return self.status

    def trial(self, camera: str) -> Mapping[str, Any]:
        return self.trials[camera]

    def show(self, jpeg: bytes, camera: str = ENTRANCE.name, **header: Any) -> None:
        """Publish a picture as soon as somebody looks at the camera."""
        wait_until(lambda: self.hub.watched(camera))
        self.hub.publish(camera, header, jpeg)


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return as soon as the condition holds; fail if it doesn't within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.005)


def new_client(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    return client


def open_browser(
    app: Flask, context: WebContext, user: str = "ada", role: users.Role = users.Role.ADMINISTRATOR
) -> Browser:
    """The role is looked up again a few seconds later, as in any session."""
    client = new_client(app)
    identifier, session = context.sessions.open(user, role, context.clock())
    client.set_cookie(SESSION_COOKIE, identifier)
    return Browser(client, session, identifier)


def audit_entries(context: WebContext, *actions: str) -> list[Entry]:
    with reading(context.engine) as connection:
        return log.entries(connection, actions=actions or None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State directory of a site with one camera and the users ada and bob; copied for each test, never changed."""
    state = tmp_path_factory.mktemp("site") / "state"
    site, _ = create_site(find_paths({}, state))
    with site.engine.begin() as connection:
        cameras.add(connection, ENTRANCE, NOON)
        users.add(connection, "ada", PASSWORD, users.Role.ADMINISTRATOR, NOON)
        users.add(connection, "bob", PASSWORD, users.Role.ADMINISTRATOR, NOON)
    site.engine.dispose()
    return state


@pytest.fixture
def paths(tmp_path: Path, new_site: Path) -> Iterator[Paths]:
    shutil.copytree(new_site, tmp_path / "state")
    # The path of a Unix socket has room for 107 characters only.
    with tempfile.TemporaryDirectory(prefix="veilsight") as run:
        yield find_paths({"VEILSIGHT_RUN": run}, tmp_path / "state")


@pytest.fixture
def context(paths: Paths, clock: Clock) -> Iterator[WebContext]:
    """The site, in Paris, and an engine that isn't running."""
    site = open_site(paths)
    settings = Settings(site=Site(name="Corner shop", timezone="Europe/Paris"))
    context = WebContext(site, settings, paths, LiveClient(paths.live_socket), clock)
    yield context
    context.feeds.stop()
    site.engine.dispose()


@pytest.fixture
def app(context: WebContext) -> Flask:
    return create_app(context)


@pytest.fixture
def engine(paths: Paths) -> Iterator[Engine]:
    """The real server on the real socket, without cameras."""
    engine = Engine(Hub())
    with LiveServer(paths.live_socket, engine.hub, engine.answer, engine.trial):
        yield engine


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """A browser without a session."""
    return new_client(app)


@pytest.fixture
def browser(app: Flask, context: WebContext) -> Browser:
    return open_browser(app, context)
