"""Destinations at an https address, on a real TLS server: one request, nothing but it, and no token in the log."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection

from appliance.audit import log
from appliance.audit.egress import OUTCOMES, DeliveryFailed, EgressRefused, Sendable, policy_for, send, settle
from appliance.audit.log import Event, append
from appliance.settings import Destination
from appliance.storage.database import reading
from appliance.storage.site import Site
from tests.audit.webhook import Webhook, listening

ALERT = json.dumps({"zone": "till", "waiting": 7}).encode()
TOKEN = "s3cret-token"
ACTOR = "program:courier"


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Webhook]:
    with listening(tmp_path, {"/moved": 302, "/broken": 500}) as server:
        yield server


class Broken(Exception):
    """What a caller's own note raises in these tests."""


def alert(site: Site, destination: Destination) -> None:
    send(site.engine, policy_for((destination,)), Sendable.METRIC, destination.name, "alert.json", ALERT, ACTOR)


def place(webhook: Webhook, path: str = "/hook", authority: bool = True) -> Destination:
    trusted = webhook.certificate if authority else None
    return Destination("pager", url=webhook.url(path), classes=(Sendable.METRIC,), authority=trusted)


def actions(site: Site) -> list[str]:
    with reading(site.engine) as connection:
        return [entry.event.action for entry in log.entries(connection)]


def test_an_alert_is_posted_once_as_json(site: Site, webhook: Webhook) -> None:
    alert(site, place(webhook, f"/hook?key={TOKEN}"))
    ((path, headers, body),) = webhook.received
    assert (path, body) == (f"/hook?key={TOKEN}", ALERT)
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Disposition"] == 'attachment; filename="alert.json"'
    assert actions(site) == ["delivery-started", "metric-delivered"]


@pytest.mark.parametrize(("path", "reason"), [("/moved", "it answered 302"), ("/broken", "it answered 500")])
def test_another_answer_is_a_failure_and_no_redirection_is_followed(
    site: Site, webhook: Webhook, path: str, reason: str
) -> None:
    with pytest.raises(DeliveryFailed, match=reason):
        alert(site, place(webhook, path))
    assert [each[0] for each in webhook.received] == [path]
    assert actions(site) == ["delivery-started", "delivery-failed"]


def test_a_certificate_that_nobody_vouches_for_gets_nothing(site: Site, webhook: Webhook) -> None:
    with pytest.raises(DeliveryFailed, match="certificate"):
        alert(site, place(webhook, authority=False))
    assert webhook.received == []


def test_a_proxy_of_the_environment_is_not_used(site: Site, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        alert(site, place(webhook))
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert len(webhook.received) == 1


def test_no_failure_repeats_the_address(site: Site, free_port: int) -> None:
    """An address of a webhook usually holds a token."""
    destination = Destination("pager", url=f"https://localhost:{free_port}/{TOKEN}", classes=(Sendable.METRIC,))
    with pytest.raises(DeliveryFailed) as failure:
        alert(site, destination)
    assert TOKEN not in str(failure.value)
    with reading(site.engine) as connection:
        texts = [log.entry_text(connection, number) for number in range(log.size(connection))]
    assert len(texts) == 2
    assert not any(TOKEN in text for text in texts)


def test_a_class_goes_only_where_it_may(site: Site, webhook: Webhook) -> None:
    reports_only = Destination("pager", url=webhook.url("/"), authority=webhook.certificate)
    with pytest.raises(EgressRefused, match="metric"):
        alert(site, reports_only)
    assert webhook.received == []
    assert actions(site) == ["egress-refused"]


def test_the_callers_note_stands_with_the_entry_or_neither_does(site: Site, webhook: Webhook) -> None:
    destination = place(webhook)

    def note(connection: Connection) -> None:
        append(connection, Event("test", "login", "the note"))
        raise Broken

    policy = policy_for((destination,))
    with pytest.raises(Broken):
        send(site.engine, policy, Sendable.METRIC, "pager", "alert.json", ALERT, ACTOR, then=note)
    assert actions(site) == ["delivery-started"]
    assert settle(site.engine, ACTOR) == 1
    with reading(site.engine) as connection:
        started, unknown = log.entries(connection)
    assert (unknown.event.action, unknown.event.details["started"]) == ("delivery-unknown", started.number)
    assert unknown.event.sha256 == started.event.sha256
    assert settle(site.engine, ACTOR) == 0


def test_every_start_has_at_most_one_outcome(site: Site, webhook: Webhook) -> None:
    for path in ("/hook", "/broken", "/hook"):
        try:
            alert(site, place(webhook, path))
        except DeliveryFailed:
            continue
    assert settle(site.engine, ACTOR) == 0
    with reading(site.engine) as connection:
        found = log.entries(connection)
    starts = [entry.number for entry in found if entry.event.action == "delivery-started"]
    ends = [entry.event.details["started"] for entry in found if entry.event.action in OUTCOMES]
    assert starts == ends


@pytest.mark.parametrize("data_class", ["raw-frame", "redacted-frame", "log", "configuration", ""])
def test_the_settings_can_give_a_frame_no_destination(data_class: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value"):
        msgspec.convert({"name": "a", "folder": None, "url": "https://a/", "classes": [data_class]}, Destination)


@pytest.mark.parametrize(
    "url",
    ["http://a/", "https://", "https://user@a/", "https://u:p@a/", "https://a/#b", "ftp://a", "https://a:x/", "a"],
)
def test_an_address_must_be_plain_https(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"must be like https://host/path|either"):
        msgspec.convert({"name": "a", "url": url}, Destination)


@pytest.mark.parametrize("where", [{}, {"folder": "/mnt", "url": "https://a/"}])
def test_a_destination_is_a_folder_or_an_address(where: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError, match="either a folder or a url"):
        msgspec.convert({"name": "a", **where}, Destination, dec_hook=lambda kind, value: kind(value))


def test_loading_what_speaks_to_destinations_asks_for_nothing() -> None:
    """Some libraries run programs or bind sockets when they are imported; the courier's guard would record that."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.audit.quiet_imports"], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout == ""
