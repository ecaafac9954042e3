"""The commands `audit`, `camera`, `user` and `db`: what they print, and that every change is in the audit log."""

import io
import json
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.audit import checkpoint, log
from appliance.cli.main import main
from appliance.cli.terminal import actor
from appliance.resources import find_resource
from appliance.settings import Paths, find_paths
from appliance.storage import cameras, keys, second_factor, users
from appliance.storage.database import create_database, open_database, reading
from appliance.storage.site import create_site, open_site
from appliance.storage.tables import audit_checkpoint
from tests.vision.test_sources import write_clip


@dataclass(frozen=True)
class Result:
    code: int
    output: str
    problem: str


Run = Callable[..., Result]


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("site") / "state"
    create_site(find_paths({"HOME": str(state)}, state))[0].engine.dispose()
    return state


@pytest.fixture
def paths(tmp_path: Path, new_site: Path) -> Paths:
    shutil.copytree(new_site, tmp_path / "state")
    return find_paths({"HOME": str(tmp_path)}, tmp_path / "state")


@pytest.fixture
def run(paths: Paths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    def run_command(*arguments: str, typed: str = "") -> Result:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        capsys.readouterr()
        try:
            code = main(["--state", str(paths.state), *arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run_command


def refused(result: Result, code: int) -> bool:
    """Whether it ended with this code, one sentence on standard error and nothing on standard output."""
    one_sentence = result.problem.startswith("veilsight: ") and len(result.problem.splitlines()) == 1
    return result.code == code and one_sentence and not result.output


def actions(paths: Paths) -> list[tuple[str, str, str]]:
    with reading(open_site(paths).engine) as connection:
        return [(entry.event.actor, entry.event.action, entry.event.subject) for entry in log.entries(connection)]


def test_a_user_is_added_changed_and_removed(run: Run, paths: Paths) -> None:
    assert run("user", "add", "anna", "--role", "administrator", "--password-stdin", typed="correct horse\n").code == 0
    assert [user["name"] for user in json.loads(run("user", "list", "--json").output)] == ["anna"]
    assert run("user", "password", "anna", "--password-stdin", typed="battery staple\r\n").code == 0
    with reading(open_site(paths).engine) as connection:
        assert users.verify(connection, "anna", "battery staple")
        assert not users.verify(connection, "anna", "correct horse")
    run("user", "add", "bert", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    assert run("user", "remove", "anna").code == 0
    assert [user["name"] for user in json.loads(run("user", "list", "--json").output)] == ["bert"]
    assert actions(paths) == [
        (actor(), "user-added", "anna"),
        (actor(), "password-changed", "anna"),
        (actor(), "user-added", "bert"),
        (actor(), "user-removed", "anna"),
    ]


def test_a_role_is_changed_but_never_the_last_administrators(run: Run, paths: Paths) -> None:
    run("user", "add", "anna", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    assert run("user", "add", "bert", "--password-stdin", typed="correct horse\n").code == 2
    run("user", "add", "bert", "--role", "viewer", "--password-stdin", typed="correct horse\n")
    assert run("user", "role", "bert", "auditor").code == 0
    assert [user["role"] for user in json.loads(run("user", "list", "--json").output)] == ["administrator", "auditor"]
    assert refused(run("user", "role", "anna", "manager"), 1)
    assert refused(run("user", "role", "cleo", "manager"), 1)
    with open_site(paths).engine.begin() as connection:
        second_factor.turn_on(connection, "bert", second_factor.new_secret(), 0)
    assert run("user", "second-factor-off", "bert").code == 0
    assert refused(run("user", "second-factor-off", "cleo"), 1)
    with reading(open_site(paths).engine) as connection:
        assert not second_factor.is_on(connection, "bert")
    assert actions(paths)[2:] == [(actor(), "role-changed", "bert"), (actor(), "second-factor-off", "bert")]


def test_the_last_user_stays(run: Run, paths: Paths) -> None:
    run("user", "add", "anna", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    result = run("user", "remove", "anna")
    assert refused(result, 1)
    assert "veilsight user add" in result.problem
    assert [user["name"] for user in json.loads(run("user", "list", "--json").output)] == ["anna"]
    assert actions(paths) == [(actor(), "user-added", "anna")]


@pytest.mark.parametrize(
    ("arguments", "typed", "code"),
    [
        (("add", "anna", "--role", "administrator", "--password-stdin"), "short\n", 2),
        (("add", "anna", "--role", "administrator", "--password-stdin"), "", 2),
        (("add", "anna", "--role", "administrator"), "no terminal\n", 2),
        (("add", "", "--role", "viewer", "--password-stdin"), "long enough\n", 2),
        (("password", "nobody", "--password-stdin"), "long enough\n", 1),
        (("remove", "nobody"), "", 1),
    ],
)
def test_a_refused_user_changes_nothing(
    run: Run, paths: Paths, arguments: tuple[str, ...], typed: str, code: int
) -> None:
    assert refused(run("user", *arguments, typed=typed), code)
    assert actions(paths) == []
    assert run("user", "list", "--json").output == "[]\n"


def test_a_camera_is_added_listed_and_removed(run: Run, paths: Paths) -> None:
    places = ("--line", "door=0.1,0.2,0.3,0.4", "--zone", "till=0,0,1,0,1,1")
    credentials = ("--username", "op", "--password-stdin")
    added = run("camera", "add", "front", "rtsp://10.0.0.1/x", *places, *credentials, typed="geheim\n")
    assert added.code == 0
    with reading(open_site(paths).engine) as connection:
        assert cameras.get(connection, "front") == cameras.Camera(
            "front",
            "rtsp://10.0.0.1/x",
            "op",
            "geheim",
            (cameras.LineSetting("door", 0.1, 0.2, 0.3, 0.4),),
            (cameras.ZoneSetting("till", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))),),
        )
    (listed,) = json.loads(run("camera", "list", "--json").output)
    expected = {
        "name": "front",
        "source": "rtsp://10.0.0.1/x",
        "username": "op",
        "transport": "tcp",
        "loop": False,
        "realtime": False,
        "lines": {"door": [0.1, 0.2, 0.3, 0.4]},
        "zones": {"till": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]},
    }
    assert {name: listed[name] for name in expected} == expected
    plain = run("camera", "list").output
    assert "line door" in plain
    assert "zone till" in plain
    assert run("camera", "remove", "front").code == 0
    everything = [plain, added.output, run("audit", "list", "--limit", "0").output]
    assert not any("geheim" in text for text in everything)
    assert actions(paths) == [(actor(), "camera-added", "front"), (actor(), "camera-removed", "front")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("front", "rtsp://op:geheim@10.0.0.1/x"),
        ("front", "no-such-file.mp4"),
        ("front", "rtsp://10.0.0.1/x", "--line", "door=0,0,2,1"),
        ("front", "rtsp://10.0.0.1/x", "--line", "door=0,0,1,1", "--line", "door=0,0,1,1"),
        ("front", "rtsp://10.0.0.1/x", "--zone", "till=0,0,1,1"),
        ("front", "rtsp://10.0.0.1/x", "--password-stdin"),
        ("fr/ont", "rtsp://10.0.0.1/x"),
        ("front door", "rtsp://10.0.0.1/x"),
        ("x" * 41, "rtsp://10.0.0.1/x"),
        ("front\n", "rtsp://10.0.0.1/x"),
        ("", "rtsp://10.0.0.1/x"),
    ],
)
def test_a_refused_camera_changes_nothing(run: Run, paths: Paths, arguments: tuple[str, ...]) -> None:
    result = run("camera", "add", *arguments)
    assert refused(result, 2)
    assert "geheim" not in result.problem
    assert actions(paths) == []
    assert json.loads(run("camera", "list", "--json").output) == []


def test_a_camera_is_tried_and_nothing_is_kept(run: Run, paths: Paths, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    assert run("camera", "add", "front", str(clip)).code == 0
    before = sorted(path.name for path in tmp_path.rglob("*"))
    result = run("camera", "test", "front")
    assert result.code == 0
    assert re.match(r"front: 64x48 pixels, h264, \d+\.?\d* frames a second \(it says 10\)\n", result.output)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    clip.write_bytes(b"no video")
    assert refused(run("camera", "test", "front"), 1)
    assert actions(paths) == [(actor(), "camera-added", "front")]


def test_a_camera_that_is_not_there_is_one_sentence(run: Run) -> None:
    assert refused(run("camera", "remove", "front"), 1)
    assert refused(run("camera", "test", "front"), 1)


def test_the_log_is_verified_in_one_line(run: Run, paths: Paths) -> None:
    run("user", "add", "anna", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    saved = paths.state / "saved"
    note = run("audit", "checkpoint").output
    saved.write_text(note)
    assert note.splitlines()[:2] == [open_site(paths).origin, "2"]
    assert actions(paths)[-1][1] == "checkpoint-signed"
    for arguments in ((), ("--checkpoint", str(saved))):
        result = run("audit", "verify", *arguments)
        assert result.code == 0
        assert result.output.startswith("audit log verified: 2 entries, 1 checkpoint")
        assert len(result.output.splitlines()) == 1


def test_a_changed_log_is_one_sentence(run: Run, paths: Paths) -> None:
    run("user", "add", "anna", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    with open_site(paths).engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_entry SET entry = replace(entry, 'anna', 'bert')")
    result = run("audit", "verify")
    assert refused(result, 1)
    assert "Entry 0" in result.problem


def test_a_proof_is_checked_with_the_public_key_alone(run: Run, paths: Paths, tmp_path: Path) -> None:
    run("user", "add", "anna", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    proof, key = tmp_path / "entry.tlog-proof", tmp_path / "signing.pub"
    proof.write_text(run("audit", "prove", "0").output)
    shutil.copy(paths.keys / "signing.pub", key)
    shutil.rmtree(paths.state)
    result = run("audit", "verify", "--proof", str(proof), "--public-key", str(key))
    assert result.code == 0
    assert json.loads(result.output.splitlines()[1])["subject"] == "anna"
    proof.write_text(proof.read_text().replace("index 0", "index 1"))
    assert refused(run("audit", "verify", "--proof", str(proof), "--public-key", str(key)), 1)
    assert not paths.state.exists()


def test_the_log_is_verified_with_a_public_key_that_was_kept_elsewhere(run: Run, paths: Paths, tmp_path: Path) -> None:
    """Somebody rewrote the log and signed it with a key of their own, which they left at the site."""
    run("audit", "checkpoint")
    key = tmp_path / "kept.pub"
    shutil.copy(paths.keys / "signing.pub", key)
    assert run("audit", "verify", "--public-key", str(key)).output.startswith("audit log verified")
    own = Ed25519PrivateKey.generate()
    (paths.keys / "signing.pub").write_bytes(keys.public_key_pem(own.public_key()))
    site = open_site(paths)
    with site.engine.begin() as connection:
        current = checkpoint.Checkpoint(site.origin, 1, log.root(connection))
        forged = checkpoint.sign(current, own)
        connection.execute(audit_checkpoint.update().values(note=forged))
    assert run("audit", "verify").code == 0
    result = run("audit", "verify", "--public-key", str(key))
    assert refused(result, 1)
    assert "not signed with this site's key" in result.problem


def test_a_checkpoint_is_written_to_a_new_file(run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "saved.txt"
    assert run("audit", "checkpoint", "--output", str(saved)).output == f"checkpoint of 1 entries written to {saved}\n"
    note = saved.read_text()
    assert run("audit", "verify", "--checkpoint", str(saved)).code == 0
    assert refused(run("audit", "checkpoint", "--output", str(saved)), 2)
    assert saved.read_text() == note
    assert refused(run("audit", "checkpoint", "--output", str(tmp_path / "no-such-folder" / "saved.txt")), 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved.txt", "state"]


def test_an_older_copy_of_the_database_is_found_by_a_saved_checkpoint(run: Run, paths: Paths, tmp_path: Path) -> None:
    run("user", "add", "anna", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    open_site(paths).engine.dispose()
    older, saved = tmp_path / "older", tmp_path / "saved.txt"
    shutil.copytree(paths.database.parent, older)
    run("user", "add", "bert", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    run("audit", "checkpoint", "--output", str(saved))
    shutil.rmtree(paths.database.parent)
    shutil.copytree(older, paths.database.parent)
    assert run("audit", "verify").code == 0
    result = run("audit", "verify", "--checkpoint", str(saved))
    assert refused(result, 1)
    assert "covers 3" in result.problem


def test_growth_since_a_checkpoint_is_proved(run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.write_text(run("audit", "checkpoint").output)
    run("user", "add", "anna", "--role", "administrator", "--password-stdin", typed="correct horse\n")
    proof = tmp_path / "growth.json"
    proof.write_text(run("audit", "prove", "--since", str(saved)).output)
    result = json.loads(proof.read_text())
    assert result["old"] == saved.read_text()
    assert result["new"].splitlines()[1] == "3"
    assert len(result["path"]) == 2
    verified = run("audit", "verify", "--proof", str(proof))
    assert "of 3 entries begins with the 1 of the older checkpoint" in verified.output
    proof.write_text(json.dumps(result | {"path": result["path"][::-1]}))
    assert refused(run("audit", "verify", "--proof", str(proof)), 1)
    proof.write_text("{}")
    assert refused(run("audit", "verify", "--proof", str(proof)), 1)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("prove", "99"), 1),
        (("prove",), 2),
        (("prove", "0", "--since", "x"), 2),
        (("prove", "--since", "no-such-file"), 2),
        (("verify", "--checkpoint", "no-such-file"), 2),
        (("verify", "--public-key", "no-such-file"), 1),
        (("list", "--action", "nonsense"), 2),
        (("list", "--since", "yesterday"), 2),
        (("list", "--limit", "-1"), 2),
    ],
)
def test_wrong_use_of_audit_is_one_sentence(run: Run, paths: Paths, arguments: tuple[str, ...], code: int) -> None:
    assert refused(run("audit", *arguments), code)
    assert actions(paths) == []


def test_entries_are_listed(run: Run) -> None:
    for name in ("anna", "bert"):
        run("user", "add", name, "--role", "administrator", "--password-stdin", typed="correct horse\n")
    run("user", "remove", "anna")
    everything = [json.loads(line) for line in run("audit", "list", "--json").output.splitlines()]
    assert [(each["number"], each["action"], each["subject"]) for each in everything] == [
        (0, "user-added", "anna"),
        (1, "user-added", "bert"),
        (2, "user-removed", "anna"),
    ]
    added = run("audit", "list", "--action", "user-added", "--limit", "1").output
    assert "bert" in added
    assert len(added.splitlines()) == 1
    assert run("audit", "list", "--since", "2999-01-01").output == ""


def test_the_log_cannot_steer_the_terminal(run: Run, paths: Paths) -> None:
    with open_site(paths).engine.begin() as connection:
        log.append(connection, log.Event("test", "login-failed", "\x1b[2J\nforged", details={"address": "\x07"}))
    output = run("audit", "list").output
    assert len(output.splitlines()) == 1
    assert "\x1b" not in output
    assert "\x07" not in output


def test_a_schema_of_this_version_is_left_alone(run: Run, paths: Paths) -> None:
    assert run("db", "migrate").code == 0
    assert actions(paths) == []


def test_an_older_schema_is_brought_up_and_written_down(run: Run, paths: Paths) -> None:
    shutil.rmtree(paths.state)
    keys.create_vault(paths)
    create_database(paths.database, keys.load_database_key(paths)).dispose()
    result = run("audit", "verify")
    assert refused(result, 1)
    assert "veilsight db migrate" in result.problem
    revisions = sorted(path.name[:4] for path in (find_resource("migrations") / "versions").glob("[0-9]*.py"))
    assert run("db", "migrate").output == f"schema brought to {revisions[-1]}\n"
    with reading(open_database(paths.database, keys.load_database_key(paths))) as connection:
        written = [(entry.event.action, entry.event.subject) for entry in log.entries(connection)]
    assert written == [("database-migrated", revision) for revision in revisions]


@pytest.mark.parametrize("arguments", [("audit", "verify"), ("user", "list"), ("camera", "list"), ("db", "migrate")])
def test_without_a_site_each_says_what_to_do(run: Run, paths: Paths, arguments: tuple[str, ...]) -> None:
    shutil.rmtree(paths.state)
    result = run(*arguments)
    assert refused(result, 1)
    assert "veilsight setup" in result.problem
    assert not paths.state.exists()


def test_a_key_that_others_can_read_stops_every_command(run: Run, paths: Paths) -> None:
    key = paths.keys / "vault.key"
    key.chmod(key.stat().st_mode | stat.S_IRGRP)
    result = run("audit", "verify")
    assert refused(result, 1)
    assert "chmod 600" in result.problem


def test_a_token_is_printed_once_listed_and_removed(run: Run, paths: Paths) -> None:
    secret = run("token", "add", "till", "--role", "manager", "--days", "30").output.strip()
    assert secret.startswith("veilsight_")
    listed = run("token", "list", "--json").output
    assert secret not in listed
    assert [(token["name"], token["role"]) for token in json.loads(listed)] == [("till", "manager")]
    assert refused(run("token", "add", "till", "--role", "manager"), 1)
    assert refused(run("token", "add", "other", "--role", "manager", "--days", "0"), 2)
    assert run("token", "remove", "till").code == 0
    assert refused(run("token", "remove", "till"), 1)
    assert actions(paths) == [(actor(), "token-added", "till"), (actor(), "token-removed", "till")]
