"""From a limit that is reached to the destination's https address, and nothing but numbers."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.services.alert_sending import OF_USE, PAUSE, AlertSender
from appliance.settings import Alert, Destination, Sendable, Settings
from appliance.storage import alerts
from appliance.storage.database import reading
from appliance.web.alerting import AlertWatch
from appliance.web.context import WebContext
from tests.audit.webhook import Webhook, listening
from tests.web.conftest import (  # noqa: F401 - fixtures
    NOON,
    Clock,
    Engine,
    audit_entries,
    clock,
    context,
    engine,
    new_site,
    paths,
)

LIMITS = (
    Alert("till", "entrance", "hall", people=5, destination="pager"),
    Alert("quiet", "entrance", "hall", people=5),
)


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Webhook]:
    with listening(tmp_path, {"/broken": 500}) as server:
        yield server


@pytest.fixture
def alerted(context: WebContext) -> WebContext:  # noqa: F811
    return replace(context, settings=msgspec.structs.replace(context.settings, alerts=LIMITS))


def people(engine: Engine, number: int) -> None:  # noqa: F811
    engine.status = {"present": {"entrance": {"hall": number}}}


def queued(context: WebContext) -> list[tuple[str, bool]]:  # noqa: F811
    with reading(context.engine) as connection:
        return [(alert.name, alert.reached) for alert in alerts.waiting(connection)]


def sender(alerted: WebContext, webhook: Webhook, path: str = "/hook") -> AlertSender:
    place = Destination("pager", url=webhook.url(path), classes=(Sendable.METRIC,), authority=webhook.certificate)
    settings: Settings = msgspec.structs.replace(alerted.settings, destinations=(place,))
    return AlertSender(alerted.engine, alerted.paths, settings, "program:courier")


def test_a_limit_is_told_once_when_it_is_reached_and_once_when_it_is_over(
    alerted: WebContext,
    engine: Engine,  # noqa: F811
) -> None:
    watch = AlertWatch(alerted)
    for number in (4, 5, 6, 5, 4, 4, 5, 3, 3):
        people(engine, number)
        watch.look()
    assert queued(alerted) == [("till", True), ("till", False)]


def test_an_engine_that_is_away_changes_nothing(alerted: WebContext, engine: Engine) -> None:  # noqa: F811
    watch = AlertWatch(alerted)
    people(engine, 5)
    watch.look()
    AlertWatch(replace(alerted, live=alerted.live)).look()
    engine.status = {"cameras": "nonsense"}
    watch.look()
    assert queued(alerted)[0] == ("till", True)
    assert (("till", False)) not in queued(alerted)


def test_the_destination_gets_the_limit_and_no_count(alerted: WebContext, engine: Engine, webhook: Webhook) -> None:  # noqa: F811
    people(engine, 17)
    AlertWatch(alerted).look()
    sender(alerted, webhook).send_waiting(NOON)
    ((path, _, body),) = webhook.received
    facts = json.loads(body)
    assert path == "/hook"
    assert len(facts.pop("nonce")) == 32
    assert facts == {
        "site": "Corner shop",
        "alert": "till",
        "reached": True,
        "people": 5,
        "waiting_seconds": None,
        "at": "2026-11-23T12:00:00+00:00",
    }
    assert queued(alerted) == []
    (entry,) = audit_entries(alerted, "metric-delivered")
    assert (entry.event.data_class, entry.event.destination) == ("metric", "pager")


def test_one_that_can_not_be_sent_is_tried_again_and_dropped_when_it_is_of_no_use(
    alerted: WebContext,
    engine: Engine,  # noqa: F811
    webhook: Webhook,
) -> None:
    people(engine, 5)
    AlertWatch(alerted).look()
    broken = sender(alerted, webhook, "/broken")
    for moment in (NOON, NOON + PAUSE / 2, NOON + PAUSE):
        broken.send_waiting(moment)
    assert len(webhook.received) == 2
    assert queued(alerted) == [("till", True)]
    broken.send_waiting(NOON + OF_USE + timedelta(seconds=1))
    assert (len(webhook.received), queued(alerted)) == (2, [])


def test_a_destination_that_takes_no_metrics_gets_none(alerted: WebContext, engine: Engine) -> None:  # noqa: F811
    people(engine, 5)
    AlertWatch(alerted).look()
    AlertSender(alerted.engine, alerted.paths, alerted.settings, "program:courier").send_waiting(NOON)
    assert queued(alerted) == []
    assert len(audit_entries(alerted, "egress-refused")) == 1
