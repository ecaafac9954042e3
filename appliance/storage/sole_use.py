"""Who has the database open: any number of programs that use it, or one command that puts another file in its place.

SQLite's own locks belong to a file, and would let a program go on writing to one that has been replaced. So each
connection holds a shared lock (flock(2)) on a file beside the database, and whoever replaces it an exclusive one. The
kernel lets go of a lock when its process ends, however it ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.errors import VeilsightError

SUFFIX = ".lock"
POLL_SECONDS = 0.05


class DatabaseInUse(VeilsightError):
    """The database is open elsewhere, or is being replaced."""


class ProgramRunning(VeilsightError):
    """A program that a site has once is at work already."""


def share(database: Path, wait_seconds: float) -> int | None:
    """A descriptor that holds the shared lock until it is closed; None on a file system that can't be written.

    Raises `DatabaseInUse` where the database is being replaced for longer than `wait_seconds`.
    """
    descriptor = _open(database.with_name(database.name + SUFFIX))
    deadline = time.monotonic() + wait_seconds
    while descriptor is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise DatabaseInUse(
                    f"The database {database} is being re-keyed or restored; try again later."
                ) from error
            time.sleep(POLL_SECONDS)
    return descriptor


@contextmanager
def sole_use(database: Path) -> Iterator[None]:
    """Nobody else has the database open meanwhile. Raises `DatabaseInUse` and `OSError`."""
    database.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _open(database.with_name(database.name + SUFFIX))
    try:
        if descriptor is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise DatabaseInUse(
            f"Other programs have the database {database} open; stop them first (`systemctl stop veilsight-engine "
            "veilsight-web veilsight-courier`, or end `veilsight run`)."
        ) from error
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def only_one(program: str, lock: Path) -> Iterator[None]:
    """No other process that asks for the same lock is in here. Raises `ProgramRunning`."""
    descriptor = _open(lock)
    try:
        try:
            if descriptor is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProgramRunning(f"Another {program} is running already: it holds {lock}.") from error
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def in_turn(lock: Path) -> Iterator[None]:
    """Waits until no other process that asks for the same lock is in here."""
    descriptor = _open(lock)
    try:
        if descriptor is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int | None:
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        try:
            return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o660)
        except OSError:
            continue
    return None
