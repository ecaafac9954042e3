"""A site with a log of its own for each test, made by the product itself."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.audit.log import Event, append
from appliance.settings import Paths, find_paths
from appliance.storage import keys
from appliance.storage.site import Site, create_site, open_site

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


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


@pytest.fixture
def key(paths: Paths, site: Site) -> Ed25519PrivateKey:  # noqa: ARG001 - making the site makes the key
    return keys.load_signing_key(paths)


@pytest.fixture
def write(site: Site) -> Callable[[int], None]:
    """Appends so many entries, each different."""

    def write_entries(count: int) -> None:
        with site.engine.begin() as connection:
            for number in range(count):
                append(connection, Event("test", "login", f"person {number}"), NOON)

    return write_entries
