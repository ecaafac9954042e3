"""Everything the pages work with, in one object that the caller makes and the application carries."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app
from sqlalchemy import Engine

from appliance.errors import VeilsightError
from appliance.language import Languages
from appliance.settings import Paths, Settings
from appliance.storage.answers import Answers, answered
from appliance.storage.site import Site
from appliance.vision.live import LiveClient
from appliance.vision.redaction_socket import RedactionClient
from appliance.web.attempts import FailedAttempts
from appliance.web.examination import Examination
from appliance.web.feeds import Feeds
from appliance.web.jobs import Jobs
from appliance.web.newest import Newest
from appliance.web.sessions import SessionStore
from appliance.web.uploads import Uploads
from appliance.web.views import ViewRegister

if TYPE_CHECKING:
    from appliance.web.checking import Begun

EXTENSION = "veilsight"
# Argon2id takes tens of megabytes a check: more at once would let strangers at the log-in page use up the memory.
MOST_PASSWORD_CHECKS = 2
# Threads that wait for a picture at once; the server has more threads than this, so that pages always find one.
MOST_WAITING = 12


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Seal:
    """What the verification of the audit log at `time` found.

    `problem` is empty if the log holds by itself; where it is shorter than before, `lost` is how many entries there
    were and `left` how many there are, else 0.
    """

    time: datetime
    problem: str
    entries: int
    checkpoint_size: int
    checkpoint_signed: str
    lost: int = 0
    left: int = 0


def _no_backup(target: Path, _passphrase: str, _actor: str) -> None:
    raise VeilsightError(f"The backup {target.name} can't be made here; use `veilsight db backup`.")


@dataclass(eq=False)
class WebContext:
    """What the pages need: the open site, settings, paths, the engine's socket and the time; then their own memory.

    `settings` are the settings file's, `filed`, with what was answered on the page; `on_settings` is called when that
    changes, and `guided` is set once nobody is to be led through the first start any more.
    `clock` returns the present in UTC; all expiry is measured with it. `seals` holds the newest verification of the
    audit log, if there was one; `verifying` is held while a long log is verified, `searching` while cameras are looked
    for. `checks` holds the checks of the count that go on, by view; `token_uses` when a use of a token was last written
    down, by its name and what was asked for. `uploads` has the file that is being redacted, `examination` what was
    found out about the site. The program that has all rights hands in how: `examine` gives check, state and text of
    what this program may look at, `log_lines` its warnings of late, and `back_up` writes a backup to a file under a
    passphrase for somebody.
    """

    site: Site
    settings: Settings
    paths: Paths
    live: LiveClient
    clock: Callable[[], datetime] = utc_now
    sessions: SessionStore = field(default_factory=SessionStore)
    failures: FailedAttempts = field(default_factory=FailedAttempts)
    views: ViewRegister = field(default_factory=ViewRegister)
    feeds: Feeds = field(default_factory=Feeds)
    seals: deque[Seal] = field(default_factory=lambda: deque(maxlen=1))
    verifying: threading.Lock = field(default_factory=threading.Lock)
    searching: threading.Lock = field(default_factory=threading.Lock)
    password_checks: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_PASSWORD_CHECKS))
    checks: dict[str, "Begun"] = field(default_factory=dict)
    token_uses: dict[tuple[str, str], datetime] = field(default_factory=dict)
    jobs: Jobs = field(default_factory=Jobs)
    languages: Languages = field(default_factory=Languages)
    newest: Newest = field(default_factory=Newest)
    uploads: Uploads = field(default_factory=Uploads)
    examination: Examination = field(default_factory=Examination)
    examine: Callable[[], Iterable[tuple[str, str, str]]] = tuple
    log_lines: Callable[[], list[dict[str, str]]] = list
    back_up: Callable[[Path, str, str], None] = _no_backup
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_WAITING))
    filed: Settings | None = None
    on_settings: Callable[[Settings], None] = lambda _settings: None
    guided: threading.Event = field(default_factory=threading.Event)

    def take_answers(self, answers: Answers) -> None:
        """Work with these answers from now on."""
        self.settings = answered(self.filed or self.settings, answers)
        self.on_settings(self.settings)

    @property
    def redaction(self) -> RedactionClient:
        return RedactionClient(self.paths.redaction_socket)

    @property
    def engine(self) -> Engine:
        return self.site.engine


def context_of(app: Flask) -> WebContext:
    return cast(WebContext, app.extensions[EXTENSION])


def this_context() -> WebContext:
    """The context of the application that handles the present request."""
    return context_of(current_app)
