"""The rules of the house about who may import whom, as `pyproject.toml` states them."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_imports_run_one_way() -> None:
    result = lint_imports(REPOSITORY)
    assert result.returncode == 0, result.stdout + result.stderr
