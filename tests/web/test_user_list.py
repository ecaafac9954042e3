"""The page of users, as an administrator, the users and the audit log see it."""

import re

from flask import Flask
from flask.testing import FlaskClient

from appliance.storage import second_factor, users
from appliance.storage.database import reading
from appliance.storage.users import Role
from appliance.web.context import WebContext
from tests.web.conftest import PASSWORD, Browser, audit_entries, open_browser
from tests.web.test_account import log_in


def find(context: WebContext, name: str) -> users.User | None:
    with reading(context.engine) as connection:
        return users.find(connection, name)


def shown_password(page: str) -> str:
    found = re.search(r'<strong class="mono">([^<]+)</strong>', page)
    assert found
    return found[1]


def test_somebody_is_added_with_a_password_that_is_shown_once(
    browser: Browser, stranger: FlaskClient, context: WebContext
) -> None:
    password = shown_password(browser.post("/system/users", name="cleo", role="viewer").text)
    assert password not in browser.get("/system/users").text
    added = find(context, "cleo")
    assert added is not None
    assert added.role is Role.VIEWER
    assert log_in(stranger, "cleo", password).status_code == 302
    assert stranger.get("/live").headers["Location"] == "/account"
    (entry,) = audit_entries(context, "user-added")
    assert (entry.event.actor, entry.event.subject, entry.event.details) == ("ada", "cleo", {"role": "viewer"})
    assert password not in str(entry)


def test_what_cannot_be_done_is_said_and_changes_nothing(browser: Browser, context: WebContext) -> None:
    before = len(audit_entries(context))
    for address, form in (
        ("", {"name": "bob", "role": "viewer"}),
        ("", {"name": "cleo", "role": "king"}),
        ("", {"name": "", "role": "viewer"}),
        ("/role", {"name": "nobody", "role": "viewer"}),
        ("/role", {"name": "bob", "role": ""}),
        ("/password", {"name": "nobody"}),
        ("/password", {"name": "ada"}),
        ("/second-factor", {"name": "nobody"}),
        ("/sign-out", {"name": "nobody"}),
        ("/remove", {"name": "nobody"}),
        ("/remove", {"name": "ada"}),
    ):
        assert browser.post(f"/system/users{address}", **form).status_code == 302
        assert 'class="notice warn"' in browser.get("/system/users").text
    assert len(audit_entries(context)) == before


def test_a_role_is_changed_at_once_but_never_the_last_administrators(
    app: Flask, browser: Browser, context: WebContext
) -> None:
    bob = open_browser(app, context, "bob")
    browser.post("/system/users/role", name="bob", role="auditor")
    assert (bob.get("/system/users").status_code, bob.get("/audit").status_code) == (403, 200)
    browser.post("/system/users/role", name="ada", role="viewer")
    assert "last administrator" in browser.get("/system/users").text


def test_a_forgotten_password_and_a_lost_device(app: Flask, browser: Browser, context: WebContext) -> None:
    bob = open_browser(app, context, "bob")
    with context.engine.begin() as connection:
        second_factor.turn_on(connection, "bob", second_factor.new_secret(), 0)
    assert "Second factor off" in browser.get("/system/users").text
    browser.post("/system/users/second-factor", name="bob")
    assert bob.get("/").status_code == 302
    password = shown_password(browser.post("/system/users/password", name="bob").text)
    with reading(context.engine) as connection:
        assert not second_factor.is_on(connection, "bob")
        assert users.verify(connection, "bob", password)
        assert not users.verify(connection, "bob", PASSWORD)
    subjects = {entry.event.action for entry in audit_entries(context) if entry.event.subject == "bob"}
    assert subjects >= {"second-factor-off", "password-changed"}


def test_signing_out_and_removing_end_every_session(app: Flask, browser: Browser, context: WebContext) -> None:
    first = open_browser(app, context, "bob")
    browser.post("/system/users/sign-out", name="bob")
    assert first.get("/").status_code == 302
    second = open_browser(app, context, "bob")
    browser.post("/system/users/remove", name="bob")
    assert second.get("/").status_code == 302
    assert find(context, "bob") is None
    assert [entry.event.action for entry in audit_entries(context)][-2:] == ["sessions-ended", "user-removed"]
