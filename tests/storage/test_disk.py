"""Disks that are full, can't be written, or change what was written; and programs that are killed while they write."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.audit.log import Event, append, size
from appliance.cli.main import main
from appliance.settings import Paths, find_paths
from appliance.storage import keys
from appliance.storage.copying import check_pages
from appliance.storage.database import DatabaseUnwritable, reading
from appliance.storage.measurements import add_bucket, read
from appliance.storage.site import Site, create_site, open_site
from tests.storage.processes import BUCKET

PAGE_BYTES = 4096
# `make bench-storage` does it 200 times.
KILLS = int(os.environ.get("VEILSIGHT_KILLS", "20"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(site: Site, subject: str = "x" * 500) -> int:
    """Write until the disk is full; the number of transactions that were said to be stored."""
    for count in range(10_000):
        try:
            with site.engine.begin() as connection:
                append(connection, Event("test", "login", subject))
                add_bucket(connection, [BUCKET])
        except DatabaseUnwritable:
            return count
    raise AssertionError("the disk was never full")


def test_a_full_disk_loses_nothing_that_was_stored(small_disk: Path) -> None:
    paths = find_paths({"HOME": str(small_disk)}, small_disk / "state")
    site, _ = create_site(paths)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    stored = fill(site)
    assert stored > 5
    with reading(site.engine) as connection:
        assert size(connection) == stored
    ballast.unlink()
    site.engine.dispose()
    with open_site(paths).engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA cipher_integrity_check").all() == []
        assert [row.value for row in read(connection)] == [float(stored)]
        assert append(connection, Event("test", "login", "after")) == stored


def test_a_disk_too_full_for_a_site_is_one_sentence(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small_disk / "ballast").write_bytes(bytes(1_000_000))
    assert main(["--state", str(small_disk / "state"), "setup"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    (small_disk / "ballast").unlink()
    assert main(["--state", str(small_disk / "state"), "setup"]) == 0


def test_a_file_system_that_can_not_be_written_is_one_sentence(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = str(small_disk / "state")
    assert main(["--state", state, "setup"]) == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    capsys.readouterr()
    for command in (["audit", "list"], ["db", "migrate"], ["db", "recovery-code"], ["db", "rotate-key"], ["setup"]):
        assert main(["--state", state, *command]) == 1
        said = capsys.readouterr()
        assert len(said.err.splitlines()) == 1, said.err
        assert said.out == ""
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert main(["--state", state, "audit", "verify"]) == 0


def test_a_flipped_byte_in_any_page_is_found_and_named(
    site: Site, paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    site.engine.dispose()
    key = keys.load_database_key(paths)
    good = paths.database.read_bytes()
    for page in range(len(good) // PAGE_BYTES):
        changed = bytearray(good)
        changed[page * PAGE_BYTES + random.Random(page).randrange(16, PAGE_BYTES)] ^= 0x10  # noqa: S311
        paths.database.write_bytes(changed)
        assert check_pages(paths.database, [key]) == [f"HMAC verification failed for page {page + 1}"]
    assert main(["--state", str(paths.state), "db", "check"]) == 1
    said = capsys.readouterr()
    assert f"page {len(good) // PAGE_BYTES}" in said.out
    assert "veilsight db restore FILE" in said.err
    paths.database.write_bytes(good)
    assert main(["--state", str(paths.state), "db", "check"]) == 0


def test_killed_while_writing_it_keeps_every_bucket_it_said_it_stored(site: Site, paths: Paths) -> None:
    """The child tells of each transaction through a pipe once it is committed."""
    site.engine.dispose()
    stored = 0
    moments = random.Random(7)  # noqa: S311
    for _ in range(KILLS):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            write_and_tell(paths, writer)
        os.close(writer)
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            # Killed at a moment of its own each time: after some transactions, and somewhere in the next.
            told = len(pipe.read(1) or b"")
            time.sleep(moments.random() * 0.02)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            while more := pipe.read(65536):
                told += len(more)
        again = open_site(paths)
        with reading(again.engine) as connection:
            found = size(connection)
            assert [row.value for row in read(connection)] == [float(found)]
            # The last one may have been committed and not told of.
            assert stored + told <= found <= stored + told + 1
            stored = found
        again.engine.dispose()
    assert stored > KILLS
    assert check_pages(paths.database, [keys.load_database_key(paths)]) == []


def write_and_tell(paths: Paths, pipe: int) -> None:
    engine = open_site(paths).engine
    while True:
        with engine.begin() as connection:
            append(connection, Event("test", "login", "x"))
            add_bucket(connection, [BUCKET])
        os.write(pipe, b".")


def test_three_programs_that_write_at_once_are_never_told_that_it_is_locked(site: Site, paths: Paths) -> None:
    site.engine.dispose()
    command = [sys.executable, "-m", "tests.storage.processes", "append", str(paths.state)]
    programs = [subprocess.Popen([*command, name, "150"], stderr=subprocess.PIPE) for name in ("a", "b", "c")]
    for program in programs:
        assert program.communicate(timeout=120)[1] == b""
        assert program.returncode == 0
    with reading(open_site(paths).engine) as connection:
        assert [row.value for row in read(connection)] == [450.0]
