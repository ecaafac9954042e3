"""The one file that is being redacted for somebody at a page: where it is, how far, and what the audit log says of it.

The file itself lies with the redactor's process (`vision/redaction_socket`); here are the part that is passed on and
the words about it. It is gone once its result was taken away, or its browser, its session, its time or a program has
ended.
"""

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from appliance.audit.log import Action, Event, append
from appliance.errors import VeilsightError
from appliance.language import marked
from appliance.vision.redaction_socket import Answer, Order, RedactionClient, RedactionTask
from appliance.web.sessions import Session

# Why somebody is handed a recording.
REASONS = (
    marked("A person in it asks for a copy"),
    marked("The police or a court asks for it"),
    marked("An insurer needs it"),
    marked("Training or demonstration"),
)
# The page asks every second or two; a browser in the background may ask once a minute only.
GONE_AFTER = timedelta(minutes=3)
# A result that nobody takes away is forgotten.
KEPT_FOR = timedelta(minutes=30)
LOOK_SECONDS = 0.5

BUSY = marked("Another file is being redacted; please try again when it is done.")
NOT_WHOLE = marked("The file did not arrive whole; please begin anew.")

DOWNLOADED = marked("taken away")
CANCELLED = marked("cancelled")
FAILED = marked("failed")
TIME_LIMIT = marked("time limit")
BROWSER_GONE = marked("browser gone")
LOGGED_OUT = marked("logged out")
PROGRAM_STOPPED = marked("program stopped")

logger = logging.getLogger(__name__)


class UploadRefused(VeilsightError):
    """The file can't be taken now; the sentence says why."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants redacted: how the file's name ends, its bytes, what to cover, why, and their reference.

    A video keeps its sound if they say so.
    """

    suffix: str
    size: int
    cover: tuple[str, ...]
    reason: str
    reference: str
    keep_audio: bool = False


@dataclass(eq=False)
class Upload:
    """One file on its way. Only the session that began it may ask for it. `ending` is empty while it is there."""

    identifier: str
    session: str
    user: str
    asked: Asked
    task: RedactionTask
    began: datetime
    seen: datetime
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    answer: Answer = field(default_factory=lambda: Answer("receiving"))
    finished: datetime | None = None
    ending: str = ""

    @property
    def subject(self) -> str:
        """What the audit log calls it: by its reference; a file's own name may be a person's."""
        return self.asked.reference or "upload"


class Uploads:
    """The present upload, or the last one. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present: Upload | None = None

    def begin(
        self, client: RedactionClient, engine: Engine, session: Session, asked: Asked, clock: Callable[[], datetime]
    ) -> Upload:
        """Take a file, unless there is one. Raises `UploadRefused`, and what `RedactionClient.begin` raises."""
        with self._lock:
            if self._present is not None and not self._present.ending:
                raise UploadRefused(BUSY)
            task = client.begin(Order(asked.suffix, asked.size, asked.cover, asked.keep_audio))
            now = clock()
            upload = Upload(secrets.token_urlsafe(16), session.key, session.user, asked, task, now, now)
            self._present = upload
        threading.Thread(target=self._follow, args=(engine, upload, clock), name="upload", daemon=True).start()
        return upload

    def find(self, identifier: str, session: Session, now: datetime) -> Upload | None:
        """The upload, marked as seen; None if it is another's, or none."""
        upload = self._present
        if upload is None or upload.identifier != identifier or upload.session != session.key:
            return None
        upload.seen = now
        return upload

    def of_session(self, session: Session) -> Upload | None:
        """The upload that this session has going on."""
        upload = self._present
        return upload if upload is not None and upload.session == session.key and not upload.ending else None

    def take(self, engine: Engine, upload: Upload, offset: int, part: bytes, now: datetime) -> Answer:
        """Pass a part on. Written into the audit log once the file is whole. Raises `UploadRefused`."""
        if upload.ending or upload.answer.state != "receiving" or offset != upload.answer.received or not part:
            raise UploadRefused(NOT_WHOLE)
        if offset + len(part) > upload.asked.size:
            raise UploadRefused(NOT_WHOLE)
        upload.digest.update(part)
        answer = upload.task.send(part)
        if answer.state != "receiving":
            record(engine, upload, "upload-received", now, upload.asked.size, upload.digest.hexdigest())
        upload.answer = answer
        return answer

    def end(self, engine: Engine, upload: Upload, ending: str, now: datetime) -> None:
        """Have the file forgotten; nothing happens if it is already."""
        with self._lock:
            if upload.ending:
                return
            upload.ending = ending
        upload.task.close()
        try:
            record(engine, upload, "upload-removed", now)
        except VeilsightError as error:
            logger.error("The end of an upload could not be written into the audit log: %s", error)

    def end_of(self, engine: Engine, session: Session | None, ending: str, now: datetime) -> None:
        """The same for what this session has going on, or whoever has."""
        upload = self._present if session is None else self.of_session(session)
        if upload is not None:
            self.end(engine, upload, ending, now)

    def _follow(self, engine: Engine, upload: Upload, clock: Callable[[], datetime]) -> None:
        """Look how far the redactor is, and end what nobody waits for any more."""
        try:
            while not upload.ending:
                now = clock()
                if now - upload.seen > GONE_AFTER:
                    self.end(engine, upload, BROWSER_GONE, now)
                elif upload.finished is not None and now - upload.finished > KEPT_FOR:
                    self.end(engine, upload, TIME_LIMIT, now)
                elif upload.answer.state == "working":
                    self._look(engine, upload, now)
                time.sleep(LOOK_SECONDS)
        except VeilsightError as error:
            if not upload.ending:
                upload.answer = Answer("failed", problem=str(error))
                self.end(engine, upload, FAILED, clock())

    def _look(self, engine: Engine, upload: Upload, now: datetime) -> None:
        answer = upload.task.state()
        if answer.state == "done":
            details: dict[str, str | int] = {"frames": answer.frames, "covered_frames": answer.covered_frames}
            if reason := answer.reason or answer.stopped:
                details["reason"] = reason
            subject, size, digest = upload.subject, answer.size, answer.sha256
            event = Event(upload.user, "recording-redacted", subject, "redacted-frame", size, digest, details=details)
            with engine.begin() as connection:
                append(connection, event, now)
            upload.finished = now
        # Told only now: who sees that it is done finds it in the log.
        upload.answer = answer
        if answer.state == "failed":
            self.end(engine, upload, FAILED, now)


def record(
    engine: Engine, upload: Upload, action: Action, now: datetime, size: int = 0, digest: str = "", to: str = ""
) -> None:
    """Write down what became of the upload, with why it is there; when it ends, how and after which time."""
    details: dict[str, str | int] = {"reason": upload.asked.reason}
    if upload.asked.keep_audio:
        details["sound"] = "kept"
    if upload.ending:
        details = {"ending": upload.ending, "seconds": round((now - upload.began).total_seconds())}
        if upload.answer.problem:
            details["reason"] = upload.answer.problem
    data_class = "redacted-frame" if action == "recording-downloaded" else ""
    event = Event(upload.user, action, upload.subject, data_class, size, digest, to, details)
    with engine.begin() as connection:
        append(connection, event, now)
