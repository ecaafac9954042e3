"""What each role may open: every route says by `allows` which permission it needs, and without one it is refused.

    @blueprint.get("/cameras")
    @allows(Permission.CAMERAS)
    def show() -> str: ...

A template asks `may("cameras")` before it offers a way there.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import ParamSpec, TypeVar

from flask import Flask
from werkzeug.exceptions import Forbidden

from appliance.language import marked
from appliance.storage.users import Role

P = ParamSpec("P")
R = TypeVar("R")


class Permission(StrEnum):
    """What a route shows or changes; role-based access control's own term."""

    NUMBERS = "numbers"  # Today, Explore and their exports
    REPORTS = "reports"  # the reports, and what is needed to check them
    BUILDING = "building"  # having a report built
    HEALTH = "health"  # whether each camera works, without a count
    LIVE = "live"  # the redacted pictures
    CAMERAS = "cameras"  # adding, testing, changing and checking cameras
    PRIVACY = "privacy"  # what is kept and how long, in plain words
    REDACTING = "redacting"  # having an uploaded recording redacted
    AUDIT = "audit"  # the log, its proofs and its verification
    ADMINISTRATION = "administration"  # users, tokens and the system
    OWN_ACCOUNT = "own-account"  # one's own password and sessions


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.MANAGER: frozenset(
        {
            *(Permission.NUMBERS, Permission.REPORTS, Permission.BUILDING, Permission.HEALTH, Permission.PRIVACY),
            *(Permission.REDACTING, Permission.OWN_ACCOUNT),
        }
    ),
    Role.VIEWER: frozenset({Permission.LIVE, Permission.HEALTH, Permission.OWN_ACCOUNT}),
    Role.INSTALLER: frozenset({Permission.CAMERAS, Permission.LIVE, Permission.HEALTH, Permission.OWN_ACCOUNT}),
    Role.AUDITOR: frozenset({Permission.AUDIT, Permission.REPORTS, Permission.PRIVACY, Permission.OWN_ACCOUNT}),
    Role.ADMINISTRATOR: frozenset(Permission),
}
# Where each permission's page is, in the order of the navigation: endpoint, icon and what it is called.
NAVIGATION = (
    (Permission.NUMBERS, "today.show", "today", marked("Today")),
    (Permission.NUMBERS, "explore.page", "explore", "Explore"),
    (Permission.LIVE, "live.choose", "live", marked("Live")),
    (Permission.CAMERAS, "cameras.show", "cameras", "Cameras"),
    (Permission.REPORTS, "reports.show", "reports", marked("Reports")),
    (Permission.AUDIT, "audit.show", "audit", marked("Audit")),
    (Permission.PRIVACY, "privacy.show", "privacy", marked("Privacy")),
    (Permission.ADMINISTRATION, "system.show", "system", marked("System")),
)
# What each role is called, to be translated where it is shown.
ROLE_NAMES = {
    Role.MANAGER: marked("manager"),
    Role.VIEWER: marked("viewer"),
    Role.INSTALLER: marked("installer"),
    Role.AUDITOR: marked("auditor"),
    Role.ADMINISTRATOR: marked("administrator"),
}
HOME = "today.show"
DECLARATION = "veilsight_permission"


class NotInRole(Forbidden):
    """The user's role does not include what was asked for."""


def allows(permission: Permission) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare which permission a view function needs. It may stand above or below the blueprint's own decorator."""

    def declare(view: Callable[P, R]) -> Callable[P, R]:
        setattr(view, DECLARATION, permission)
        return view

    return declare


def needed(app: Flask, endpoint: str) -> Permission | None:
    """The permission that the endpoint's view function declares; None if it declares none, and nobody may open it."""
    found = getattr(app.view_functions.get(endpoint), DECLARATION, None)
    return found if isinstance(found, Permission) else None


def may(role: Role, permission: Permission | None) -> bool:
    return permission is not None and permission in PERMISSIONS[role]


def pages_of(role: Role) -> list[tuple[str, str, str]]:
    """Endpoint, icon and name of each page that the role may open, for the navigation."""
    return [(endpoint, icon, name) for permission, endpoint, icon, name in NAVIGATION if may(role, permission)]


def home_of(role: Role) -> str:
    """The endpoint of the first page that the role may open; every role has one."""
    return pages_of(role)[0][0]
