"""Whole copies of the encrypted database under another key, and putting one in the database's place.

SQLCipher's `sqlcipher_export` writes every table and index anew; it is what a changed key, a backup and a restored
backup are made of. A copy has its final name only once it is complete, was read back, and is on the disk.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from appliance.errors import VeilsightError
from appliance.storage.database import DatabaseDamaged, plain_words
from appliance.storage.vault import DatabaseKey

NEXT = ".next"
# The table that makes a copy of the database a backup. No program makes it in a site's own database.
NOTE = "backup_note"
COMPANIONS = ("-wal", "-shm", "-journal")


class CopyUnusable(VeilsightError):
    """A file that is no copy, or that this passphrase does not open."""


def raw_key(key: DatabaseKey) -> str:
    """How SQLCipher is told a raw key instead of a passphrase."""
    return f"x'{key.raw.hex()}'"


def copy_database(
    source: Path, source_key: str, target: Path, target_key: str, note: Mapping[str, str] | None = None
) -> None:
    """Copy one state of the database at `source` to the new file `target`, and read the copy back.

    Others may use the source meanwhile. A `note` makes the copy a backup, with these facts in it. `target_key` is a
    `raw_key`, or a passphrase, which SQLCipher runs through PBKDF2-HMAC-SHA512 with 256,000 rounds.
    Raises `CopyUnusable`, `DatabaseDamaged` and `DatabaseUnwritable`.
    """
    discard(target)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        with _attached(source, source_key, target, target_key) as connection:
            connection.execute("PRAGMA target.synchronous = FULL")
            connection.execute("BEGIN")
            connection.execute("SELECT sqlcipher_export('target', 'source')")
            if note is not None:
                connection.execute(f"CREATE TABLE target.{NOTE} (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
                connection.executemany(f"INSERT INTO target.{NOTE} VALUES (?, ?)", note.items())  # noqa: S608
            connection.execute("COMMIT")
            problems = damaged_pages(connection, "target")
            if problems:
                raise CopyUnusable(f"The copy {target} can't be read back ({problems[0]}); check the disk.")
    except BaseException:
        discard(target)
        raise
    sync(target)


def check_pages(path: Path, keys: Sequence[DatabaseKey]) -> list[str]:
    """Which pages of the database are damaged, in SQLCipher's words; empty where it is whole. It may be in use.

    Of two keys the one counts that opens more. Raises `DatabaseUnwritable` where the file can't be read.
    """
    found = min((_failing_pages(path, key) for key in keys), key=len)
    # A page may have been read while another program wrote it; it is well then the second time.
    if found:
        again = min((set(_failing_pages(path, key)) for key in keys), key=len)
        found = [each for each in found if each in again]
    return found


def _failing_pages(path: Path, key: DatabaseKey) -> list[str]:
    connection = sqlcipher.connect(str(path), isolation_level=None, timeout=20)
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f'PRAGMA key = "{raw_key(key)}"')
        found = [row[0] for row in connection.execute("PRAGMA cipher_integrity_check")]
        if not found:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    except sqlcipher.DatabaseError as error:
        raise plain_words(error, path) or error from error
    finally:
        connection.close()
    return found


def read_note(path: Path, key: str) -> dict[str, str]:
    """The facts that a backup holds. Raises `CopyUnusable` where it is none, is damaged, or has another passphrase."""
    if not path.is_file():
        raise CopyUnusable(f"There is no file {path}.")
    with _attached(path, key) as connection:
        problems = damaged_pages(connection, "source")
        if problems:
            raise CopyUnusable(f"The backup {path} is damaged ({problems[0]}); take another one.")
        try:
            return dict(connection.execute(f"SELECT name, value FROM source.{NOTE}"))  # noqa: S608 - a name of ours
        except sqlcipher.OperationalError as error:
            raise CopyUnusable(f"The file {path} is a database, but no backup of a site.") from error


def damaged_pages(connection: Any, schema: str) -> list[str]:
    """What is wrong with an attached database: pages that were changed, then broken structure."""
    found = [row[0] for row in connection.execute(f"PRAGMA {schema}.cipher_integrity_check")]
    if not found:
        found = [row[0] for row in connection.execute(f"PRAGMA {schema}.integrity_check") if row[0] != "ok"]
    return found


def put_in_place(new: Path, database: Path) -> None:
    """Let the new file be the database from now on; to be called with the sole use of it. Raises `OSError`."""
    sync(new)
    # They belong to the old file, and would be played into the new one.
    for suffix in COMPANIONS:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    shared = database.parent.stat().st_mode & stat.S_IWGRP
    new.chmod(database.stat().st_mode & 0o777 if database.exists() else 0o660 if shared else 0o600)
    new.replace(database)
    sync(database.parent)


def discard(path: Path) -> None:
    """Remove a copy that was not finished."""
    for name in (path.name, *(path.name + suffix for suffix in COMPANIONS)):
        path.with_name(name).unlink(missing_ok=True)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _attached(source: Path, source_key: str, target: Path | None = None, target_key: str = "") -> Iterator[Any]:
    """A connection to nothing, with the two files attached. Their keys are values, and part of no statement."""
    connection = sqlcipher.connect(":memory:", isolation_level=None, timeout=20)
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute("PRAGMA temp_store = MEMORY")
        try:
            connection.execute("ATTACH DATABASE ? AS source KEY ?", (str(source), source_key))
            connection.execute("SELECT count(*) FROM source.sqlite_master")
        except sqlcipher.DatabaseError as error:
            explained = plain_words(error, source)
            if explained is None or isinstance(explained, DatabaseDamaged):
                raise CopyUnusable(
                    f"The file {source} can't be opened: the passphrase is another one, or the file is damaged."
                ) from error
            raise explained from error
        if target is not None:
            connection.execute("ATTACH DATABASE ? AS target KEY ?", (str(target), target_key))
        yield connection
    except sqlcipher.DatabaseError as error:
        raise plain_words(error, source) or error from error
    finally:
        with suppress(sqlcipher.Error):
            connection.close()
