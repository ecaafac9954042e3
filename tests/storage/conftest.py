"""A site of its own for each test, made by the product itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.settings import Paths, find_paths
from appliance.storage.site import Site, create_site, open_site


@pytest.fixture(scope="session")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a site that was just made: making one takes longer than most tests."""
    state = tmp_path_factory.mktemp("site") / "state"
    create_site(find_paths({"HOME": str(state)}, state))[0].engine.dispose()
    return state


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"HOME": str(tmp_path)}, tmp_path / "state")


@pytest.fixture
def site(paths: Paths, new_site: Path) -> Iterator[Site]:
    shutil.copytree(new_site, paths.state)
    site = open_site(paths)
    yield site
    site.engine.dispose()
