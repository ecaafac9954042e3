"""Backups from the page: made under a passphrase, taken away by the browser, and kept here for a day at most."""

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from appliance.audit.log import Event, append
from appliance.errors import VeilsightError
from appliance.language import Language, marked
from appliance.settings import Paths
from appliance.storage.vault import PassphraseTooShort, check_passphrase
from appliance.web.context import WebContext, this_context
from appliance.web.own_account import WRONG_PASSWORD, knows_password
from appliance.web.parts import part_response, wanted_offset
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, this_language, told
from appliance.web.words import BROWSER, moment, number

blueprint = Blueprint("backup_copies", __name__)

NAME = re.compile(r"veilsight-backup-\d{8}-\d{6}\.db")
# It lies on the very disk that it is to outlive, so it is no backup until it was taken away.
KEPT_FOR = timedelta(days=1)
PART_BYTES = 1024 * 1024
MEGABYTE = 1_000_000
STEP = marked("Making the backup…")

BackUp = Callable[[Path, str, str], None]


class FolderUnusable(VeilsightError):
    """The folder of backups can't be made or written."""


@dataclass(frozen=True)
class Copy:
    """A backup that lies ready; `checksum` is its SHA-256."""

    name: str
    made: str
    size: str
    checksum: str
    path: Path


@blueprint.post("/system/backup")
@allows(Permission.ADMINISTRATION)
def make() -> BaseResponse:
    """Begin to make a backup. The user's own password is asked for: a backup holds everything that the site knows."""
    context, session, form = this_context(), this_session(), request.form
    passphrase = form.get("passphrase", "")
    problem = ""
    if not knows_password(context, session):
        problem = gettext(WRONG_PASSWORD)
    elif passphrase != form.get("again", ""):
        problem = gettext("The two passphrases differ; no backup was made.")
    else:
        try:
            check_passphrase(passphrase)
        except PassphraseTooShort as error:
            problem = told(error)
    if problem:
        session.say("bad", problem)
        return redirect(url_for("system.show"))
    user, language = session.user, this_language()
    if context.jobs.start(user, STEP, lambda _job: make_in_background(context, language, user, passphrase)) is None:
        session.say("warn", gettext("Something else is being made already. Please wait until it is done."))
    return redirect(url_for("system.show"))


def make_in_background(context: WebContext, language: Language, user: str, passphrase: str) -> str:
    """A backup in place of any before it. Returns what to tell."""
    folder = context.paths.backups
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        target = folder / f"veilsight-backup-{context.clock():%Y%m%d-%H%M%S}.db"
        context.back_up(target, passphrase, user)
        with target.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        _note_of(target).write_text(f"{checksum}  {target.name}\n", encoding="ascii")
    except OSError as error:
        raise FolderUnusable(f"The backup can't be written into {folder} ({error.strerror}).") from error
    return language.gettext("The backup is ready. Take it away now: it is deleted here within a day.")


@blueprint.get("/system/backup/<name>")
@allows(Permission.ADMINISTRATION)
def download(name: str) -> Response:
    """The backup, part by part; it is in the log before the first byte goes."""
    context, copy = this_context(), need_copy(name)
    offset, size = wanted_offset(), copy.path.stat().st_size
    if offset == 0:
        event = Event(this_session().user, "backup-downloaded", name, "", size, copy.checksum, BROWSER)
        with context.engine.begin() as connection:
            append(connection, event, context.clock())
    with copy.path.open("rb") as file:
        file.seek(offset)
        return part_response(file.read(PART_BYTES), size, "application/octet-stream", name)


@blueprint.post("/system/backup/remove")
@allows(Permission.ADMINISTRATION)
def remove() -> BaseResponse:
    copy = need_copy(request.form.get("name", ""))
    _note_of(copy.path).unlink(missing_ok=True)
    copy.path.unlink(missing_ok=True)
    this_session().say("good", gettext("The backup is deleted here; what you took away stays yours."))
    return redirect(url_for("system.show"))


def list_copies(context: WebContext) -> list[Copy]:
    """What lies ready, whole."""
    zone, found = context.settings.site.zone, []
    for path, made in _lying(context.paths):
        with suppress(OSError, IndexError):
            checksum = _note_of(path).read_text(encoding="ascii").split()[0]
            size = max(1.0, path.stat().st_size / MEGABYTE)
            found.append(Copy(path.name, moment(made, zone), f"{number(size)} MB", checksum, path))
    return found


def remove_old(paths: Paths, now: datetime) -> None:
    """Delete what nobody took away within a day. Called again and again by the server."""
    for path, made in _lying(paths):
        if now - made > KEPT_FOR:
            with suppress(OSError):
                path.unlink(missing_ok=True)
                _note_of(path).unlink(missing_ok=True)


def _lying(paths: Paths) -> list[tuple[Path, datetime]]:
    """The backups in the folder, whole or not, and when each was begun."""
    found = sorted(paths.backups.glob("veilsight-backup-*.db")) if paths.backups.is_dir() else []
    return [
        (path, datetime.strptime(path.stem[-15:], "%Y%m%d-%H%M%S").replace(tzinfo=UTC))
        for path in found
        if NAME.fullmatch(path.name)
    ]


def need_copy(name: str) -> Copy:
    found = next((each for each in list_copies(this_context()) if each.name == name), None)
    if found is None:
        raise NotFound
    return found


def _note_of(path: Path) -> Path:
    """The checksum as sha256sum(1) writes it, made last: without it the backup is not whole."""
    return path.with_suffix(".sha256")
