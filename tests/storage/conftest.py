"""A site of its own for each test, made by the product itself."""

from pathlib import Path

import pytest

from appliance.settings import Paths, find_paths
from appliance.storage.site import Site, create_site


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths({"HOME": str(tmp_path)}, tmp_path / "state")


@pytest.fixture
def site(paths: Paths) -> Site:
    return create_site(paths)[0]
