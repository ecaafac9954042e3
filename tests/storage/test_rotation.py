"""Changing the database's key: whenever it is broken off, the database opens and nothing is missing."""

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from appliance.audit.log import Event, append, entries, size
from appliance.audit.verification import verify
from appliance.settings import Paths
from appliance.storage import keys
from appliance.storage.copying import NEXT, raw_key
from appliance.storage.database import DatabaseUnwritable, WrongKey, connect, reading
from appliance.storage.rotation import rotate_key
from appliance.storage.site import Site, open_site
from appliance.storage.sole_use import DatabaseInUse
from tests.storage.processes import kill_at_event


def note(connection: object) -> None:
    append(connection, Event("test", "key-changed", "database key"))  # type: ignore[arg-type]


def end_after(act: Callable[[], None]) -> NoReturn:
    """In a forked child: do this and end, whatever happens, without going on with the tests."""
    try:
        act()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def append_and_end(paths: Paths) -> None:
    with open_site(paths).engine.begin() as connection:
        append(connection, Event("test", "login", "in the log"))
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_database_has_another_key_and_the_same_content(site: Site, paths: Paths) -> None:
    with site.engine.begin() as connection:
        for number in range(50):
            append(connection, Event("test", "login", str(number)))
    site.engine.dispose()
    old, before = keys.load_database_key(paths), paths.database.read_bytes()
    rotate_key(paths, note)
    assert keys.load_database_keys(paths)[1:] == ()
    assert keys.load_database_key(paths) != old
    with pytest.raises(WrongKey):
        connect(paths.database, old)
    assert paths.database.read_bytes()[:16] != before[:16]
    again = open_site(paths)
    with reading(again.engine) as connection:
        assert [entry.event.action for entry in entries(connection)] == ["login"] * 50 + ["key-changed"]
        assert verify(connection, site.public_key, site.origin).entries == 51
        assert connection.exec_driver_sql("PRAGMA cipher_integrity_check").all() == []
    assert old.raw not in paths.vault.read_bytes()
    assert not paths.database.with_name(paths.database.name + NEXT).exists()


def test_what_was_written_just_before_is_not_lost(site: Site, paths: Paths) -> None:
    """It still stands in the write-ahead log of a program that was killed."""
    site.engine.dispose()
    child = os.fork()
    if child == 0:
        end_after(lambda: append_and_end(paths))
    os.waitpid(child, 0)
    assert paths.database.with_name(paths.database.name + "-wal").stat().st_size > 0
    rotate_key(paths, note)
    with reading(open_site(paths).engine) as connection:
        assert [entry.event.subject for entry in entries(connection)] == ["in the log", "database key"]


def test_while_a_program_has_the_database_open_nothing_is_changed(site: Site, paths: Paths) -> None:
    key = keys.load_database_key(paths)
    with pytest.raises(DatabaseInUse, match="stop them first"):
        rotate_key(paths, note)
    assert keys.load_database_key(paths) == key
    with site.engine.begin() as connection:
        append(connection, Event("test", "login", "goes on"))


def test_killed_at_any_point_the_database_opens_with_all_it_held(site: Site, paths: Paths) -> None:
    """Before each of its operations on files in turn, in a process of its own each time."""
    with site.engine.begin() as connection:
        append(connection, Event("test", "login", "kept"))
    site.engine.dispose()
    finished, rotations = 0, 0
    for point in range(200):
        child = os.fork()
        if child == 0:
            kill_at_event(point)
            end_after(lambda: rotate_key(paths, note))
        _, status = os.waitpid(child, 0)
        again = open_site(paths)
        with again.engine.begin() as connection:
            assert entries(connection)[0].event.subject == "kept"
            # Written in the new file alone: there once it has taken the old one's place.
            assert size(connection) - 1 in (rotations, rotations + 1)
            rotations = size(connection) - 1
        again.engine.dispose()
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            finished = point
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    assert finished > 15
    assert rotations > 1
    assert len(keys.load_database_keys(paths)) == 1
    with reading(open_site(paths).engine) as connection:
        assert verify(connection, site.public_key, site.origin).entries == 1 + rotations


def test_killed_at_random_moments_the_database_opens(site: Site, paths: Paths) -> None:
    """Also inside SQLCipher, where no event tells of it."""
    with site.engine.begin() as connection:
        for number in range(400):
            append(connection, Event("test", "login", f"{number} " + "x" * 300))
    site.engine.dispose()
    began = time.monotonic()
    rotate_key(paths, note)
    whole = time.monotonic() - began
    for attempt in range(20):
        child = os.fork()
        if child == 0:
            end_after(lambda: rotate_key(paths, note))
        # Only the moment of the kill depends on the clock; whatever it hits, the outcome has to hold.
        time.sleep(whole * attempt / 20)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        again = open_site(paths)
        with reading(again.engine) as connection:
            assert size(connection) >= 401
            assert connection.exec_driver_sql("PRAGMA cipher_integrity_check").all() == []
        again.engine.dispose()


def test_a_full_disk_leaves_the_old_key_and_no_half_copy(site: Site, paths: Paths) -> None:
    with site.engine.begin() as connection:
        for number in range(400):
            append(connection, Event("test", "login", f"{number} " + "x" * 300))
    site.engine.dispose()
    limit = str(paths.database.stat().st_size // 2)
    job = [sys.executable, "-m", "tests.storage.processes", "rotate on a full disk", str(paths.state), limit]
    done = subprocess.run(job, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(DatabaseUnwritable.__name__)
    assert len(done.stderr.splitlines()) == 1
    assert not paths.database.with_name(paths.database.name + NEXT).exists()
    with reading(open_site(paths).engine) as connection:
        assert size(connection) == 400


def test_no_secret_is_in_a_failure(site: Site, paths: Paths, tmp_path: Path) -> None:
    key = raw_key(keys.load_database_key(paths))
    site.engine.dispose()
    connection = sqlcipher.connect(":memory:")
    with pytest.raises(sqlcipher.DatabaseError) as caught:
        connection.execute("ATTACH DATABASE ? AS source KEY ?", (str(tmp_path), key))
    assert key[2:-1] not in str(caught.value)
