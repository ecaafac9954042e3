"""The pages in four languages."""

from dataclasses import replace

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.web.application import create_app
from appliance.web.context import WebContext
from appliance.web.wording import LANGUAGE_COOKIE
from tests.web.conftest import Browser, new_client


def language_of(page: str) -> str:
    return page.split('<html lang="')[1].split('"')[0]


@pytest.mark.parametrize(
    ("accepted", "language", "heading"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Anmelden"),
        ("pt-BR, fr;q=0.7, en;q=0.3", "fr", "Se connecter"),
        ("es-419", "es", "Iniciar sesión"),
        ("en-US", "en", "Log in"),
        ("ja", "en", "Log in"),
    ],
)
def test_a_page_speaks_the_language_that_the_browser_asks_for(
    stranger: FlaskClient, accepted: str, language: str, heading: str
) -> None:
    page = stranger.get("/login", headers={"Accept-Language": accepted}).text
    assert language_of(page) == language
    assert f"<h1>{heading}</h1>" in page


def test_a_browser_that_asks_for_none_of_them_gets_the_language_of_the_site(context: WebContext) -> None:
    settings = msgspec.structs.replace(
        context.settings, site=msgspec.structs.replace(context.settings.site, language="fr")
    )
    stranger = new_client(create_app(replace(context, settings=settings)))
    assert language_of(stranger.get("/login").text) == "fr"
    assert language_of(stranger.get("/login", headers={"Accept-Language": "ja"}).text) == "fr"
    assert language_of(stranger.get("/login", headers={"Accept-Language": "de"}).text) == "de"


def test_a_choice_holds_from_then_on(browser: Browser) -> None:
    answer = browser.post("/language", language="es", next="/reports")
    assert answer.location == "/reports"
    page = browser.get("/reports", headers={"Accept-Language": "de"}).text
    assert language_of(page) == "es"
    assert browser.post("/language", language="en").location == "/"
    assert language_of(browser.get("/reports").text) == "en"


def test_a_choice_can_be_made_before_the_log_in(stranger: FlaskClient) -> None:
    token = stranger.get("/login").text.split('name="csrf" value="')[1].split('"')[0]
    answer = stranger.post("/language", data={"language": "de", "next": "/login", "csrf": token})
    assert answer.location == "/login"
    assert language_of(stranger.get("/login").text) == "de"


def test_a_choice_needs_the_token_and_a_language_that_there_is(browser: Browser, app: Flask) -> None:
    assert new_client(app).post("/language", data={"language": "de", "csrf": "guess"}).status_code == 403
    assert browser.client.post("/language", data={"language": "de"}).status_code == 403
    assert browser.post("/language", language="tlh").status_code == 400
    assert browser.client.get_cookie(LANGUAGE_COOKIE) is None
    assert browser.post("/language", language="de", next="https://elsewhere.example/").location == "/"
