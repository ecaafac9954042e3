"""`veilsight db` and `veilsight setup` as a person uses them: what they print, ask, and write into the audit log."""

import gc
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.cli.main import main
from appliance.settings import find_paths
from appliance.storage.vault import read_vault

CODE = re.compile(r"Recovery code: ((?:[0-9A-Z]{4}-){6}[0-9A-Z]{4})")
PASSPHRASE = "a passphrase for the test"

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def call(state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command; words that begin with `fd:` become the number of a descriptor that the rest is read from."""
    monkeypatch.setattr("sys.stdin", None)

    def run(*words: str) -> tuple[int, str, str]:
        descriptors = []
        arguments = ["--state", str(state)]
        for word in words:
            if word.startswith("fd:"):
                reader, writer = os.pipe()
                os.write(writer, word[3:].encode() + b"\n")
                os.close(writer)
                descriptors.append(reader)
                word = str(reader)
            arguments.append(word)
        # A command's connections end with its process; here that of the command before ends with what it left.
        gc.collect()
        try:
            status = main(arguments)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def code_in(output: str) -> str:
    (code,) = CODE.findall(output)
    assert isinstance(code, str)
    return code


def test_the_recovery_code_is_printed_once_and_saves_a_site_without_its_key_file(call: Call, state: Path) -> None:
    code = code_in(call("setup")[1])
    assert CODE.findall(call("setup")[1]) == []
    (state / "keys" / "vault.key").unlink()
    status, _, problem = call("audit", "verify")
    assert (status, len(problem.splitlines())) == (1, 1)
    assert "veilsight db protect key-file --recover" in problem
    assert call("--passphrase-fd", f"fd:{code}", "db", "protect", "key-file", "--recover")[0] == 0
    assert call("audit", "verify")[0] == 0
    assert "key-changed" in call("audit", "list")[1]


def test_a_new_recovery_code_ends_the_old_one(call: Call, state: Path) -> None:
    old = code_in(call("setup")[1])
    new = code_in(call("db", "recovery-code")[1])
    (state / "keys" / "vault.key").unlink()
    status, _, problem = call("--passphrase-fd", f"fd:{old}", "db", "protect", "key-file", "--recover")
    assert status == 1
    assert "neither this site's passphrase nor its recovery code" in problem
    assert call("--passphrase-fd", f"fd:{new}", "db", "protect", "key-file", "--recover")[0] == 0


def test_a_site_that_a_passphrase_opens(call: Call, state: Path) -> None:
    assert call("--passphrase-fd", f"fd:{PASSPHRASE}", "setup", "--protect", "passphrase")[0] == 0
    assert call("--passphrase-fd", f"fd:{PASSPHRASE}", "audit", "verify")[0] == 0
    status, _, problem = call("audit", "verify")
    assert status == 1
    assert "nobody here to ask" in problem
    assert read_vault(find_paths({}, state).vault).protection == "passphrase"


def test_a_set_up_without_a_recovery_code_makes_none(call: Call, state: Path) -> None:
    assert "Recovery code" not in call("setup", "--no-recovery-code")[1]
    assert not read_vault(find_paths({}, state).vault).has_recovery_code


def test_a_short_passphrase_is_wrong_usage_and_leaves_no_site(call: Call, state: Path) -> None:
    assert call("--passphrase-fd", "fd:short", "setup", "--protect", "passphrase")[0] == 2
    assert not (state / "database" / "veilsight.db").exists()


def test_backup_loss_and_restore(call: Call, tmp_path: Path) -> None:
    call("setup")
    file, given = str(tmp_path / "backup"), ("--backup-passphrase-fd", f"fd:{PASSPHRASE}")
    assert call("db", "backup", file, *given)[0] == 0
    assert call("db", "rotate-key")[0] == 0
    # Nobody is there to ask: it says what would be lost, and changes nothing.
    status, output, problem = call("db", "restore", file, *given)
    assert status == 2
    assert "Lost from the audit log, as newer than the backup: 1 entry." in output
    assert "--yes" in problem
    assert "database-restored" not in call("audit", "list")[1]
    assert call("db", "restore", file, *given, "--yes")[0] == 0
    actions = call("audit", "list")[1]
    assert "database-backed-up" in actions
    assert "database-restored" in actions
    assert "database key" not in actions
    assert call("audit", "verify")[0] == 0


def test_wrong_missing_and_damaged_are_three_sentences(call: Call, state: Path) -> None:
    call("setup")
    key, database = state / "keys" / "vault.key", state / "database" / "veilsight.db"
    secret, content = key.read_bytes(), database.read_bytes()
    said = []
    key.write_text("ab" * 32)
    said.append(call("audit", "verify")[2])
    key.unlink()
    said.append(call("audit", "verify")[2])
    key.write_bytes(secret)
    key.chmod(0o600)
    database.write_bytes(content[:200] + b"damaged" + content[207:])
    said.append(call("audit", "verify")[2])
    assert [len(each.splitlines()) for each in said] == [1, 1, 1]
    for sentence, words in zip(
        said, ("does not open the site's vault", "is missing", "is damaged in its first page"), strict=True
    ):
        assert words in sentence
    assert "veilsight db restore FILE" in said[2]
