"""Every route with every role, and without log-in, against one table of who may open what."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.storage import users
from appliance.storage.tables import user as user_table
from appliance.storage.users import Role
from appliance.web.context import WebContext
from appliance.web.roles import PERMISSIONS, Permission, allows, needed
from appliance.web.security import OPEN_ENDPOINTS
from tests.web.conftest import NOON, Browser, Clock, audit_entries, open_browser

ALL = frozenset(Role)
NUMBERS = frozenset({Role.MANAGER, Role.ADMINISTRATOR})
REPORTS = NUMBERS | {Role.AUDITOR}
LIVE = frozenset({Role.VIEWER, Role.INSTALLER, Role.ADMINISTRATOR})
CAMERAS = frozenset({Role.INSTALLER, Role.ADMINISTRATOR})
AUDIT = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})
ADMINISTRATION = frozenset({Role.ADMINISTRATOR})
PRIVACY = NUMBERS | {Role.AUDITOR}

# Who may open what. A new route is added here by whoever adds it.
TABLE = {
    "account.log_out": ALL,
    "own_account.show": ALL,
    "own_account.change_password": ALL,
    "own_account.end_session": ALL,
    "own_account.begin_second_factor": ALL,
    "own_account.confirm_second_factor": ALL,
    "own_account.end_second_factor": ALL,
    "user_list.show": ADMINISTRATION,
    "user_list.add": ADMINISTRATION,
    "user_list.change_role": ADMINISTRATION,
    "user_list.renew_password": ADMINISTRATION,
    "user_list.end_second_factor": ADMINISTRATION,
    "user_list.sign_out": ADMINISTRATION,
    "user_list.remove": ADMINISTRATION,
    "record.show": REPORTS,
    "record.state": NUMBERS,
    "record.describe": NUMBERS,
    "record.sign": REPORTS,
    "api.document": ALL,
    "api.privacy": PRIVACY,
    "api.system": ADMINISTRATION,
    "api.today": NUMBERS,
    "api.counts": NUMBERS,
    "api.cameras": frozenset(Role) - {Role.AUDITOR},
    "api.reports": REPORTS,
    "api.report": REPORTS,
    "api.stays": NUMBERS,
    "api.ways": NUMBERS,
    "api.heat": NUMBERS,
    "api.alerts": NUMBERS,
    "api.schedules": REPORTS,
    "api.destinations": REPORTS,
    "api.camera_history": CAMERAS,
    "api.camera_places": CAMERAS,
    "api.plan": NUMBERS,
    "api.user_list": ADMINISTRATION,
    "api.processing": REPORTS,
    "api.entries": AUDIT,
    "api.verification": AUDIT,
    "api.proof": AUDIT,
    "api.growth": AUDIT,
    "api.newest_checkpoint": AUDIT,
    "today.show": NUMBERS,
    "today.numbers": NUMBERS,
    "today.events": NUMBERS,
    "explore.page": NUMBERS,
    "explore.download": NUMBERS,
    "floor.stays": NUMBERS,
    "floor.ways": NUMBERS,
    "floor.heat": NUMBERS,
    "floor.download": NUMBERS,
    "plan.show": NUMBERS,
    "plan.save": NUMBERS,
    "counts_export.download": NUMBERS,
    "live.choose": LIVE,
    "live.open": LIVE,
    "live.show": LIVE,
    "live.frame": LIVE,
    "live.close": LIVE,
    "cameras.show": CAMERAS,
    "cameras.state": CAMERAS,
    "cameras.add": CAMERAS,
    "cameras.do_add": CAMERAS,
    "cameras.settings": CAMERAS,
    "cameras.change": CAMERAS,
    "cameras.switch": CAMERAS,
    "cameras.remove": CAMERAS,
    "camera_trial.test": CAMERAS,
    "camera_search.show": CAMERAS,
    "camera_search.look": CAMERAS,
    "places.show": CAMERAS,
    "places.save": CAMERAS,
    "places.picture": LIVE,
    "guide.show": ADMINISTRATION,
    "guide.name_site": ADMINISTRATION,
    "guide.choose_reports": ADMINISTRATION,
    "guide.finish": ADMINISTRATION,
    "checking.begin": CAMERAS,
    "checking.so_far": CAMERAS,
    "checking.end": CAMERAS,
    "reports.show": REPORTS,
    "reports.build": NUMBERS,
    "reports.verify": REPORTS,
    "reports.progress": REPORTS,
    "reports.view": REPORTS,
    "reports.document": REPORTS,
    "reports.download": REPORTS,
    "reports.public_key": REPORTS,
    "reports.certificate": REPORTS,
    "destination_list.test": NUMBERS,
    "destination_list.progress": REPORTS,
    "schedule_change.save": ADMINISTRATION,
    "schedule_change.remove": ADMINISTRATION,
    "system.show": ADMINISTRATION,
    "system.examine": ADMINISTRATION,
    "system.progress": ADMINISTRATION,
    "backup_copies.make": ADMINISTRATION,
    "backup_copies.download": ADMINISTRATION,
    "backup_copies.remove": ADMINISTRATION,
    "privacy.show": PRIVACY,
    "redacting.show": NUMBERS,
    "redacting.begin": NUMBERS,
    "redacting.take_part": NUMBERS,
    "redacting.state": NUMBERS,
    "redacting.result": NUMBERS,
    "redacting.end": NUMBERS,
    "audit.show": AUDIT,
    "audit.progress": AUDIT,
    "audit_entry.show": AUDIT,
    "audit_entry.proof": AUDIT,
    "audit.verify_now": AUDIT,
    "audit.checkpoint": AUDIT,
}
HOMES = {
    Role.MANAGER: "/",
    Role.VIEWER: "/live",
    Role.INSTALLER: "/live",
    Role.AUDITOR: "/reports",
    Role.ADMINISTRATOR: "/",
}


@pytest.fixture
def browsers(app: Flask, context: WebContext) -> dict[Role, Browser]:
    """One logged-in browser a role, of a user who has it."""
    with context.engine.begin() as connection:
        for role in Role:
            values = {"name": f"the {role}", "password_hash": "", "created": NOON, "role": role.value}
            connection.execute(user_table.insert().values(**values))
    return {role: open_browser(app, context, f"the {role}", role) for role in Role}


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """Endpoint, method and address of every route, placeholders filled in."""
    return [
        (rule.endpoint, method, re.sub(r"<any\((\w+)[^>]*>|<[^>]+>", lambda found: found[1] or "1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.endpoint not in OPEN_ENDPOINTS
    ]


def test_the_table_names_every_route(app: Flask) -> None:
    assert {endpoint for endpoint, _, _ in routes(app)} == set(TABLE)


def test_every_route_opens_for_its_roles_and_for_nobody_else(app: Flask, browsers: dict[Role, Browser]) -> None:
    found, expected = {}, {}
    last = ("account.log_out", "POST", "/logout")
    for endpoint, method, address in [each for each in routes(app) if each != last] + [last]:
        for role, browser in browsers.items():
            answer = browser.client.open(address, method=method, data={"csrf": browser.session.csrf})
            moved = endpoint == "today.show" and answer.status_code == 302
            found[endpoint, role] = not moved and answer.status_code != 403
            expected[endpoint, role] = role in TABLE[endpoint]
    assert found == expected


def test_without_log_in_no_route_opens(app: Flask, stranger: FlaskClient) -> None:
    for endpoint, method, address in routes(app):
        answer = stranger.open(address, method=method)
        to_log_in = answer.status_code == 302 and answer.headers["Location"].startswith("/login")
        assert to_log_in or answer.status_code == 401, endpoint


def test_a_route_that_declares_nothing_is_refused_to_everybody(app: Flask, browsers: dict[Role, Browser]) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    assert needed(app, "forgotten") is None
    assert {browser.get("/forgotten").status_code for browser in browsers.values()} == {403}


def test_the_declaration_may_stand_above_or_below_the_route(app: Flask) -> None:
    @app.get("/above")
    @allows(Permission.AUDIT)
    def above() -> str:
        return ""

    @allows(Permission.LIVE)
    @app.get("/below")
    def below() -> str:
        return ""

    assert (needed(app, "above"), needed(app, "below")) == (Permission.AUDIT, Permission.LIVE)


def test_navigation_shows_what_the_role_may_open_and_leads_nowhere_else(browsers: dict[Role, Browser]) -> None:
    for role, browser in browsers.items():
        first = browser.client.get("/", follow_redirects=True)
        assert (first.status_code, first.request.path) == (200, HOMES[role])
        offered = set(re.findall(r'href="(/[^"?#]*)', first.text)) - {"/"}
        refused = [address for address in offered if browser.get(address).status_code == 403]
        assert refused == [], role
        assert 'aria-label="Pages"' in first.text


def test_the_pages_of_a_viewer_and_an_installer_show_no_counts(browsers: dict[Role, Browser]) -> None:
    for role, may_check in ((Role.VIEWER, False), (Role.INSTALLER, True)):
        browser = browsers[role]
        form = {"camera": "entrance", "reason": "Looking into a technical fault"}
        page = browser.get(browser.post("/live", **form).headers["Location"]).text
        assert "people now" not in page
        assert "/api/today" not in page
        assert ("Check the count" in page) == may_check


def test_a_refusal_says_why_and_is_logged_once_a_session(browsers: dict[Role, Browser], context: WebContext) -> None:
    viewer = browsers[Role.VIEWER]
    for _ in range(3):
        assert "Your role does not include this page" in viewer.get("/audit").text
    assert [entry.event.subject for entry in audit_entries(context, "access-refused")] == ["audit.show"]


def test_a_changed_role_holds_for_open_sessions(
    browsers: dict[Role, Browser], context: WebContext, clock: Clock
) -> None:
    viewer = browsers[Role.VIEWER]
    assert viewer.get("/audit").status_code == 403
    with context.engine.begin() as connection:
        users.set_role(connection, "the viewer", Role.AUDITOR)
    clock.advance(seconds=15)
    assert viewer.get("/audit").status_code == 200
    assert viewer.get("/live").status_code == 403


def test_everybody_has_an_account_and_only_administrators_administrate() -> None:
    assert all(Permission.OWN_ACCOUNT in permissions for permissions in PERMISSIONS.values())
    administrators = [role for role, permissions in PERMISSIONS.items() if Permission.ADMINISTRATION in permissions]
    assert administrators == [Role.ADMINISTRATOR]
