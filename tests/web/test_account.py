"""Log-in and log-out as a browser and the audit log see them."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from werkzeug.test import TestResponse

from appliance.storage import users
from appliance.storage.database import reading
from appliance.storage.tables import user as user_table
from appliance.web.account import ensure_administrator
from appliance.web.attempts import MOST_PER_NAME_AND_ADDRESS, WINDOW
from appliance.web.context import WebContext
from appliance.web.security import LOGIN_COOKIE, SESSION_COOKIE
from tests.web.conftest import PASSWORD, Browser, Clock, audit_entries, new_client


def log_in(client: FlaskClient, name: str = "ada", password: str = PASSWORD, address: str = "/login") -> TestResponse:
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(address).text)
    assert token
    return client.post(address, data={"name": name, "password": password, "csrf": token[1]})


def test_the_right_password_opens_the_pages(stranger: FlaskClient, context: WebContext) -> None:
    answer = log_in(stranger, address="/login?next=/audit")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/audit")
    assert stranger.get("/audit").status_code == 200
    assert [entry.event.actor for entry in audit_entries(context, "login")] == ["ada"]


def test_the_cookie_is_for_this_host_https_and_no_script(stranger: FlaskClient) -> None:
    cookie = next(line for line in log_in(stranger).headers.getlist("Set-Cookie") if SESSION_COOKIE + "=" in line)
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= attributes
    assert not any(part.startswith("Domain") for part in attributes)


def test_each_log_in_has_a_new_identifier_and_ends_the_old(browser: Browser) -> None:
    answer = log_in_again(browser)
    assert answer.status_code == 302
    fresh = browser.client.get_cookie(SESSION_COOKIE)
    assert fresh is not None
    assert fresh.value != browser.identifier
    browser.client.set_cookie(SESSION_COOKIE, browser.identifier)
    assert browser.get("/").status_code == 302


def log_in_again(browser: Browser) -> TestResponse:
    browser.client.set_cookie(LOGIN_COOKIE, "token")
    return browser.client.post("/login", data={"name": "ada", "password": PASSWORD, "csrf": "token"})


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("ada", ""), ("nobody", PASSWORD), ("", "")])
def test_wrong_is_wrong_and_does_not_say_what(
    stranger: FlaskClient, context: WebContext, name: str, password: str
) -> None:
    answer = log_in(stranger, name, password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert stranger.get("/").status_code == 302
    assert len(audit_entries(context, "login-failed")) == 1


def test_a_password_typed_as_a_name_is_not_written_down(stranger: FlaskClient, context: WebContext) -> None:
    log_in(stranger, PASSWORD, "")
    entry = audit_entries(context, "login-failed")[0]
    assert entry.event.actor == "unknown"
    assert PASSWORD not in str(entry)


def test_after_some_failures_even_the_right_password_must_wait(
    app: Flask, stranger: FlaskClient, context: WebContext, clock: Clock
) -> None:
    for _ in range(MOST_PER_NAME_AND_ADDRESS):
        assert log_in(stranger, password="wrong").status_code == 401
    answer = log_in(stranger)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= WINDOW.total_seconds()
    assert log_in(new_client(app), "bob").status_code == 302
    # What is refused without a look at the password does not fill the audit log.
    assert len(audit_entries(context, "login-failed")) == MOST_PER_NAME_AND_ADDRESS
    clock.now += WINDOW
    assert log_in(stranger).status_code == 302


def test_a_log_in_form_from_elsewhere_is_refused(stranger: FlaskClient) -> None:
    form = {"name": "ada", "password": PASSWORD, "csrf": "made-up"}
    assert stranger.post("/login", data=form).status_code == 400
    stranger.get("/login")
    assert stranger.post("/login", data=form).status_code == 400
    assert stranger.get("/").status_code == 302


def test_log_out_ends_the_session_for_good(browser: Browser, context: WebContext) -> None:
    assert browser.post("/logout").status_code == 302
    browser.client.set_cookie(SESSION_COOKIE, browser.identifier)
    assert browser.get("/").status_code == 302
    assert [entry.event.actor for entry in audit_entries(context, "logout")] == ["ada"]


def test_a_removed_user_is_logged_out(browser: Browser, context: WebContext, clock: Clock) -> None:
    assert browser.get("/").status_code == 200
    with context.engine.begin() as connection:
        users.remove(connection, "ada")
    clock.advance(seconds=15)
    assert browser.get("/").status_code == 302


def test_the_first_user_is_made_once(context: WebContext) -> None:
    with context.engine.begin() as connection:
        assert ensure_administrator(connection) is None
        connection.execute(delete(user_table))
        password = ensure_administrator(connection)
        assert ensure_administrator(connection) is None
    assert password is not None
    assert re.fullmatch(r"([a-hj-km-np-z2-9]{4}-){3}[a-hj-km-np-z2-9]{4}", password)
    with reading(context.engine) as connection:
        assert users.verify(connection, "admin", password)
