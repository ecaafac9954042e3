"""Backups: made while programs write, verified before they replace anything, and honest about what is lost."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from appliance.audit import checkpoint
from appliance.audit.log import Event, append, entries, size
from appliance.audit.recomputing import AuditLogBroken
from appliance.audit.verification import verify
from appliance.services import backups
from appliance.settings import Paths, find_paths
from appliance.storage import cameras, keys, measurements, users
from appliance.storage.cameras import Camera
from appliance.storage.copying import CopyUnusable
from appliance.storage.database import reading
from appliance.storage.migration import NewerSchema
from appliance.storage.site import Site, create_site, open_site
from appliance.storage.sole_use import DatabaseInUse
from appliance.storage.vault import PassphraseTooShort
from tests.storage.processes import BUCKET

PASSPHRASE = "it's a passphrase; DROP TABLE"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"HOME": str(tmp_path)}, tmp_path / "state")


@pytest.fixture
def site(paths: Paths) -> Iterator[Site]:
    site, _ = create_site(paths)
    with site.engine.begin() as connection:
        cameras.add(connection, Camera("door", "rtsp://192.0.2.1/", "viewer", "secret-of-the-camera"))
        measurements.add_bucket(connection, [BUCKET])
        append(connection, Event("test", "camera-added", "door"))
        checkpoint.seal(connection, keys.load_signing_key(paths), site.origin, "test")
    yield site
    site.engine.dispose()


def restore(paths: Paths, file: Path, passphrase: str = PASSPHRASE) -> tuple[str, ...]:
    done = backups.restore(paths, file, passphrase, "test", lambda _prepared: True)
    assert done is not None
    return done.losses


def test_a_backup_brings_the_site_back_on_another_machine(site: Site, paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    elsewhere = find_paths({"HOME": str(tmp_path)}, tmp_path / "elsewhere")
    assert restore(elsewhere, tmp_path / "backup") == ()
    again = open_site(elsewhere)
    assert (again.identifier, again.public_key) == (site.identifier, site.public_key)
    assert keys.load_signing_key(elsewhere).public_key() == site.public_key
    assert keys.load_database_key(elsewhere) != keys.load_database_key(paths)
    with reading(again.engine) as connection:
        assert cameras.need(connection, "door").password == "secret-of-the-camera"
        assert [row.value for row in measurements.read(connection)] == [1.0]
        assert verify(connection, again.public_key, again.origin).checkpoints == 1
        actions = [entry.event.action for entry in entries(connection)]
        assert actions[-2:] == ["database-backed-up", "database-restored"]
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'backup_note'").all() == []


@pytest.mark.usefixtures("site")
def test_a_backup_is_encrypted_and_opens_with_sqlcipher_alone(paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    content = (tmp_path / "backup").read_bytes()
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    for word in (b"SQLite format", b"secret-of-the-camera", b"CREATE TABLE", PASSPHRASE.encode()):
        assert word not in content
    connection = sqlcipher.connect(tmp_path / "backup")
    connection.execute("PRAGMA key = '" + PASSPHRASE.replace("'", "''") + "'")
    assert connection.execute("SELECT name FROM camera").fetchall() == [("door",)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "state"]


def test_a_backup_made_while_others_write_holds_one_state(site: Site, paths: Paths, tmp_path: Path) -> None:
    """Each transaction adds one entry and one count, so that in any one state there are as many of each."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with site.engine.begin() as connection:
                append(connection, Event("test", "login", "x"))
                measurements.add_bucket(connection, [BUCKET])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(1):
            backups.back_up(paths, tmp_path / f"backup-{number}", PASSPHRASE, "test")
    finally:
        stop.set()
        writer.join()
    for number in range(1):
        copy = find_paths({"HOME": str(tmp_path)}, tmp_path / f"copy-{number}")
        restore(copy, tmp_path / f"backup-{number}")
        with reading(open_site(copy).engine) as connection:
            logins = sum(entry.event.action == "login" for entry in entries(connection))
            assert [row.value for row in measurements.read(connection)] == [1.0 + logins]


def test_it_says_what_is_lost_and_changes_nothing_before_the_answer(site: Site, paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    with site.engine.begin() as connection:
        users.add(connection, "zoe", "a long password", users.Role.MANAGER)
        later = replace(BUCKET, bucket_start=datetime(2026, 11, 23, 9, tzinfo=UTC))
        measurements.add_bucket(connection, [later])
        append(connection, Event("test", "user-added", "zoe"))
    site.engine.dispose()
    before = paths.database.read_bytes(), paths.vault.read_bytes()
    asked: list[backups.Prepared] = []

    def no(prepared: backups.Prepared) -> bool:
        asked.append(prepared)
        return False

    assert backups.restore(paths, tmp_path / "backup", PASSPHRASE, "test", no) is None
    (prepared,) = asked
    assert prepared.losses == (
        "Lost from the audit log, as newer than the backup: 1 entry.",
        "Lost, as the backup lacks them: 1 stored count; the newest is of 2026-11-23 09:00 UTC.",
        "The user zoe is not in the backup.",
    )
    assert (paths.database.read_bytes(), paths.vault.read_bytes()) == before
    restore(paths, tmp_path / "backup")
    with reading(open_site(paths).engine) as connection:
        assert users.list_users(connection) == ()
        assert size(connection) == 4


def test_a_backup_of_another_site_says_so(site: Site, paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    other = find_paths({"HOME": str(tmp_path)}, tmp_path / "other")
    create_site(other)[0].engine.dispose()
    assert restore(other, tmp_path / "backup")[0].startswith("The backup is another site's")
    with reading(open_site(other).engine) as connection:
        assert verify(connection, site.public_key, site.origin).checkpoints == 1


def test_a_database_that_is_damaged_is_replaced(site: Site, paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    site.engine.dispose()
    paths.database.write_bytes(b"x" * 8192)
    assert "can't be read" in restore(paths, tmp_path / "backup")[0]
    with reading(open_site(paths).engine) as connection:
        assert cameras.need(connection, "door")


def test_a_lost_vault_is_made_anew(site: Site, paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    site.engine.dispose()
    paths.vault.unlink()
    (paths.keys / keys.KEY_FILE).unlink()
    restore(paths, tmp_path / "backup")
    assert open_site(paths).public_key == site.public_key


@pytest.mark.parametrize("passphrase", ["another passphrase", ""])
def test_another_passphrase_is_one_sentence(site: Site, paths: Paths, tmp_path: Path, passphrase: str) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    site.engine.dispose()
    before = paths.database.read_bytes()
    with pytest.raises(CopyUnusable, match="passphrase is another one, or"):
        restore(paths, tmp_path / "backup", passphrase)
    assert paths.database.read_bytes() == before


def test_a_flipped_byte_anywhere_in_a_backup_is_found(site: Site, paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    site.engine.dispose()
    good = (tmp_path / "backup").read_bytes()
    before = paths.database.read_bytes()
    for position in range(50, len(good), len(good) // 12):
        changed = bytearray(good)
        changed[position] ^= 1
        (tmp_path / "backup").write_bytes(changed)
        with pytest.raises(CopyUnusable, match="damaged"):
            restore(paths, tmp_path / "backup")
    assert paths.database.read_bytes() == before


def test_a_log_that_was_tampered_with_is_not_restored(site: Site, paths: Paths, tmp_path: Path) -> None:
    with site.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_entry SET entry = replace(entry, 'door', 'gate')")
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    site.engine.dispose()
    before = paths.database.read_bytes()
    with pytest.raises(AuditLogBroken):
        restore(paths, tmp_path / "backup")
    assert paths.database.read_bytes() == before


def test_a_backup_of_a_newer_version_is_refused(site: Site, paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "older", PASSPHRASE, "test")
    shutil.copy(tmp_path / "older", tmp_path / "newer")
    connection = sqlcipher.connect(tmp_path / "newer")
    connection.execute("PRAGMA key = '" + PASSPHRASE.replace("'", "''") + "'")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    site.engine.dispose()
    with pytest.raises(NewerSchema, match="9999"):
        restore(paths, tmp_path / "newer")
    restore(paths, tmp_path / "older")


def test_while_a_program_runs_nothing_is_restored(site: Site, paths: Paths, tmp_path: Path) -> None:
    backups.back_up(paths, tmp_path / "backup", PASSPHRASE, "test")
    with reading(site.engine) as connection:
        before = size(connection)
    with pytest.raises(DatabaseInUse, match="stop them first"):
        restore(paths, tmp_path / "backup")
    with reading(site.engine) as connection:
        assert size(connection) == before


@pytest.mark.usefixtures("site")
def test_what_can_not_be_a_backup_is_refused(paths: Paths, tmp_path: Path) -> None:
    with pytest.raises(PassphraseTooShort):
        backups.back_up(paths, tmp_path / "backup", "short", "test")
    for place in (paths.database, tmp_path / "no such folder" / "backup"):
        with pytest.raises(backups.BackupExists):
            backups.back_up(paths, place, PASSPHRASE, "test")
    for file in (tmp_path / "none", paths.vault):
        with pytest.raises(CopyUnusable):
            restore(paths, file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]
