"""Privacy in plain words: what is kept, how anonymous it is, who looked at what, the key."""

import re
from dataclasses import replace

import pytest
from flask import Flask

from appliance.audit.log import Event, append
from appliance.settings import Anonymity, Retention, Settings
from appliance.storage.keys import fingerprint
from appliance.storage.users import Role
from appliance.web import privacy
from appliance.web.context import WebContext
from tests.web.conftest import Browser, Clock, open_browser


def text_of(browser: Browser) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", browser.get("/privacy").text).split())


def with_settings(context: WebContext, **changes: object) -> None:
    context.settings = Settings(site=context.settings.site, **changes)  # type: ignore[arg-type]  # one section each


def test_how_long_everything_is_kept_is_what_the_settings_say(browser: Browser, context: WebContext) -> None:
    with_settings(context, retention=Retention(metrics_months=7, log_months=1, report_months=48))
    page = text_of(browser)
    for words in ("Counts 7 months", "The log of who did what 1 month ", "Reports 48 months"):
        assert words in page
    assert page.count("Never") == 3


def test_no_class_of_data_is_left_out() -> None:
    kept = privacy.describe_kept(Settings())
    assert len(kept) == 8
    assert all(each.what and each.how_long and each.protection.endswith(".") for each in kept)


@pytest.mark.parametrize(
    ("settings", "sentences"),
    [
        (Anonymity(epsilon=2.0), ["epsilon 2", "more than 7.4 times as likely"]),
        (Anonymity(epsilon=0.1), ["epsilon 0.1", "more than 1.1 times as likely"]),
        (Anonymity("threshold", k=9), ["fewer than 9 were counted"]),
        (Anonymity("off", reason="A test of the doors"), ["anonymity is off", "Reason given: A test of the doors"]),
    ],
)
def test_the_mode_and_its_budget_are_said_in_plain_words(
    browser: Browser, context: WebContext, settings: Anonymity, sentences: list[str]
) -> None:
    with_settings(context, anonymity=settings)
    page = text_of(browser)
    assert all(sentence in page for sentence in sentences)


def note(context: WebContext, *events: Event) -> None:
    with context.engine.begin() as connection:
        for event in events:
            append(connection, event, context.clock())


LOOK = Event("bob", "view-opened", "entrance", details={"reason": "Looking into a technical fault"})
EXPORT = Event("bob", "counts-downloaded", "counts-2026.csv", "metric", 812)


def test_who_looked_at_what_and_why(browser: Browser, context: WebContext) -> None:
    note(context, LOOK, EXPORT, Event("bob", "login", "bob"))
    page = text_of(browser)
    assert "1 live view, 1 file taken away or sent." in page
    assert "bob Live view opened entrance, Looking into a technical fault" in page
    assert "bob Counts downloaded counts-2026.csv, 812 bytes" in page
    assert "Logged in as ada" in page
    assert "Logged in bob" not in page


def test_a_manager_sees_how_often_and_not_who(app: Flask, context: WebContext) -> None:
    note(context, LOOK, EXPORT)
    page = text_of(open_browser(app, context, "max", Role.MANAGER))
    assert "1 live view, 1 file taken away or sent." in page
    assert "bob" not in page


def test_an_auditor_finds_it_and_redacts_nothing(app: Flask, context: WebContext) -> None:
    auditor = open_browser(app, context, "ida", Role.AUDITOR)
    note(context, LOOK)
    page = auditor.get("/privacy").text
    assert "Looking into a technical fault" in page
    assert "/privacy/redact" not in page
    assert "/reports/key" in page
    assert "/reports/sign" in page


def test_what_is_older_than_a_month_is_not_counted(browser: Browser, context: WebContext, clock: Clock) -> None:
    note(context, LOOK)
    clock.advance(days=31)
    fresh = open_browser(browser.client.application, context)
    assert "0 live views" in text_of(fresh)


def test_more_than_fits_is_told(browser: Browser, context: WebContext) -> None:
    note(context, *[replace(LOOK, subject=f"camera {number}") for number in range(privacy.MOST_SHOWN + 2)])
    assert "2 more are in the audit log." in text_of(browser)


def test_the_key_s_fingerprint_stands_there(browser: Browser, context: WebContext) -> None:
    assert fingerprint(context.site.public_key) in browser.get("/privacy").text
