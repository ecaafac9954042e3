"""The rules of the house about who may import whom, as `pyproject.toml` states them."""

import re
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


# Stored counts may be exact (mode `threshold`), so only these read them, and show them through `metrics.publishing`.
READERS = {
    *(
        "storage/measurements.py",
        "storage/daily_sums.py",
        "storage/hourly_sums.py",
        "storage/tables.py",
        "services/backups.py",
    ),
    *("reports/sums.py", "reports/series.py", "reports/counts.py", "reports/floor.py", "web/present.py"),
    # What is about cameras alone.
    "reports/camera_times.py",
}
READS = re.compile(
    r"measurements\.read(_hours)?\(|storage\.tables import[^\n]*\b(measurement|bucket_sum|hour_sum)\b"
    r"|import[^\n]*\bread\b[^\n]*measurements|(FROM|JOIN) measurement\b|\b(bucket_sum|hour_sum)\b|hourly_sums\.read\("
)


def test_stored_counts_are_read_by_those_who_publish_them_alone() -> None:
    package = REPOSITORY / "appliance"
    found = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if READS.search(path.read_text("utf-8"))
    }
    assert found <= READERS, found - READERS
    assert "web/present.py" in found
