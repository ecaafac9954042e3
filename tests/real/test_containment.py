"""`make prove-containment` in short: all programs without their networks, and pictures that are all pattern.

Everything must be covered then. The long proof, with networks and a masked camera, is too long for every change.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.containment.proving import FRAMES
from tests.real.network import ALONE

SECONDS = 400
PLANTED = REPOSITORY / "tests" / "containment" / "planted"


def prove(folder: Path, planted: str = "") -> dict[str, Any]:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    if subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network")
    words = [*ALONE, sys.executable, "-m", "tests.containment.proving", str(folder)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [planted, str(REPOSITORY)]))}
    run = subprocess.run(
        words, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_nothing_of_a_frame_leaves_its_program_where_no_network_is_there(tmp_path: Path) -> None:
    found = prove(tmp_path)
    facts = found["facts"]
    assert found["problems"] == [], found["problems"]
    assert facts["of_them_covered"] == facts["pictures_shown"]
    assert facts["pictures_shown"]["covered"] > 0
    assert facts["uploaded_bytes"] == (tmp_path / "pattern.mp4").stat().st_size
    assert f"{FRAMES} frames, of which {FRAMES} had to be covered whole." in facts["redacted"]
    assert {"redactor", "searcher"} <= set(facts["swapped_kib"])


def test_leaks_planted_in_the_redactor_and_the_searcher_are_found(tmp_path: Path) -> None:
    found = prove(tmp_path, str(PLANTED))["problems"]
    leaks = [problem for problem in found if "the pattern, as" in problem]
    assert any("video" in leak and "/tmp/clear" in leak for leak in leaks), found
    assert any("pixels" in leak and "errors.txt" in leak for leak in leaks), found
    assert any("pixels" in leak and "/tmp/found" in leak for leak in leaks), found
