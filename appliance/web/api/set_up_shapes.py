"""The shapes of the API's answers about how the site is set up."""

import msgspec

from appliance.storage.floor_plan import FloorPlan
from appliance.web.api.shapes import Moment
from appliance.web.places import Shape


class CameraPlaces(msgspec.Struct, frozen=True):
    """What is drawn on a camera's picture: lines, zones, masks and ignored regions; points are parts of the picture."""

    shapes: tuple[Shape, ...]


class Plan(msgspec.Struct, frozen=True):
    """The floor plan, as numbers and short names; without a shape where nobody has drawn one."""

    plan: FloorPlan


class User(msgspec.Struct, frozen=True):
    """Who may log in. `password_expires` is null where the password is the person's own."""

    name: str
    role: str
    created: Moment
    password_expires: Moment | None
    has_second_factor: bool


class Users(msgspec.Struct, frozen=True):
    users: list[User]


class CameraStated(msgspec.Struct, frozen=True):
    """What people say of a camera, for the record and the notice; `signs_seen` is a day or empty."""

    camera: str
    location: str
    field_of_view: str
    signs: str
    signs_seen: str


class Processing(msgspec.Struct, frozen=True):
    """What the site states of its processing, and of each camera; empty where nobody has said it."""

    controller: str
    contact: str
    data_protection_officer: str
    purposes: str
    legal_basis: str
    recipients: str
    notice_url: str
    cameras: list[CameraStated]
