"""A site that can't be opened: a real process says one sentence and nothing else, and changes nothing."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance.audit.log import Event, append
from appliance.settings import Paths, find_paths
from appliance.storage.site import create_site, open_site

PAGE_BYTES = 4096


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory whose database has far more pages of audit entries than of anything else."""
    state = tmp_path_factory.mktemp("site") / "state"
    site, _ = create_site(find_paths({"HOME": str(state)}, state))
    with site.engine.begin() as connection:
        for number in range(300):
            append(connection, Event("test", "login", f"{number} " + "x" * 1000))
    site.engine.dispose()
    return state


@pytest.fixture
def paths(tmp_path: Path, new_site: Path) -> Paths:
    shutil.copytree(new_site, tmp_path / "state")
    return find_paths({"HOME": str(tmp_path)}, tmp_path / "state")


def another_key(paths: Paths) -> None:
    (paths.keys / "vault.key").write_text("ab" * 32)


def no_key(paths: Paths) -> None:
    (paths.keys / "vault.key").unlink()


def open_key(paths: Paths) -> None:
    (paths.keys / "vault.key").chmod(0o644)


def damaged_first_page(paths: Paths) -> None:
    damage(paths.database, 100)


def damaged_later_page(paths: Paths) -> None:
    pages = paths.database.stat().st_size // PAGE_BYTES
    damage(paths.database, pages // 2 * PAGE_BYTES + 100)


def damage(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(b"damaged")


def newer_schema(paths: Paths) -> None:
    change(paths, "UPDATE alembic_version SET version_num = '9999'")


def older_schema(paths: Paths) -> None:
    change(paths, "DELETE FROM alembic_version")


def change(paths: Paths, statement: str) -> None:
    site = open_site(paths)
    with site.engine.begin() as connection:
        connection.execute(text(statement))
    site.engine.dispose()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (another_key, "does not open the site's vault"),
        (no_key, "is missing"),
        (open_key, "chmod 600"),
        (damaged_first_page, "is damaged"),
        (damaged_later_page, "is damaged"),
        (newer_schema, "newer version"),
        (older_schema, "veilsight db migrate"),
    ],
)
def test_each_has_its_sentence(paths: Paths, break_it: Callable[[Paths], None], said: str) -> None:
    break_it(paths)
    before = paths.database.read_bytes()
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "audit", "verify"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (sentence,) = result.stderr.splitlines()
    assert result.returncode == 1
    assert result.stdout == ""
    assert sentence.startswith("veilsight: ")
    assert said in sentence
    assert paths.database.read_bytes() == before
