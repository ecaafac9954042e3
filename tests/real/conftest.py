"""What all tests share that watch a browser."""

import pytest
from playwright.sync_api import expect

SECONDS = 60.0


@pytest.fixture(scope="session", autouse=True)
def patience() -> None:
    """A page that comes late says how busy the machine is, not whether it is right."""
    expect.set_options(timeout=SECONDS * 1000)
