"""Each change of the settings file is in the audit log once, and no secret with it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.audit import log
from appliance.audit.log import Event
from appliance.services.settings_record import record_settings
from appliance.settings import Settings, find_paths, load_settings
from appliance.storage.database import reading
from appliance.storage.site import Site, create_site

FIRST = """
[retention]
log_months = 6

[opening]
monday = ["09:00-12:00"]
[opening.exceptions]
2026-12-24 = []

[[alerts]]
name = "full"
people = 50
destination = "pager"

[[destinations]]
name = "pager"
url = "https://hooks.example.org/token-3f9c"
classes = ["metric"]

[[destinations]]
name = "stick"
folder = "/media/stick"
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site, *_ = create_site(find_paths({"HOME": str(tmp_path)}, tmp_path / "state"))
    yield site
    site.engine.dispose()


def read(folder: Path, text: str) -> Settings:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def noted(site: Site) -> list[Event]:
    with reading(site.engine) as connection:
        return [entry.event for entry in log.entries(connection, actions=("settings-changed",))]


def test_each_change_is_written_down_once_with_what_changed(site: Site, tmp_path: Path) -> None:
    first = read(tmp_path, FIRST)
    second = read(tmp_path, FIRST.replace("people = 50", "people = 1"))
    for settings in (Settings(), first, first, second, second, Settings()):
        record_settings(site, "engine", settings)
    events = noted(site)
    assert [event.details["changed"] for event in events] == [
        "alerts, destinations, opening, retention",
        "alerts",
        "alerts, destinations, opening, retention",
    ]
    assert msgspec.json.decode(str(events[1].details["alerts"]))[0]["people"] == 1
    assert set(events[2].details) == {"changed"}, "the defaults hold again"


def test_a_token_in_an_address_is_not_written_down_but_its_change_is(site: Site, tmp_path: Path) -> None:
    for token in ("token-3f9c", "token-a771"):
        record_settings(site, "engine", read(tmp_path, FIRST.replace("token-3f9c", token)))
    assert noted(site)[1].details["changed"] == "destinations"
    assert "token" not in str(noted(site))
    assert "hooks.example.org" in str(noted(site))
