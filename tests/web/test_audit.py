"""The audit page shows what happened and whether the log holds."""

import hashlib
import re
import threading
from html import unescape

import pytest
from sqlalchemy import text

from appliance.audit import checkpoint, log
from appliance.audit.log import ACTIONS, Event, append
from appliance.audit.proof import check_entry
from appliance.storage.database import reading
from appliance.web import audit_seal
from appliance.web.audit import ACTION_WORDS, ENTRIES_A_PAGE
from appliance.web.context import Seal, WebContext
from tests.web.conftest import NOON, Browser, Clock, audit_entries, wait_until


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


def found(browser: Browser, **search: str) -> list[str]:
    """Subjects of the entries that a search shows."""
    return re.findall(r'<td class="details">([^<]*)', browser.get("/audit", query_string=search).text)


def test_what_an_entry_says_is_found_and_its_form_is_not(browser: Browser, context: WebContext) -> None:
    with context.engine.begin() as connection:
        append(connection, Event("Zoë", "camera-added", "entrance"), NOON)
        append(connection, Event("bob", "report-downloaded", "week.pdf", "report", 7, "ab12" * 16, "browser"), NOON)
        append(connection, Event("bob", "settings-changed", "site", details={"change": 'name "Corner"'}), NOON)
    assert found(browser, q="zoë") == ["entrance"]
    assert found(browser, q="ZO") == ["entrance"]
    assert found(browser, q="ab12AB12") == ["week.pdf"]
    assert found(browser, q='"corner"') == ["site"]
    assert found(browser, q="BOB", action="settings-changed") == ["site"]
    assert found(browser, q="canonical") == found(browser, q="data_class") == found(browser, q="%") == []
    assert "No entry fits the search." in browser.get("/audit?q=%25").text


def test_days_are_the_sites_and_nonsense_is_left_out(browser: Browser, context: WebContext) -> None:
    with context.engine.begin() as connection:
        # In Paris the next day has begun.
        for hour, name in ((22, "sunday"), (23, "monday")):
            append(connection, Event("ada", "camera-added", name), NOON.replace(day=22, hour=hour))
    assert found(browser, first="2026-11-23", last="2026-11-23") == ["monday"]
    assert found(browser, last="2026-11-22") == ["sunday"]
    for nonsense in ("x", "9999-12-31", "0001-01-01"):
        assert found(browser, first=nonsense, last=nonsense) == ["monday", "sunday"]


def test_the_next_page_keeps_the_search(browser: Browser, context: WebContext) -> None:
    fill(context, ENTRIES_A_PAGE + 3)
    with context.engine.begin() as connection:
        append(connection, Event("bob", "logout", "bob"), NOON)
    page = browser.get("/audit?q=camera-&action=camera-added").text
    (older,) = re.findall(r'href="([^"]+)" rel="next"', page)
    assert re.findall(r"camera-\d{3}", browser.get(unescape(older)).text) == ["camera-002", "camera-001", "camera-000"]


def test_an_entry_has_its_proof_that_holds_elsewhere(browser: Browser, context: WebContext) -> None:
    fill(context, 3)
    page = browser.get("/audit/entry/1").text
    assert "No checkpoint covers this entry yet" in page
    answer = browser.get("/audit/entry/1/proof")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    proven = check_entry(answer.text, context.site.public_key)
    assert (proven.number, '"camera-001"' in proven.text) == (1, True)
    page = browser.get("/audit/entry/1").text
    assert "Proven: this entry is as it was written" in page
    assert unescape(page).count(proven.text) == 1
    assert answer.text.splitlines()[1] in unescape(page)
    # The log was signed once for it, with an entry that says so.
    assert browser.get("/audit/entry/1/proof").text == answer.text
    assert len(audit_entries(context, "checkpoint-signed")) == 1


def test_a_changed_entry_is_not_proven(browser: Browser, context: WebContext) -> None:
    fill(context, 3)
    browser.get("/audit/checkpoint")
    with context.engine.begin() as connection:
        connection.execute(text("UPDATE audit_entry SET entry = replace(entry, 'camera-001', 'camera-009')"))
    page = browser.get("/audit/entry/1").text
    assert "The proof does not hold" in page
    assert "Proven" not in page


@pytest.mark.parametrize("number", ["3", "-1", "x", str(2**53), str(2**70)])
def test_an_entry_that_is_not_there_is_not_found(browser: Browser, context: WebContext, number: str) -> None:
    fill(context, 3)
    assert browser.get(f"/audit/entry/{number}").status_code == 404
    assert browser.get(f"/audit/entry/{number}/proof").status_code == 404


def test_a_long_log_keeps_no_page_waiting(
    browser: Browser, context: WebContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(context, 3)
    monkeypatch.setattr(audit_seal, "AT_ONCE", 2)
    go_on, verify = threading.Event(), audit_seal.verify_log

    def later(context: WebContext) -> Seal:
        assert go_on.wait(60)
        return verify(context)

    monkeypatch.setattr(audit_seal, "verify_log", later)
    page = browser.get("/audit").text
    assert "All 3 entries are being verified" in page
    assert 'data-progress="/audit/progress"' in page
    browser.post("/audit/verify")
    assert browser.get("/audit/progress").json == {"step": "The log is being verified."}
    go_on.set()
    wait_until(lambda: browser.get("/audit/progress").json == {"step": None})
    assert "The log is whole" in browser.get("/audit").text
