"""The encrypted database: opening, transactions, and failures in plain words.

SQLCipher encrypts and authenticates each page under a random 256-bit raw key. Three programs share the file: readers
never wait (write-ahead log), and a writer takes its turn at the start of its transaction, so that no transaction fails
half-way because another got in between.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, CursorResult, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import QueuePool
from sqlcipher3 import dbapi2 as sqlcipher

from appliance.errors import VeilsightError
from appliance.files import write_whole
from appliance.storage.sole_use import share
from appliance.storage.vault import DatabaseKey

WAIT_SECONDS = 20.0
READ_ONLY = "veilsight_read_only"


class DatabaseMissing(VeilsightError):
    """There is no database yet."""


class WrongKey(VeilsightError):
    """The key is a good key, but of another database."""


class DatabaseDamaged(VeilsightError):
    """The file is not what SQLCipher wrote."""


class DatabaseUnwritable(VeilsightError):
    """The disk is full or read-only, or the file belongs to somebody else."""


def create_database(path: Path, key: DatabaseKey) -> Engine:
    """A new, empty database, or the present one if its key fits. Errors as in `open_database`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_identifiers(path, [key])
        path.touch()
    return open_database(path, key)


def open_database(path: Path, key: DatabaseKey, sole: bool = False) -> Engine:
    """Connect to the database at `path`.

    `engine.begin()` is a transaction that may write. For reading use `reading(engine)`, which never waits for writers.
    `sole` is for one who has the sole use of the database already (`appliance.storage.sole_use`).
    Raises `DatabaseMissing`, `WrongKey`, `DatabaseDamaged` and `DatabaseUnwritable`.
    """
    engine = sqlalchemy.create_engine(
        "sqlite://",
        module=sqlcipher,
        creator=lambda: connect(path, key, sole),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=40,
    )
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", lambda context: _explain(context, path))
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database and can't change it."""
    with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        yield connection


class SharedConnection(sqlcipher.Connection):  # type: ignore[misc]
    """A connection that keeps others from putting another file in the database's place."""

    lock: int | None = None
    path: Path

    def close(self) -> None:
        super().close()
        lock, self.lock = self.lock, None
        if lock is not None:
            os.close(lock)

    def __del__(self) -> None:
        self.close()


def connect(path: Path, key: DatabaseKey, sole: bool = False) -> Any:
    """One connection of `sqlcipher3`, without transactions of its own. Errors as in `open_database`."""
    if not path.is_file():
        raise DatabaseMissing(f"There is no database at {path}; run `veilsight setup` first.")
    lock = None if sole else share(path, WAIT_SECONDS)
    try:
        connection = sqlcipher.connect(
            str(path),
            timeout=WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=SharedConnection,
        )
        connection.lock, lock = lock, None
        connection.path = path
        # SQLCipher would explain each failure on standard error; the caller gets one sentence instead.
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.raw.hex()}'\"")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlcipher.DatabaseError as error:
            connection.close()
            raise _unreadable(path, key, error) from error
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        # Scratch tables stay in memory: SQLCipher would not encrypt them on disk.
        connection.execute("PRAGMA temp_store = MEMORY")
    except sqlcipher.DatabaseError as error:
        raise plain_words(error, path) or error from error
    finally:
        if lock is not None:
            os.close(lock)
    return connection


def forget_removed(engine: Engine) -> None:
    """Empty the write-ahead log, in which what was removed a moment ago may still stand, encrypted.

    In the database itself it was overwritten at once (`secure_delete`). While others read, the log is emptied later.
    """
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        if raw is not None:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def driver_rows(result: CursorResult[Any], most: int | None = None) -> Sequence[Any]:
    """The next `most` rows, or all, as the driver gives them: SQLAlchemy's own take as long again as most reading does.

    Raises what `open_database` raises, which SQLAlchemy's rows would.
    """
    cursor = result.cursor
    try:
        rows: Sequence[Any] = cursor.fetchall() if most is None else cursor.fetchmany(most)
    except sqlcipher.DatabaseError as error:
        raise plain_words(error, cursor.connection.path) or error from error
    return rows


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")


def _explain(context: ExceptionContext, path: Path) -> VeilsightError | None:
    """SQLAlchemy raises what its `handle_error` listener returns, in place of its own exception."""
    return plain_words(context.original_exception, path)


def plain_words(error: BaseException, path: Path) -> VeilsightError | None:
    """What a failure of SQLite's means, in a sentence; None where it is a defect of ours."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary == sqlite3.SQLITE_FULL:
        return DatabaseUnwritable(f"The disk with the database {path} is full; free some space. Nothing was lost.")
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return DatabaseUnwritable(
            f"The database {path} can't be opened or written ({error}); check the disk and rights."
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DatabaseDamaged(
            f"The database {path} is damaged ({error}); `veilsight db check` names the pages, `veilsight db "
            "restore FILE` puts a backup in its place."
        )
    if primary == sqlite3.SQLITE_BUSY:
        return DatabaseUnwritable(
            f"Another program has kept the database {path} busy for {WAIT_SECONDS:g} s; try again."
        )
    return None


def _unreadable(path: Path, key: DatabaseKey, error: Exception) -> VeilsightError:
    """Tell a wrong key from a damaged file by the identifier of the right key, which lies beside the database."""
    explained = plain_words(error, path)
    if explained and not isinstance(explained, DatabaseDamaged):
        return explained
    try:
        right = _identifier_file(path).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        right = []
    if key.identifier in right:
        return DatabaseDamaged(
            f"The database {path} is damaged in its first page; `veilsight db restore FILE` puts a backup in its place."
        )
    return WrongKey(
        f"The database {path} was made with another key; put that key back, or `veilsight db restore` a backup."
    )


def write_identifiers(path: Path, keys: Sequence[DatabaseKey]) -> None:
    """Note beside the database which keys may be its own. Raises `OSError`."""
    shared = path.parent.stat().st_mode & stat.S_IWGRP
    text = "".join(f"{key.identifier}\n" for key in keys)
    write_whole(_identifier_file(path), text.encode("ascii"), 0o660 if shared else 0o600)


def _identifier_file(path: Path) -> Path:
    return path.with_name(path.name + ".key-id")
