"""What the API says about privacy and the system."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from appliance.audit.log import Event, append
from appliance.settings import Anonymity, Retention, Settings
from appliance.storage.keys import fingerprint
from appliance.storage.users import Role
from appliance.vision.live import Hub, LiveServer
from appliance.web.context import WebContext
from tests.web.api.conftest import Ask
from tests.web.conftest import wait_until
from tests.web.test_system import SHARE


def test_privacy_is_told_as_on_the_page(ask: Ask, context: WebContext) -> None:
    context.settings = Settings(retention=Retention(metrics_months=7), anonymity=Anonymity(epsilon=0.5))
    with context.engine.begin() as connection:
        append(connection, Event("bob", "view-opened", "entrance"), context.clock())
    told = ask("privacy", Role.AUDITOR).get_json()
    assert told["kept_months"] == {"counts": 7, "reports": 36, "log": 12}
    assert told["anonymity"] == {"mode": "differential", "epsilon": 0.5, "k": 5, "bucket_minutes": 15, "reason": ""}
    assert (told["days"], told["live_views"], told["taken_away"]) == (30, 1, 0)
    key = load_pem_public_key(told["public_key"].encode())
    assert fingerprint(key) == told["fingerprint"]  # type: ignore[arg-type]  # an Ed25519 key, as the site's is


@pytest.fixture
def engine(context: WebContext) -> Iterator[None]:
    with LiveServer(context.paths.live_socket, Hub(), dict, examine=lambda: SHARE):
        yield


@pytest.mark.usefixtures("engine")
def test_the_system_is_told_once_it_was_looked_at(ask: Ask, context: WebContext) -> None:
    context.examine = lambda: [("free space", "fine", "much")]
    assert ask("system").get_json()["settings"]
    wait_until(lambda: ask("system").get_json()["examined"])
    told = ask("system").get_json()
    assert {each["check"]: each["state"] for each in told["findings"]} == {"free space": "fine", "swap": "note"}
    assert [(each["name"], each["pictures_per_second"]) for each in told["networks"]] == [("centerface", 61.5)]
    assert [(each["program"], each["text"]) for each in told["warnings"]] == [("engine", "A camera is slow.")]
    assert {"section": "Analysis", "name": "pack", "value": "default", "origin": "default"} in told["settings"]


def test_only_administrators_ask_about_the_system(ask: Ask) -> None:
    assert [ask("system", role).status_code for role in (Role.MANAGER, Role.AUDITOR)] == [403, 403]
    assert ask("privacy", Role.VIEWER).status_code == 403
