"""`veilsight destination`: secrets go in and never come out; a test leaves a signed file and says so."""

import io
import json
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.cli.main import main
from appliance.reports import signature
from appliance.settings import Paths, find_paths
from appliance.storage.database import reading
from appliance.storage.destination_secrets import secret_reader
from appliance.storage.keys import load_parts, load_public_key
from appliance.storage.site import create_site, open_site
from appliance.storage.tables import destination_secret
from appliance.storage.vault import COURIER_PART, KeyUnusable, Sealed, open_destination_secret

SECRET = "correct horse battery"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = find_paths({}, tmp_path / "state")
    site, _ = create_site(paths)
    site.engine.dispose()
    (tmp_path / "share").mkdir()
    paths.settings_file.write_text(
        f'[[destinations]]\nname = "share"\nfolder = "{tmp_path}/share"\n'
        '[[destinations]]\nname = "pager"\nurl = "https://pager.example.org/t0ken"\nclasses = ["metric"]\n'
    )
    return paths


def veilsight(paths: Paths, *arguments: str) -> int:
    return main(["--state", str(paths.state), "destination", *arguments])


def give(paths: Paths, monkeypatch: pytest.MonkeyPatch, secret: str, name: str = "pager") -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(secret))
    return veilsight(paths, "secret", name, "--stdin")


def test_a_secret_is_kept_sealed_for_the_courier_and_never_shown(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert give(paths, monkeypatch, f"{SECRET}\n") == 0
    assert veilsight(paths, "list") == 0
    assert veilsight(paths, "list", "--json") == 0
    said = capsys.readouterr()
    assert "secret set on" in said.out
    assert "t0ken" not in said.out + said.err
    assert SECRET not in said.out + said.err
    site = open_site(paths)
    assert secret_reader(site.engine, paths)("pager") == SECRET.encode()
    parts = load_parts(paths)
    with reading(site.engine) as connection:
        row = connection.execute(destination_secret.select()).one()
        actions = [entry.event.action for entry in log.entries(connection)]
    assert SECRET.encode() not in row.ciphertext
    sealed = Sealed(row.nonce, row.ciphertext)
    for part, key in parts.items():
        if part != COURIER_PART:
            with pytest.raises(KeyUnusable):
                open_destination_secret(key, "pager", sealed)
    with pytest.raises(KeyUnusable):
        open_destination_secret(parts[COURIER_PART], "share", sealed)
    assert veilsight(paths, "secret", "pager", "--remove") == 0
    assert secret_reader(site.engine, paths)("pager") is None
    assert actions[-1:] == ["destination-secret-set"]


def test_what_is_no_secret_or_no_destination_is_refused(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert give(paths, monkeypatch, "two\nlines") == 2
    assert give(paths, monkeypatch, "") == 2
    assert give(paths, monkeypatch, SECRET, "nowhere") == 2
    assert veilsight(paths, "test", "nowhere") == 2
    assert "two" not in capsys.readouterr().err
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
    assert give(paths, monkeypatch, key) == 0
    assert secret_reader(open_site(paths).engine, paths)("pager") == key.encode()


def test_a_test_leaves_a_file_that_the_site_signed(
    paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert veilsight(paths, "test", "share") == 0
    assert "sent to share" in capsys.readouterr().out
    content = (tmp_path / "share" / "veilsight-test.txt").read_bytes()
    signed = (tmp_path / "share" / "veilsight-test.txt.sig").read_bytes()
    sums = signature.read(signed, content, load_public_key(paths))
    assert sums.report == signature.digest(content)
    with reading(open_site(paths).engine) as connection:
        found = log.entries(connection, actions=("report-delivered",))
    assert [entry.event.subject for entry in found] == ["veilsight-test.txt.sig", "veilsight-test.txt"]
    (tmp_path / "share" / "veilsight-test.txt").unlink()
    (tmp_path / "share" / "veilsight-test.txt.sig").unlink()
    (tmp_path / "share").rmdir()
    assert veilsight(paths, "test", "share") == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_the_list_tells_where_and_how_it_went(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    assert veilsight(paths, "list", "--json") == 0
    share, pager = json.loads(capsys.readouterr().out)
    assert (share["kind"], share["classes"], share["delivered"], share["problem"]) == ("folder", ["report"], 0, "")
    assert pager["to"] == "https://pager.example.org:443"
