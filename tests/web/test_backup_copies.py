"""Backups from the page: real ones, which the command line's restore can read."""

import hashlib
from pathlib import Path

import pytest

from appliance.services.backups import back_up
from appliance.settings import find_paths
from appliance.storage.copying import CopyUnusable, read_note
from appliance.web.backup_copies import PART_BYTES, remove_old
from appliance.web.context import WebContext
from appliance.web.parts import OFFSET, TOTAL
from tests.web.conftest import PASSWORD, Browser, Clock, audit_entries, wait_until

PASSPHRASE = "a passphrase of the backup"


@pytest.fixture(autouse=True)
def able(context: WebContext) -> None:
    context.back_up = lambda target, passphrase, user: back_up(context.paths, target, passphrase, user)


def make(browser: Browser, context: WebContext, **changes: str) -> str:
    """The page afterwards."""
    form = {"password": PASSWORD, "passphrase": PASSPHRASE, "again": PASSPHRASE} | changes
    assert browser.post("/system/backup", **form).status_code == 302
    wait_until(lambda: context.jobs.present is None, 60)
    return browser.get("/system").text


def name_of(context: WebContext) -> str:
    (path,) = context.paths.backups.glob("*.db")
    return path.name


def test_a_backup_is_made_and_taken_away(browser: Browser, context: WebContext, tmp_path: Path) -> None:
    assert "The backup is ready." in make(browser, context)
    name, content = name_of(context), b""
    while True:
        answer = browser.get(f"/system/backup/{name}", headers={OFFSET: str(len(content))})
        content += bytes(answer.data)
        if len(content) >= int(answer.headers[TOTAL]):
            break
    assert len(content) > PART_BYTES / 10
    taken = tmp_path / "taken.db"
    taken.write_bytes(content)
    assert "signing_key" in read_note(taken, PASSPHRASE)
    with pytest.raises(CopyUnusable):
        read_note(taken, "another passphrase")
    made, downloaded = (entry.event for entry in audit_entries(context, "database-backed-up", "backup-downloaded"))
    assert (made.actor, made.subject) == ("ada", name)
    assert (downloaded.byte_count, downloaded.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert downloaded.destination == "browser"
    assert oct(context.paths.backups.stat().st_mode)[-3:] == "700"


def test_nothing_of_it_can_be_read_without_the_passphrase(browser: Browser, context: WebContext) -> None:
    make(browser, context)
    content = (context.paths.backups / name_of(context)).read_bytes()
    assert not content.startswith(b"SQLite format 3")
    assert b"entrance" not in content
    assert PASSPHRASE.encode() not in content


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"password": "wrong"}, "Your present password is wrong"),
        ({"again": "another one altogether"}, "The two passphrases differ"),
        ({"passphrase": "short", "again": "short"}, "A passphrase needs at least 12 characters"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    browser: Browser, context: WebContext, changes: dict[str, str], sentence: str
) -> None:
    assert sentence in make(browser, context, **changes)
    assert not context.paths.backups.exists()
    assert audit_entries(context, "database-backed-up") == []


def test_a_new_one_takes_the_place_of_the_one_before(browser: Browser, context: WebContext, clock: Clock) -> None:
    make(browser, context)
    first = name_of(context)
    clock.advance(seconds=5)
    make(browser, context)
    assert name_of(context) != first


def test_it_can_be_deleted_and_is_after_a_day(browser: Browser, context: WebContext, clock: Clock) -> None:
    make(browser, context)
    name = name_of(context)
    assert (
        "The backup is deleted here"
        in browser.client.post(
            "/system/backup/remove", data={"name": name, "csrf": browser.session.csrf}, follow_redirects=True
        ).text
    )
    assert list(context.paths.backups.iterdir()) == []
    make(browser, context)
    for hours, left in ((23, 2), (2, 0)):
        clock.advance(hours=hours)
        remove_old(context.paths, clock())
        assert len(list(context.paths.backups.iterdir())) == left


@pytest.mark.parametrize("name", ["veilsight.db", "..%2Fvault.json", "veilsight-backup-20260101-000000.db"])
def test_no_other_file_is_handed_out(browser: Browser, name: str) -> None:
    assert browser.get(f"/system/backup/{name}").status_code == 404


def test_a_folder_that_can_t_be_written_is_said(browser: Browser, context: WebContext) -> None:
    context.paths.backups.write_text("in the way")
    assert "The backup can&#39;t be written into" in make(browser, context)


def test_one_that_was_not_finished_is_not_offered(browser: Browser, context: WebContext) -> None:
    context.paths.backups.mkdir()
    (context.paths.backups / f"veilsight-backup-{context.clock():%Y%m%d-%H%M%S}.db").touch()
    assert "Delete it here" not in browser.get("/system").text


def test_the_state_directory_is_the_site_s(tmp_path: Path) -> None:
    assert find_paths({}, tmp_path).backups == tmp_path / "backups"
