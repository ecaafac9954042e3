"""The site's secrets are in no argument, environment, log line or core dump of the programs; tested by looking."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from appliance.audit.log import entries
from appliance.services.private_memory import keep_memory_private
from appliance.services.supervisor import NEEDS, PROGRAMS, start_programs
from appliance.settings import Paths, Unlocking, find_paths
from appliance.storage import keys, vault
from appliance.storage.database import reading
from appliance.storage.site import create_site, open_site
from tests.processes import running
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


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_program_shows_a_secret_in_its_arguments_environment_log_or_files(
    program: str, paths: Paths, free_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = secrets_of(paths)
    paths.settings_file.write_text(f'[web]\nhost = "127.0.0.1"\nport = {free_port}\n')
    engine = open_site(paths).engine
    with start_programs(paths, [program]) as programs:
        process = programs.processes[program]
        wait_until(lambda: has_started(engine, program) or process.poll() is not None)
        folder = Path(f"/proc/{process.pid}")
        shown = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        limits, status = (folder / "limits").read_text(), (folder / "status").read_text()
    engine.dispose()
    logged = "".join(capfd.readouterr()).encode()
    written = b"".join(path.read_bytes() for path in paths.state.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in shown
        assert secret not in written
        assert secret not in logged
    assert core_limits(limits) == ["0", "0"]
    # Where that is allowed, nothing of it is swapped.
    assert (locked(status) > 0) == (os.geteuid() == 0)


def has_started(engine: Engine, program: str) -> bool:
    with reading(engine) as connection:
        return any(entry.event.subject == program for entry in entries(connection, actions=["started"]))


def core_limits(limits: str) -> list[str]:
    (line,) = (line for line in limits.splitlines() if line.startswith("Max core"))
    return line.split()[4:6]


def locked(status: str) -> int:
    """Kibibytes of memory that can't be swapped."""
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmLck:")))


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1200):
        if holds():
            return
        pause.wait(0.05)
    raise AssertionError("it did not happen")


def test_a_command_that_holds_a_secret_leaves_no_core_dump_either(paths: Paths) -> None:
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "--passphrase-fd", "0"]
    with running([*command, "db", "recovery-code"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # It waits for the passphrase.
        limits = Path(f"/proc/{process.pid}/limits")
        wait_until(lambda: core_limits(limits.read_text()) == ["0", "0"])
        process.communicate(PASSPHRASE.encode(), timeout=60)
        assert process.returncode == 0


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
