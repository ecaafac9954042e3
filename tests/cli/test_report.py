"""`veilsight report`: what it prints and how it ends."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.cli.main import main
from appliance.settings import Paths, find_paths
from appliance.storage.site import create_site


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A site that was set up, with the environment pointing at it."""
    for name in ("CREDENTIALS_DIRECTORY", "VEILSIGHT_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VEILSIGHT_STATE", str(tmp_path / "state"))
    paths = find_paths({"HOME": str(tmp_path)}, tmp_path / "state")
    create_site(paths)
    return paths


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["report", *arguments])
    output = capsys.readouterr()
    return status, output.out, output.err


def build(capsys: pytest.CaptureFixture[str]) -> Path:
    status, out, err = run(capsys, "build", "--from", "2026-10-01", "--to", "2026-10-02", "--json")
    assert (status, err) == (0, "")
    return Path(json.loads(out)["report"])


def test_build_list_and_verify(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no report yet" in run(capsys, "list")[1]
    report = build(capsys)
    assert report.parent == paths.reports
    status, out, _ = run(capsys, "list", "--json")
    assert [json.loads(line)["name"] for line in out.splitlines()] == [report.name]
    status, out, _ = run(capsys, "verify", str(report))
    assert status == 0
    assert "valid" in out
    assert out.count("\n") == 1


def test_verify_needs_nothing_but_the_report_and_the_key(
    paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = build(capsys)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in (report, paths.keys / "signing.pub"):
        shutil.copy(path, elsewhere)
    command = [
        sys.executable,
        "-m",
        "appliance.cli.main",
        "report",
        "verify",
        report.name,
        "--public-key",
        "signing.pub",
    ]

    def verify() -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(tmp_path / "nobody")}
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)

    good = verify()
    assert (good.returncode, good.stderr) == (0, "")
    assert not (tmp_path / "nobody").exists(), "no state directory is made"
    with (elsewhere / report.name).open("ab") as file:
        file.write(b"\n")
    bad = verify()
    assert bad.returncode == 1
    assert "ALTERED" in bad.stdout
    assert bad.stdout.count("\n") == 1


def test_a_cut_off_report_a_shorter_log_and_a_missing_key_are_told_apart(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    report, later = build(capsys), build(capsys)
    status, out, _ = run(capsys, "verify", str(later), "--earlier", str(report))
    assert (status, "still holds everything" in out) == (0, True), out
    status, out, _ = run(capsys, "verify", str(report), "--earlier", str(later), "--json")
    assert (status, json.loads(out)["state"]) == (1, "inconsistent")
    report.write_bytes(report.read_bytes()[:-100])
    status, out, _ = run(capsys, "verify", str(report), "--json")
    assert (status, json.loads(out)["state"]) == (1, "incomplete")
    status, out, err = run(capsys, "verify", str(report), "--public-key", str(paths.keys / "none.pub"))
    assert (status, out) == (1, "")
    assert "no public key" in err


TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-10-02", "2026-10-01", "before it begins"),
        ("2026-10-01", TOMORROW, "in the future"),
        ("1.10.2026", "2026-10-02", "not a date"),
    ],
)
def test_bad_dates_are_wrong_usage(
    paths: Paths, capsys: pytest.CaptureFixture[str], first: str, last: str, says: str
) -> None:
    status, out, err = run(capsys, "build", "--from", first, "--to", last)
    assert (status, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert not paths.reports.exists()


def test_deliver_without_a_destination_says_so(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    build(capsys)
    status, out, _ = run(capsys, "deliver")
    assert status == 0
    assert "no destination" in out
    assert not paths.outbox.exists()


def test_deliver_sends_to_the_configured_folder(
    paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "share"
    paths.settings_file.write_text(f'[[destinations]]\nname = "share"\nfolder = "{folder}"\n', encoding="utf-8")
    report = build(capsys)
    status, out, _ = run(capsys, "deliver")
    assert status == 1, "the folder is not there"
    assert "did not take" in out
    folder.mkdir()
    status, out, _ = run(capsys, "deliver")
    assert (status, out) == (0, f"{report.name} delivered to share\n")
    assert run(capsys, "verify", str(folder / report.name))[0] == 0


def test_without_a_site_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VEILSIGHT_STATE", str(tmp_path / "none"))
    status, out, err = run(capsys, "build", "--from", "2026-10-01", "--to", "2026-10-02")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_the_sign_the_notice_and_the_schema_are_written(
    paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign, page = tmp_path / "sign.pdf", tmp_path / "notice.html"
    status, out, err = run(capsys, "sign", str(sign), "--language", "fr")
    assert (status, out) == (0, f"{sign}\n")
    assert "the controller" in err, "what is not stated is named"
    assert "only devices in this site's own network" in err
    assert sign.read_bytes().startswith(b"%PDF-")
    paths.settings_file.write_text(
        '[site]\ncontroller = "Shop Ltd"\ncontact = "mail@shop.example"\n[processing]\npurposes = "Counting"\n'
        'legal_basis = "Art. 6(1)(f)"\nnotice_url = "https://shop.example/notice"\n'
    )
    assert run(capsys, "sign", str(sign)) == (0, f"{sign}\n", "")
    assert run(capsys, "notice", str(page), "--language", "en") == (0, f"{page}\n", "")
    assert "Shop Ltd" in page.read_text()
    status, _, err = run(capsys, "sign", str(tmp_path / "nowhere" / "sign.pdf"))
    assert (status, err.count("\n")) == (1, 1)
    assert json.loads(run(capsys, "schema")[1])["properties"]["schema"]["const"] == 4
