"""One's own account: the password, the sessions and the second factor, as a browser and the audit log see them."""

import re
from datetime import timedelta

import pyotp
from flask import Flask
from flask.testing import FlaskClient

from appliance.storage import second_factor, users
from appliance.storage.database import reading
from appliance.web.attempts import MOST_PER_NAME_AND_ADDRESS
from appliance.web.context import WebContext
from appliance.web.sessions import CODE_WAIT
from tests.web.conftest import PASSWORD, Browser, Clock, audit_entries, new_client, open_browser
from tests.web.test_account import log_in

NEW = "a new and longer password"


def answer_code(client: FlaskClient, code: str) -> int:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/login/code").text)
    assert token
    return client.post("/login/code", data={"code": code, "csrf": token[1]}).status_code


def set_up(context: WebContext, name: str = "ada") -> tuple[pyotp.TOTP, tuple[str, ...]]:
    secret = second_factor.new_secret()
    with context.engine.begin() as connection:
        return pyotp.TOTP(secret), second_factor.turn_on(connection, name, secret, 0)


def test_a_new_password_needs_the_present_one_and_ends_other_sessions(
    app: Flask, browser: Browser, context: WebContext
) -> None:
    other = open_browser(app, context)
    for form in (
        {"password": "wrong", "new": NEW, "again": NEW},
        {"password": PASSWORD, "new": NEW, "again": NEW + "!"},
        {"password": PASSWORD, "new": "short", "again": "short"},
        {"password": PASSWORD, "new": PASSWORD, "again": PASSWORD},
    ):
        browser.post("/account/password", **form)
    assert audit_entries(context, "password-changed") == []
    browser.post("/account/password", password=PASSWORD, new=NEW, again=NEW)
    assert "Your password is changed" in browser.get("/account").text
    assert other.get("/").status_code == 302
    with reading(context.engine) as connection:
        assert users.verify(connection, "ada", NEW)
    assert [entry.event.actor for entry in audit_entries(context, "password-changed")] == ["ada"]


def test_guessing_the_present_password_is_as_slow_as_at_the_log_in(browser: Browser, context: WebContext) -> None:
    for _ in range(MOST_PER_NAME_AND_ADDRESS):
        browser.post("/account/password", password="wrong", new=NEW, again=NEW)
    browser.post("/account/password", password=PASSWORD, new=NEW, again=NEW)
    assert audit_entries(context, "password-changed") == []


def test_a_password_changed_elsewhere_ends_the_session(
    stranger: FlaskClient, context: WebContext, clock: Clock
) -> None:
    log_in(stranger)
    assert stranger.get("/").status_code == 200
    with context.engine.begin() as connection:
        users.set_password(connection, "ada", NEW)
    clock.advance(seconds=15)
    assert stranger.get("/").status_code == 302


def test_sessions_are_listed_and_ended(app: Flask, browser: Browser, context: WebContext) -> None:
    first, second, of_bob = open_browser(app, context), open_browser(app, context), open_browser(app, context, "bob")
    page = browser.get("/account").text
    assert page.count('name="key"') == 2
    assert "This browser" in page
    browser.post("/account/session/end", key=first.session.key)
    assert (first.get("/").status_code, second.get("/").status_code) == (302, 200)
    browser.post("/account/session/end", key=of_bob.session.key)
    assert of_bob.get("/").status_code == 200
    browser.post("/account/session/end")
    assert second.get("/").status_code == 302
    assert browser.get("/").status_code == 200
    assert len(audit_entries(context, "sessions-ended")) == 3


def test_a_second_factor_is_set_up_on_the_page(browser: Browser, context: WebContext, clock: Clock) -> None:
    assert (
        "<svg" not in (wrong := browser.client.post("/account/second-factor", data={"csrf": browser.session.csrf})).text
    )
    assert wrong.status_code == 302
    page = browser.post("/account/second-factor", password=PASSWORD).text
    assert 'class="qr"' in page
    assert not re.search(r"\sstyle=", page)
    totp = pyotp.TOTP(browser.session.secret)
    assert "That code is wrong" in browser.post("/account/second-factor/confirm", code="000000x").text
    page = browser.post("/account/second-factor/confirm", code=totp.at(clock.now)).text
    assert len(re.findall(r"<li>(\w{4}-){6}\w{4}</li>", page)) == second_factor.RECOVERY_CODES
    assert totp.secret not in browser.get("/account").text
    with reading(context.engine) as connection:
        assert second_factor.is_on(connection, "ada")
    browser.post("/account/second-factor/off", password="wrong")
    browser.post("/account/second-factor/off", password=PASSWORD)
    with reading(context.engine) as connection:
        assert not second_factor.is_on(connection, "ada")
    actions = [entry.event.action for entry in audit_entries(context, "second-factor-on", "second-factor-off")]
    assert actions == ["second-factor-on", "second-factor-off"]


def test_with_a_second_factor_the_password_alone_opens_nothing(
    app: Flask, stranger: FlaskClient, context: WebContext, clock: Clock
) -> None:
    totp, codes = set_up(context)
    answer = log_in(stranger)
    assert answer.headers["Location"].startswith("/login/code")
    assert stranger.get("/").status_code == 302
    assert stranger.get("/account").status_code == 302
    assert stranger.post("/login/code", data={"code": totp.at(clock.now)}).status_code == 403
    assert audit_entries(context, "login") == []
    assert answer_code(stranger, "123456x") == 401
    assert answer_code(stranger, totp.at(clock.now)) == 302
    assert stranger.get("/").status_code == 200
    again = new_client(app)
    log_in(again)
    assert answer_code(again, totp.at(clock.now)) == 401  # seen over the shoulder: used already
    assert answer_code(again, codes[0]) == 302
    assert [entry.event.details.get("second_factor") for entry in audit_entries(context, "login")] == [
        "code",
        "recovery code",
    ]


def test_codes_cannot_be_guessed_nor_waited_for(stranger: FlaskClient, context: WebContext, clock: Clock) -> None:
    totp, _ = set_up(context)
    log_in(stranger)
    found = [answer_code(stranger, f"{number:06}") for number in range(MOST_PER_NAME_AND_ADDRESS + 1)]
    assert found[-1] == 429
    assert answer_code(stranger, totp.at(clock.now)) == 429
    clock.now += CODE_WAIT
    assert stranger.get("/login/code").headers["Location"] == "/login"


def test_a_one_time_password_opens_the_account_alone_until_it_is_changed(
    stranger: FlaskClient, context: WebContext, clock: Clock
) -> None:
    with context.engine.begin() as connection:
        users.set_password(connection, "ada", PASSWORD, clock.now + timedelta(days=7))
    log_in(stranger)
    for address in ("/", "/audit", "/live"):
        assert stranger.get(address).headers["Location"] == "/account"
    page = stranger.get("/account").text
    assert "made by somebody else" in page
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    stranger.post("/account/password", data={"csrf": token[1], "password": PASSWORD, "new": NEW, "again": NEW})
    assert stranger.get("/audit").status_code == 200


def test_a_one_time_password_is_not_good_for_ever(stranger: FlaskClient, context: WebContext, clock: Clock) -> None:
    with context.engine.begin() as connection:
        users.set_password(connection, "ada", PASSWORD, clock.now + timedelta(days=7))
    clock.advance(days=8)
    assert log_in(stranger).status_code == 401
