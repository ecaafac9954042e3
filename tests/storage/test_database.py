"""The encrypted database: what its bytes show, what happens when it is broken, and several programs at once."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from appliance.audit.log import EntryUnknown, Event, append, entry_text, size
from appliance.audit.verification import verify
from appliance.errors import VeilsightError
from appliance.settings import Paths
from appliance.storage import cameras, database, keys, users
from appliance.storage.cameras import Camera
from appliance.storage.database import DatabaseDamaged, DatabaseMissing, DatabaseUnwritable, WrongKey, reading
from appliance.storage.measurements import read
from appliance.storage.site import Site, create_site, open_site
from appliance.storage.tables import metadata

SECRETS = ("hidden-camera-name", "rtsp://10.1.2.3/hidden", "hidden-password", "hidden-user", "hidden-subject")


def start(job: str, paths: Paths, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.storage.processes", job, str(paths.state), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, problems = process.communicate(timeout=120)
    return process.returncode, output, problems


def store_secrets(site: Site) -> None:
    with site.engine.begin() as connection:
        cameras.add(connection, Camera(SECRETS[0], SECRETS[1], "operator", SECRETS[2]))
        users.add(connection, SECRETS[3], "a long password", users.Role.MANAGER)
        append(connection, Event("test", "started", SECRETS[4]))


def files_of(paths: Paths) -> list[Path]:
    return sorted(paths.database.parent.glob(paths.database.name + "*"))


def test_plain_sqlite_cannot_open_the_file(site: Site, paths: Paths) -> None:
    store_secrets(site)
    site.engine.dispose()
    with sqlite3.connect(paths.database) as plain, pytest.raises(sqlite3.DatabaseError, match="not a database"):
        plain.execute("SELECT count(*) FROM sqlite_master")


def test_no_file_holds_what_was_stored(site: Site, paths: Paths) -> None:
    """Neither the database nor its write-ahead log, open or closed; not even SQLite's own header."""
    store_secrets(site)
    while_open = b"".join(path.read_bytes() for path in files_of(paths))
    site.engine.dispose()
    closed = b"".join(path.read_bytes() for path in files_of(paths))
    assert while_open
    assert closed
    for secret in (*SECRETS, "SQLite format 3", "CREATE TABLE", "audit_entry"):
        assert secret.encode() not in while_open
        assert secret.encode() not in closed


def test_what_was_stored_comes_back(site: Site, paths: Paths) -> None:
    store_secrets(site)
    site.engine.dispose()
    with reading(open_site(paths).engine) as connection:
        assert cameras.get(connection, SECRETS[0]) == Camera(SECRETS[0], SECRETS[1], "operator", SECRETS[2])


def test_the_settings_that_keep_data_safe_hold_on_every_connection(site: Site) -> None:
    with site.engine.connect() as first, reading(site.engine) as second:
        for connection in (first, second):
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store")
            }
            assert pragmas == {
                "journal_mode": "wal",
                "synchronous": 2,
                "foreign_keys": 1,
                "secure_delete": 1,
                "temp_store": 2,
            }


def test_another_key_is_one_sentence(site: Site, paths: Paths) -> None:
    site.engine.dispose()
    with pytest.raises(WrongKey, match="another key"):
        database.open_database(paths.database, keys.DatabaseKey(b"k" * 32))


def test_a_database_copied_without_its_companion_still_names_the_wrong_key(site: Site, paths: Paths) -> None:
    site.engine.dispose()
    moved = paths.state / "moved.db"
    shutil.copy(paths.database, moved)
    with pytest.raises(VeilsightError, match="another key"):
        database.open_database(moved, keys.DatabaseKey(b"k" * 32))


def test_no_database_is_one_sentence(paths: Paths) -> None:
    keys.create_vault(paths)
    with pytest.raises(DatabaseMissing):
        open_site(paths)
    assert not paths.database.exists()


@pytest.mark.parametrize("position", [0, 20, 100, 4000])
def test_a_damaged_first_page_is_one_sentence(site: Site, paths: Paths, position: int) -> None:
    site.engine.dispose()
    flip(paths.database, position)
    with pytest.raises(DatabaseDamaged, match="backup"):
        open_site(paths)


def test_a_file_cut_short_is_one_sentence(site: Site, paths: Paths) -> None:
    site.engine.dispose()
    with paths.database.open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(DatabaseDamaged):
        open_site(paths)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_flipped_byte_anywhere_is_found(site: Site, paths: Paths, part: float) -> None:
    """SQLCipher authenticates every page; a damaged one never comes back as data."""
    site.engine.dispose()
    good = paths.database.read_bytes()
    flip(paths.database, int(part * len(good)))
    try:
        assert damage(paths)
    finally:
        paths.database.write_bytes(good)


def damage(paths: Paths) -> list[str]:
    """What reading the whole database finds wrong, in sentences."""
    try:
        with reading(open_site(paths).engine) as connection:
            found = connection.exec_driver_sql("PRAGMA cipher_integrity_check").scalars().all()
            for table in metadata.sorted_tables:
                connection.execute(select(table)).all()
            return list(found)
    except DatabaseDamaged as error:
        return [str(error)]


def flip(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 0x40]))


def test_a_reader_sees_one_state_and_does_not_wait_for_a_writer(site: Site) -> None:
    with reading(site.engine) as reader:
        before = size(reader)
        with site.engine.begin() as writer:
            append(writer, Event("test", "started", "x"))
            assert size(reader) == before
        assert size(reader) == before
    with reading(site.engine) as reader:
        assert size(reader) == before + 1


def test_a_failed_transaction_leaves_nothing(site: Site) -> None:
    with reading(site.engine) as connection:
        before = size(connection)
    with pytest.raises(EntryUnknown), site.engine.begin() as connection:
        entry_text(connection, append(connection, Event("test", "started", "x")) + 1)
    with reading(site.engine) as connection:
        assert size(connection) == before


def test_programs_that_write_at_once_wait_for_each_other(site: Site, paths: Paths) -> None:
    with reading(site.engine) as connection:
        before = size(connection)
    running = [start("append", paths, f"program {number}", "40") for number in range(4)]
    assert [finish(process)[::2] for process in running] == [(0, "")] * 4
    with reading(site.engine) as connection:
        assert size(connection) == before + 160
        assert [row.value for row in read(connection)] == [160.0]
        assert verify(connection, site.public_key, site.origin).entries == before + 160


def test_programs_that_start_at_once_make_one_site(paths: Paths) -> None:
    running = [start("create", paths) for _ in range(4)]
    results = [finish(process) for process in running]
    assert [(code, problems) for code, _, problems in results] == [(0, "")] * 4
    assert len({output for _, output, _ in results}) == 1


def test_a_program_killed_in_a_transaction_leaves_nothing_of_it(site: Site, paths: Paths) -> None:
    with reading(site.engine) as connection:
        before = size(connection)
    assert finish(start("killed", paths))[0] == -9
    with site.engine.begin() as connection:
        assert size(connection) == before
        append(connection, Event("test", "started", "after"))


def test_a_full_disk_is_one_sentence_and_loses_nothing(site: Site, paths: Paths) -> None:
    store_secrets(site)
    site.engine.dispose()
    limit = paths.database.stat().st_size + 200_000
    code, _, problems = finish(start("fill", paths, str(limit)))
    assert code == 1
    assert len(problems.splitlines()) == 1
    assert problems.startswith(DatabaseUnwritable.__name__)
    with open_site(paths).engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA cipher_integrity_check").all() == []
        assert cameras.get(connection, SECRETS[0]) is not None
        stored = size(connection)
        # Entry and bucket of one transaction: both are there, or neither is. One entry is older.
        assert [row.value for row in read(connection)] == [stored - 1]
        assert stored > 10
        assert append(connection, Event("test", "started", "after")) == stored


def test_the_group_may_share_the_database_but_not_the_keys(paths: Paths) -> None:
    """The services run as three users of one group, with umask 0007."""
    previous = os.umask(0o007)
    try:
        site, _ = create_site(paths)
        with site.engine.begin() as connection:
            append(connection, Event("test", "started", "x"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files_of(paths)}
    finally:
        os.umask(previous)
    assert {"veilsight.db", "veilsight.db-wal", "veilsight.db-shm"} <= set(modes)
    assert set(modes.values()) == {0o660}
    assert stat.S_IMODE(paths.keys.stat().st_mode) == 0o700
    assert stat.S_IMODE((paths.keys / keys.KEY_FILE).stat().st_mode) == 0o600
