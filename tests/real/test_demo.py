"""The demonstration, as a person runs it: a real clip through everything, then a sum."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.reports.verify import verify_report
from appliance.settings import find_paths
from appliance.storage.keys import read_public_key


def veilsight(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with an empty home of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("VEILSIGHT_", "XDG_"))}
    return subprocess.run(
        [sys.executable, "-m", "appliance.cli.main", *arguments],
        env=variables | {"HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def demonstration(
    home: Path, pets_clip: Path, default_models: Path, free_port: int
) -> subprocess.CompletedProcess[str]:
    settings = home / "settings.toml"
    settings.write_text(f'[web]\nhost = "127.0.0.1"\nport = {free_port}\n[site]\nname = "Test shop"\n')
    return veilsight(
        home,
        "demo",
        "--clip",
        str(pets_clip),
        DEMO_SECONDS="25",
        VEILSIGHT_SETTINGS=str(settings),
        VEILSIGHT_MODELS=str(default_models),
    )


@pytest.fixture(scope="module")
def summary(demonstration: subprocess.CompletedProcess[str]) -> Any:
    assert demonstration.returncode == 0, demonstration.stderr
    return json.loads(demonstration.stdout.splitlines()[-1])


def test_it_says_where_the_page_is_and_how_to_log_in(
    demonstration: subprocess.CompletedProcess[str], free_port: int
) -> None:
    assert f"https://localhost:{free_port}/" in demonstration.stdout
    assert "password:" in demonstration.stdout


def test_it_counts_and_stores_what_it_sees(summary: Any) -> None:
    assert summary["frames"] > 0
    assert summary["stored_buckets"] > 0
    assert set(summary["lines"]["footpath"]["person"]) == {"in", "out"}
    assert summary["audit"] == "verified"


def test_the_report_verifies_with_the_public_key_alone(summary: Any, home: Path) -> None:
    paths = find_paths({"HOME": str(home)}, home / ".local" / "state" / "veilsight-demo")
    assert verify_report(Path(summary["report"]), read_public_key(paths.keys / "signing.pub")).valid


def test_no_picture_is_left_on_the_disk(summary: Any, home: Path) -> None:
    assert summary
    files = [path for path in home.rglob("*") if path.is_file() and "compiled" not in path.parts]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        assert not content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"RIFF")), path
        # The report's PDF must hold no image either.
        assert b"/Subtype/Image" not in content.replace(b" ", b""), path


def test_a_clip_that_is_no_video_is_one_sentence(home: Path, tmp_path: Path, default_models: Path) -> None:
    missing = veilsight(home, "demo", "--clip", str(tmp_path / "none.avi"), VEILSIGHT_MODELS=str(default_models))
    assert missing.returncode == 1
    assert missing.stderr.startswith("veilsight: There is no clip at")
    assert missing.stderr.count("\n") == 1
