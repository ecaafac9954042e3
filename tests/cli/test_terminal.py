"""Passwords asked for on a real terminal: twice, and never shown."""

import os
import pty
import sys
from pathlib import Path

import pytest

from appliance.settings import Paths, find_paths
from appliance.storage import users
from appliance.storage.database import reading
from appliance.storage.site import create_site, open_site


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = find_paths({"HOME": str(tmp_path)}, tmp_path / "state")
    create_site(paths)[0].engine.dispose()
    return paths


def add_user(paths: Paths, *typed: bytes) -> tuple[int, str]:
    """Run `veilsight user add anna` on a terminal, answer each prompt, and return its exit code and all it showed."""
    arguments = ["--state", str(paths.state), "user", "add", "anna", "--role", "manager"]
    command = [sys.executable, "-m", "appliance.cli.main", *arguments]
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, command)  # noqa: S606 - the command needs a terminal of its own
    shown = b""
    for answer in typed:
        shown += read_until_prompt(terminal)
        os.write(terminal, answer)
    while part := read(terminal):
        shown += part
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


def read_until_prompt(terminal: int) -> bytes:
    shown = b""
    while not shown.endswith(b": ") and (part := read(terminal)):
        shown += part
    return shown


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1024)
    except OSError:
        # Linux says so when the other side has closed its end.
        return b""


def names(paths: Paths) -> list[str]:
    with reading(open_site(paths).engine) as connection:
        return [user.name for user in users.list_users(connection)]


def test_a_password_is_typed_twice_and_not_shown(paths: Paths) -> None:
    code, shown = add_user(paths, b"correct horse\n", b"correct horse\n")
    assert code == 0
    assert "correct horse" not in shown
    with reading(open_site(paths).engine) as connection:
        assert users.verify(connection, "anna", "correct horse")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ((b"correct horse\n", b"correct house\n"), "differ"),
        ((b"\x04",), "No password was given"),
        ((b"correct horse\n", b"\x04"), "No password was given"),
    ],
)
def test_a_password_that_was_not_given_twice_changes_nothing(paths: Paths, typed: tuple[bytes, ...], said: str) -> None:
    code, shown = add_user(paths, *typed)
    assert code == 2
    assert said in shown
    assert "Traceback" not in shown
    assert names(paths) == []
