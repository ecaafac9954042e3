"""The audit page shows what happened and whether the log holds."""

import hashlib
import re

import pytest
from sqlalchemy import text

from appliance.audit import checkpoint, log
from appliance.audit.log import ACTIONS, Event, append
from appliance.storage.database import reading
from appliance.web.audit import ACTION_WORDS, ENTRIES_A_PAGE
from appliance.web.context import WebContext
from tests.web.conftest import NOON, Browser, Clock, audit_entries


def fill(context: WebContext, number: int) -> None:
    with context.engine.begin() as connection:
        for index in range(number):
            append(connection, Event("ada", "camera-added", f"camera-{index:03}"), NOON)


def test_every_action_has_words() -> None:
    assert set(ACTION_WORDS) == set(ACTIONS)


def test_newest_first_and_older_on_the_next_page(browser: Browser, context: WebContext) -> None:
    fill(context, ENTRIES_A_PAGE + 3)
    first = re.findall(r"camera-\d{3}", browser.get("/audit").text)
    assert first == [f"camera-{index:03}" for index in range(ENTRIES_A_PAGE + 2, 2, -1)]
    assert re.findall(r"camera-\d{3}", browser.get("/audit?page=2").text) == ["camera-002", "camera-001", "camera-000"]


@pytest.mark.parametrize("page", ["0", "-5", "x", "99999999999999999999"])
def test_pages_that_do_not_exist_are_harmless(browser: Browser, page: str) -> None:
    assert browser.get(f"/audit?page={page}").status_code == 200


def test_one_action_only(browser: Browser, context: WebContext) -> None:
    fill(context, 2)
    with context.engine.begin() as connection:
        append(connection, Event("bob", "logout", "bob"), NOON)
    assert "camera-001" in browser.get("/audit?action=camera-added").text
    assert "camera-001" not in browser.get("/audit?action=logout").text
    assert "camera-001" in browser.get("/audit?action=nonsense").text


def test_times_are_the_sites(browser: Browser, context: WebContext) -> None:
    fill(context, 1)
    assert "23 Nov 2026, 13:00:00" in browser.get("/audit").text


def test_what_was_typed_is_text_and_not_markup(browser: Browser, context: WebContext) -> None:
    with context.engine.begin() as connection:
        append(connection, Event("<script>x</script>", "login", "<b>", details={"reason": "<i>"}), NOON)
    page = browser.get("/audit").text
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_a_whole_log_is_said_to_be_whole(browser: Browser, context: WebContext) -> None:
    fill(context, 3)
    assert "The log is whole" in browser.get("/audit").text


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit_entry SET entry = replace(entry, 'camera-001', 'camera-009') WHERE number = 1",
        "DELETE FROM audit_entry WHERE number = 1",
    ],
)
def test_a_changed_log_is_found_when_asked(browser: Browser, context: WebContext, damage: str) -> None:
    fill(context, 3)
    assert "The log is whole" in browser.get("/audit").text
    with context.engine.begin() as connection:
        connection.execute(text(damage))
    browser.post("/audit/verify")
    page = browser.get("/audit").text
    assert "The log does not hold" in page
    assert "Entry " in page


def test_a_changed_log_is_found_unasked_after_a_while(browser: Browser, context: WebContext, clock: Clock) -> None:
    fill(context, 3)
    assert "The log is whole" in browser.get("/audit").text
    with context.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_entry WHERE number = 2"))
    clock.advance(minutes=11)
    assert "The log does not hold" in browser.get("/audit").text


def test_entries_cut_off_the_end_are_missed(browser: Browser, context: WebContext) -> None:
    fill(context, 3)
    assert "The log is whole" in browser.get("/audit").text
    with context.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_entry WHERE number = 2"))
    browser.post("/audit/verify")
    assert "The log does not hold" in browser.get("/audit").text


def test_a_checkpoint_is_signed_over_the_log_as_it_is(browser: Browser, context: WebContext) -> None:
    fill(context, 3)
    answer = browser.get("/audit/checkpoint")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    signed = checkpoint.read(answer.text, context.site.public_key)
    with reading(context.engine) as connection:
        assert signed.size == 3
        assert signed.root == log.root(connection, 3)
    event = audit_entries(context, "checkpoint-downloaded")[0].event
    assert (event.actor, event.byte_count) == ("ada", len(answer.data))
    assert event.sha256 == hashlib.sha256(answer.data).hexdigest()
