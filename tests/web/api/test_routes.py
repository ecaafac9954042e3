"""What each operation says, and to whom."""

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from flask import Flask

from appliance.audit import checkpoint, log
from appliance.audit.log import Event, append
from appliance.audit.proof import check_entry, check_growth
from appliance.reports.exploration import SUBJECTS
from appliance.storage import measurements, tokens
from appliance.storage.database import reading
from appliance.storage.measurements import MeasurementRow
from appliance.storage.users import Role
from appliance.web.api import shapes
from appliance.web.context import WebContext
from tests.web.api.conftest import Ask
from tests.web.conftest import NOON, Browser, Clock, Engine, audit_entries, new_client, open_browser


def store(context: WebContext, direction: str, value: float, start: datetime = NOON - timedelta(hours=2)) -> None:
    row = MeasurementRow(start, 900, "entrance", "crossings", "door", "person", direction, value)
    with context.engine.begin() as connection:
        measurements.add_bucket(connection, [row])


def test_the_day_and_any_measure_by_any_unit(ask: Ask, context: WebContext) -> None:
    store(context, "in", 12)
    store(context, "out", 5)
    today = ask("today").get_json()
    assert (today["entered"]["value"], today["left"]["value"], today["engine_running"]) == (12, 5, False)
    assert [hour["start"] for hour in today["hours"] if hour["entered"]["value"]] == ["2026-11-23T10:00:00Z"]
    for where in ("", "&camera=entrance", "&camera=entrance&place=door"):
        counts = ask(f"counts?measure=in&first=2026-11-22&last=2026-11-23{where}").get_json()
        assert [point["number"]["value"] for point in counts["points"]] == [None, 12]
        assert counts["whole"] == {"value": 12, "margin": 0, "at_least": False}


def test_every_measure_can_be_asked_for_vehicles_by_label_too(ask: Ask, context: WebContext) -> None:
    assert set(get_args(shapes.Measure)) == set(SUBJECTS)
    with context.engine.begin() as connection:
        for name, value in (("truck-in", 3.0), ("car-in", 30.0)):
            start = NOON - timedelta(hours=2)
            row = MeasurementRow(start, 900, "entrance", "crossings_by_label", "door", "vehicle", name, value)
            measurements.add_bucket(connection, [row])
    for where in ("", "&camera=entrance&place=door"):
        counts = ask(f"counts?measure=truck-in&first=2026-11-23&last=2026-11-23{where}").get_json()
        assert (counts["told_in"], counts["whole"]["value"]) == ("vehicles", 3)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "measure=in&first=2026-11-23",
        "measure=faces&first=2026-11-23&last=2026-11-23",
        "measure=in&first=2026-11-23&last=2026-11-22",
        "measure=in&first=2026-11-23&last=2026-11-24",
        "measure=in&first=0001-01-01&last=0001-01-01",
        "measure=in&first=2026-11-01&last=2026-11-23&unit=quarter",
        "measure=in&first=2026-11-23&last=2026-11-23&camera=elsewhere",
        "measure=in&first=2026-11-23&last=2026-11-23&camera=entrance&place=hall",
        "measure=in&first=2026-11-23&last=2026-11-23&place=door",
        "measure=in&first=2026-11-23&last=2026-11-23&colour=red",
    ],
)
def test_a_query_that_makes_no_sense_gets_a_sentence(ask: Ask, query: str) -> None:
    answer = ask(f"counts?{query}")
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert answer.get_json()["detail"].endswith(".")


def test_cameras_health(ask: Ask, engine: Engine) -> None:
    engine.status = {"cameras": [{"name": "entrance", "state": "streaming", "width": 64, "height": 48}]}
    (camera,) = ask("cameras", Role.VIEWER).get_json()["cameras"]
    assert (camera["name"], camera["works"], camera["width"], camera["lines"]) == ("entrance", True, 64, ["door"])


def test_entries_checkpoint_and_proofs(ask: Ask, context: WebContext) -> None:
    with context.engine.begin() as connection:
        for number in range(5):
            append(connection, Event("ada", "login", f"user {number}"), NOON)
    found = ask("audit/entries?action=login&newest_first=false&limit=2&offset=1").get_json()
    assert [entry["subject"] for entry in found["entries"]] == ["user 1", "user 2"]
    first = ask("audit/checkpoint").text
    key = context.site.public_key
    assert checkpoint.read(first, key).origin == context.site.origin
    number = found["entries"][0]["number"]
    proven = check_entry(ask(f"audit/entries/{number}/proof").text, key)
    assert json.loads(proven.text)["subject"] == "user 1"
    newest = audit_entries(context)[-1].number
    assert check_entry(ask(f"audit/entries/{newest}/proof").text, key).number == newest
    old, new = check_growth(ask(f"audit/growth?size={checkpoint.read(first, key).size}").text, key)
    assert old.size < new.size
    assert ask("audit/growth?size=1").status_code == 404
    assert ask("audit/entries/100000/proof").status_code == 404
    assert ask("audit/verification").get_json()["holds"] is True


def test_a_token_may_what_its_role_may(ask: Ask) -> None:
    allowed = {
        "today": {Role.MANAGER, Role.ADMINISTRATOR},
        "counts?measure=in&first=2026-11-23&last=2026-11-23": {Role.MANAGER, Role.ADMINISTRATOR},
        "cameras": {Role.MANAGER, Role.VIEWER, Role.INSTALLER, Role.ADMINISTRATOR},
        "reports": {Role.MANAGER, Role.AUDITOR, Role.ADMINISTRATOR},
        "audit/entries": {Role.AUDITOR, Role.ADMINISTRATOR},
        "openapi.json": set(Role),
    }
    for address, roles in allowed.items():
        assert {role: ask(address, role).status_code for role in Role} == {
            role: 200 if role in roles else 403 for role in Role
        }


def test_without_a_good_token_there_is_nothing(app: Flask, context: WebContext, clock: Clock) -> None:
    with context.engine.begin() as connection:
        secret = tokens.add(connection, "till", Role.AUDITOR, NOON + timedelta(days=1), NOON)
    client = new_client(app)

    def status(given: str, address: str = "/api/v1/reports") -> int:
        return client.get(address, headers={"Authorization": given}).status_code

    assert status(f"Bearer {secret}") == 200
    for given in ("", "Bearer", "Bearer x", f"Bearer {secret}x", f"Basic {secret}", secret, "Bearer " + "x" * 5000):
        assert status(given) == 401
    assert client.get("/api/v1/reports").headers["WWW-Authenticate"] == "Bearer"
    # A token opens no page, and a changed or past one nothing.
    assert status(f"Bearer {secret}", "/audit") == 302
    clock.advance(days=2)
    assert status(f"Bearer {secret}") == 401


def test_a_bad_token_beside_a_good_session_is_refused(browser: Browser) -> None:
    assert browser.get("/api/v1/reports").status_code == 200
    assert browser.get("/api/v1/reports", headers={"Authorization": "Bearer x"}).status_code == 401


def test_uses_are_logged_by_the_hour_and_downloads_each(ask: Ask, context: WebContext, clock: Clock) -> None:
    for _ in range(3):
        ask("reports")
    ask("today", Role.VIEWER)
    assert [(entry.event.actor, entry.event.subject) for entry in audit_entries(context, "token-used")] == [
        ("token:till as administrator", "api.reports")
    ]
    clock.advance(hours=1)
    ask("reports")
    ask("audit/checkpoint")
    ask("audit/checkpoint")
    assert len(audit_entries(context, "token-used")) == 3
    downloads = audit_entries(context, "checkpoint-downloaded")
    assert [(each.event.actor, each.event.destination) for each in downloads] == [
        ("token:till as administrator", "api")
    ] * 2


def test_what_is_not_there_is_said_in_json(ask: Ask) -> None:
    for address, method, status in (("nothing", "GET", 404), ("today", "POST", 405), ("reports/none/pdf", "GET", 404)):
        answer = ask(address, method=method)
        assert (answer.status_code, answer.get_json()["status"]) == (status, status)
    assert set(ask("today", method="POST").headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_session_of_a_page_may_ask_too(app: Flask, context: WebContext) -> None:
    auditor = open_browser(app, context, "bob", Role.AUDITOR)
    assert auditor.get("/api/v1/audit/entries").status_code == 200
    assert auditor.get("/api/v1/today").status_code == 403
    with reading(context.engine) as connection:
        assert log.count(connection, ["token-used"]) == 0


def test_moments_far_away_are_refused(ask: Ask) -> None:
    assert ask("audit/entries?start=0001-01-01T00:00:00%2B14:00").status_code == 400
    start = datetime(2026, 11, 23, tzinfo=UTC).isoformat().replace("+", "%2B")
    assert ask(f"audit/entries?start={start}").status_code == 200
