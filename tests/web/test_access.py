"""Without log-in there is nothing to see, and no page lets a browser do more than it must."""

import re
import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.settings import Web
from appliance.web.application import create_app
from appliance.web.certificate import find_names, load_or_make
from appliance.web.context import WebContext
from appliance.web.roles import Permission, allows
from appliance.web.security import OPEN_ENDPOINTS, POLICY, safe_next
from tests.web.conftest import Browser, Clock, new_client

ADDRESSES_WITHOUT_LOG_IN = {"/login", "/login/code", "/authority.crt", "/language", "/static/", "/health", "/notice"}


def addresses(app: Flask) -> list[tuple[str, str]]:
    """Every address of the application with every method, placeholders filled in."""
    return [
        (method, re.sub(r"<[^>]+>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint not in OPEN_ENDPOINTS
    ]


def test_every_address_needs_log_in(app: Flask, stranger: FlaskClient) -> None:
    asked = addresses(app)
    assert len(asked) >= 12
    for method, address in asked:
        answer = stranger.open(address, method=method)
        if method == "GET" and not address.startswith("/api/"):
            assert answer.status_code == 302, address
            assert answer.headers["Location"].startswith("/login"), address
        else:
            assert answer.status_code == 401, address


def test_open_addresses_are_these_only(app: Flask) -> None:
    found = {rule.rule.split("<")[0] for rule in app.url_map.iter_rules() if rule.endpoint in OPEN_ENDPOINTS}
    assert found == ADDRESSES_WITHOUT_LOG_IN


def test_a_script_without_log_in_gets_a_status_not_a_page(stranger: FlaskClient) -> None:
    answer = stranger.get("/live/1/frame", headers={"Sec-Fetch-Dest": "empty"})
    assert (answer.status_code, answer.data) == (401, b"")


def test_a_stranger_cannot_tell_which_addresses_exist(stranger: FlaskClient) -> None:
    assert stranger.get("/nothing/here").status_code == stranger.get("/reports").status_code


def test_every_change_needs_the_sessions_token(app: Flask, browser: Browser) -> None:
    changes = [address for method, address in addresses(app) if method == "POST"]
    assert len(changes) >= 4
    for address in changes:
        assert browser.client.post(address).status_code == 403
        assert browser.client.post(address, data={"csrf": "guess"}).status_code == 403


def test_the_token_of_another_session_is_refused(app: Flask, browser: Browser) -> None:
    from appliance.web.context import context_of
    from tests.web.conftest import open_browser

    other = open_browser(app, context_of(app), "bob")
    assert browser.client.post("/logout", data={"csrf": other.session.csrf}).status_code == 403


@pytest.mark.parametrize("address", ["/", "/live", "/reports", "/audit", "/api/today", "/nothing", "/login", "/health"])
def test_headers(browser: Browser, stranger: FlaskClient, address: str) -> None:
    for client in (browser.client, stranger):
        headers = client.get(address).headers
        assert headers["Content-Security-Policy"] == POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_only_https_is_spoken_with_this_machine_by_its_name(stranger: FlaskClient) -> None:
    name = find_names().names[1]
    there = stranger.get("/login", base_url=f"https://{name}:8443")
    assert there.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "Strict-Transport-Security" not in stranger.get("/login").headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8443", "localhost.evil.example", "", "[evil]", "127.0.0.1.x"]
)
def test_a_foreign_name_reaches_nothing(stranger: FlaskClient, host: str) -> None:
    for address in ("/login", "/health", "/static/theme.js", "/api/v1/today"):
        assert stranger.get(address, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost:8443", "LOCALHOST", "10.1.2.3:8443", "127.0.0.1", "[::1]:8443", "[fd00::7]"]
)
def test_the_machines_own_names_and_every_address_are_known(stranger: FlaskClient, host: str) -> None:
    assert stranger.get("/health", headers={"Host": host}).status_code == 200


def test_further_names_are_those_of_the_settings(context: WebContext) -> None:
    settings = msgspec.structs.replace(context.settings, web=Web(names=("counter.example",)))
    client = new_client(create_app(replace(context, settings=settings)))
    assert client.get("/health", headers={"Host": "Counter.Example:8443"}).status_code == 200


def test_the_authority_can_be_installed_before_log_in(stranger: FlaskClient, context: WebContext) -> None:
    assert stranger.get("/authority.crt").status_code == 404
    certificate = load_or_make(context.paths, context.settings)
    answer = stranger.get("/authority.crt")
    assert answer.data == certificate.authority.read_bytes()
    assert answer.mimetype == "application/x-x509-ca-cert"
    assert b"PRIVATE" not in answer.data
    assert "/authority.crt" in stranger.get("/login").text


def test_an_unforeseen_failure_tells_nothing_of_itself(app: Flask, browser: Browser) -> None:
    @app.get("/broken")
    @allows(Permission.OWN_ACCOUNT)
    def broken() -> str:
        raise RuntimeError("secret of the inside")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = browser.get("/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY
    assert "default-src 'none'" in POLICY


@pytest.mark.parametrize("address", ["/", "/live", "/reports", "/audit", "/login"])
def test_pages_have_nothing_inline(browser: Browser, stranger: FlaskClient, address: str) -> None:
    client = stranger if address == "/login" else browser.client
    text = client.get(address).text
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


def test_an_idle_session_ends(browser: Browser, clock: Clock) -> None:
    assert browser.get("/").status_code == 200
    clock.advance(hours=3)
    assert browser.get("/").status_code == 302


def test_an_unknown_page_says_so_kindly(browser: Browser) -> None:
    answer = browser.get("/nothing/here")
    assert answer.status_code == 404
    assert "Nothing here" in answer.text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "javascript:alert(1)", "\\\\x"]
)
def test_log_in_sends_nobody_elsewhere(app: Flask, target: str) -> None:
    with app.test_request_context():
        assert safe_next(target) == "/"
        assert safe_next("/audit?page=2") == "/audit?page=2"


def test_the_program_loads_no_image_library() -> None:
    """A process that can't decode a picture can't leak one."""
    code = (
        "import sys, appliance.web.application, appliance.web.server\n"
        "print([name for name in ('cv2', 'av', 'openvino', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_static_files_are_there(stranger: FlaskClient) -> None:
    for name in ("tokens.css", "layout.css", "components.css", "pages.css", "theme.js", "icons.svg", "mark.svg"):
        assert stranger.get(f"/static/{name}").status_code == 200
    assert stranger.get("/static/../appliance/settings.py").status_code == 404
