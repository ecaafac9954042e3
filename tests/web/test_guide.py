"""The first start leads an administrator in five steps from an empty site to the first count, and can be resumed."""

import json
import re

from flask import Flask
from sqlalchemy import delete

from appliance.settings import Settings, Site
from appliance.storage import users
from appliance.storage.database import reading
from appliance.storage.tables import camera as camera_table
from appliance.storage.tables import user as user_table
from appliance.storage.users import Role
from appliance.web.account import ensure_administrator
from appliance.web.context import WebContext
from tests.web.conftest import Browser, audit_entries, new_client, open_browser

OWN = "a password of my own 7"


def fresh(context: WebContext) -> None:
    """A site as it is right after its installation."""
    context.filed = context.settings = Settings()
    with context.engine.begin() as connection:
        connection.execute(delete(camera_table))


def done(browser: Browser) -> list[bool]:
    """Which of the five steps the page says are done."""
    steps = re.findall(r'<li class="card step( done)?"', browser.get("/first-start").text)
    assert len(steps) == 5
    return [bool(step) for step in steps]


def test_the_first_password_opens_nothing_but_the_choice_of_another(app: Flask, context: WebContext) -> None:
    fresh(context)
    with context.engine.begin() as connection:
        connection.execute(delete(user_table))
        password = ensure_administrator(connection) or ""
    client = new_client(app)
    token = csrf(client.get("/login").text)
    client.post("/login", data={"name": "admin", "password": password, "csrf": token})
    for address in ("/", "/first-start", "/cameras/add"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/account")
    token = csrf(client.get("/account").text)
    form = {"csrf": token, "password": password, "new": OWN, "again": OWN}
    assert client.post("/account/password", data=form).headers["Location"] == "/first-start"
    assert client.get("/first-start").status_code == 200
    assert password not in str(audit_entries(context))
    with reading(context.engine) as connection:
        assert not users.verify(connection, "admin", password)


def test_the_first_password_is_good_for_some_days_only(context: WebContext) -> None:
    with context.engine.begin() as connection:
        connection.execute(delete(user_table))
        ensure_administrator(connection)
        user = users.need(connection, "admin")
    assert user.password_expires is not None
    assert user.password_expires - user.created <= users.ONE_TIME


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_five_steps_lead_to_the_first_count(app: Flask, browser: Browser, context: WebContext) -> None:
    fresh(context)
    changes = list[Settings]()
    context.on_settings = changes.append
    assert done(browser) == [False, True, False, False, False]
    assert "Go on setting up" in browser.get("/").text
    browser.post("/first-start/site", name="Corner shop", timezone="Europe/Paris")
    assert done(browser) == [True, True, False, False, False]
    assert "Corner shop" in browser.get("/").text
    browser.post("/cameras/add", name="door", source="rtsp://192.0.2.10/stream")
    assert done(browser) == [True, True, True, False, False]
    version = re.search(r'data-version="(\w+)"', browser.get("/cameras/door/places").text)
    assert version is not None
    line = {"kind": "line", "name": "door", "points": [[0.5, 0.1], [0.5, 0.9]]}
    browser.post("/cameras/door/places", shapes=json.dumps([line]), version=version[1])
    # Another device goes on where this one has stopped.
    browser = open_browser(app, context)
    assert done(browser) == [True, True, True, True, False]
    browser.post("/first-start/reports", reports="week")
    assert done(browser) == [True] * 5
    assert [(each.site, each.reports) for each in changes][-1] == (context.settings.site, context.settings.reports)
    assert context.settings.site == Site("Corner shop", "Europe/Paris")
    assert [each.every for each in context.settings.reports] == ["week"]
    assert "Go on setting up" not in browser.get("/").text
    told = [entry.event.details["change"] for entry in audit_entries(context, "settings-changed")]
    assert told == ["name Corner shop, timezone Europe/Paris", "reports week"]


def test_it_can_be_left_and_is_for_administrators(app: Flask, browser: Browser, context: WebContext) -> None:
    fresh(context)
    with context.engine.begin() as connection:
        users.set_role(connection, "bob", Role.MANAGER)
    manager = open_browser(app, context, "bob", Role.MANAGER)
    assert "Go on setting up" not in manager.get("/").text
    assert manager.get("/first-start").status_code == 403
    assert browser.post("/first-start/finish").headers["Location"] == "/"
    assert "Go on setting up" not in browser.get("/").text
    assert browser.get("/first-start").status_code == 200


def test_what_makes_no_sense_is_said_and_not_kept(browser: Browser, context: WebContext) -> None:
    fresh(context)
    browser.post("/first-start/site", name="Shop", timezone="Mars/Base")
    assert "no such time zone" in browser.get("/first-start").text
    browser.post("/first-start/reports", reports="hourly")
    assert "each week, month or quarter" in browser.get("/first-start").text
    assert context.settings == Settings()
    assert audit_entries(context, "settings-changed") == []


def test_what_the_settings_file_says_is_not_asked(browser: Browser, context: WebContext) -> None:
    context.filed = context.settings
    assert done(browser) == [True, True, True, True, False]
    assert browser.get("/first-start").text.count("disabled") == 2
    browser.post("/first-start/site", name="Elsewhere", timezone="Asia/Tokyo")
    assert context.settings.site == Site("Corner shop", "Europe/Paris")
