"""The site's secrets are in no argument, environment, log line or core dump of the programs; tested by looking."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.services.private_memory import keep_memory_private
from appliance.services.supervisor import NEEDS, start_programs
from appliance.settings import Paths, Unlocking, find_paths
from appliance.storage import keys, vault
from appliance.storage.site import create_site
from tests.storage.test_rotation import end_after

PASSPHRASE = "a passphrase that is looked for"


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    """A site that a passphrase opens, and somebody who types it."""
    found = find_paths({"HOME": str(tmp_path)}, tmp_path / "state")
    asked = replace(found, unlocking=Unlocking(ask=lambda: PASSPHRASE))
    create_site(asked, "passphrase", PASSPHRASE)[0].engine.dispose()
    yield asked
    shutil.rmtree(found.state)


def secrets_of(paths: Paths) -> list[bytes]:
    content = vault.read_vault(paths.vault)
    root = keys.root_secret(paths, content)
    raw = [root, *(vault.part_of(root, part) for part in keys.PARTS)]
    raw += [keys.load_database_key(paths).raw, keys.load_signing_key(paths).private_bytes_raw()]
    return [PASSPHRASE.encode(), *raw, *(each.hex().encode() for each in raw)]


def test_no_program_shows_a_secret_in_its_arguments_environment_log_or_files(
    paths: Paths, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = secrets_of(paths)
    with start_programs(paths, ["courier"]) as programs:
        process = programs.processes["courier"]
        # It has opened the site once it holds the database's lock.
        for _ in range(600):
            links = [str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_symlink()]
            if any(link.endswith(".lock") for link in links):
                break
            assert process.poll() is None
            time.sleep(0.05)
        else:
            raise AssertionError("the courier never opened the database")
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/environ").read_bytes()
        limits = Path(f"/proc/{process.pid}/limits").read_text()
    logged = "".join(capfd.readouterr()).encode()
    written = b"".join(path.read_bytes() for path in paths.state.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in shown
        assert secret not in written
        assert secret not in logged
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]


def test_each_program_is_handed_no_more_than_it_needs() -> None:
    assert vault.SIGNING_PART in NEEDS["web"]
    assert vault.SIGNING_PART not in (*NEEDS["engine"], *NEEDS["courier"])
    assert vault.COURIER_PART in NEEDS["courier"]
    assert vault.COURIER_PART not in (*NEEDS["engine"], *NEEDS["web"])


def test_commands_that_fail_say_no_secret(paths: Paths) -> None:
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "--passphrase-fd", "0"]
    said = b""
    for arguments in (["audit", "verify"], ["db", "rotate-key"], ["db", "protect", "key-file"], ["camera", "list"]):
        for typed in (PASSPHRASE, PASSPHRASE[:-1]):
            done = subprocess.run(
                [*command, *arguments], input=typed.encode(), capture_output=True, timeout=60, check=False
            )
            said += done.stdout + done.stderr
    assert b"neither this site's passphrase nor" in said
    assert PASSPHRASE[:-1].encode() not in said


def test_a_program_that_ends_badly_leaves_no_core_dump(tmp_path: Path) -> None:
    """Other processes of the same user can't read its memory either, unless they are root's."""
    resource_before = resource.getrlimit(resource.RLIMIT_CORE)
    child = os.fork()
    if child == 0:
        os.chdir(tmp_path)
        # Whoever runs the tests in the background has them ignore it.
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (resource_before[1], resource_before[1]))
        keep_memory_private()
        end_after(lambda: os.kill(os.getpid(), signal.SIGQUIT))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)
    assert list(tmp_path.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_CORE) == resource_before
