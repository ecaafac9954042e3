"""What the API says about how the site is set up, without a secret."""

from dataclasses import replace

import msgspec

from appliance.settings import Processing, Site
from appliance.storage import camera_records, cameras, floor_plan, users
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import ZoneSetting
from appliance.storage.floor_plan import FloorPlan, Placing, PlanShape
from appliance.storage.users import Role
from appliance.web.context import WebContext
from tests.web.api.conftest import Ask
from tests.web.conftest import ENTRANCE

CORNERS = ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9))


def test_what_is_drawn_on_a_camera_s_picture(ask: Ask, context: WebContext) -> None:
    with context.engine.begin() as connection:
        till = ZoneSetting("till", CORNERS, queue=True)
        cameras.update(connection, replace(ENTRANCE, zones=(till,), masks=(ZoneSetting("street", CORNERS),)))
    told = ask("cameras/entrance/places", Role.INSTALLER).json["shapes"]
    assert [(each["kind"], each["name"], each["marked"]) for each in told] == [
        ("line", "door", False),
        ("zone", "till", True),
        ("mask", "street", False),
    ]
    assert told[0]["points"] == [[0.45, 0.25], [0.45, 0.95]]
    assert ask("cameras/nowhere/places").status_code == 404
    assert ask("cameras/entrance/places", Role.MANAGER).status_code == 403


def test_the_floor_plan(ask: Ask, context: WebContext) -> None:
    assert ask("floor/plan", Role.MANAGER).json["plan"]["shapes"] == []
    placing = Placing("entrance", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), 0.5)
    drawn = FloorPlan(
        (PlanShape("wall", ((0.1, 0.1), (0.9, 0.1))), PlanShape("label", ((0.5, 0.5),), "Till")), (placing,)
    )
    with context.engine.begin() as connection:
        floor_plan.write(connection, drawn)
    told = ask("floor/plan", Role.MANAGER).json["plan"]
    assert msgspec.convert(told, FloorPlan) == drawn


def test_who_may_log_in_without_a_secret(ask: Ask, context: WebContext) -> None:
    with context.engine.begin() as connection:
        users.set_role(connection, "bob", Role.AUDITOR)
    answer = ask("users")
    assert [(each["name"], each["role"]) for each in answer.json["users"]] == [
        ("ada", "administrator"),
        ("bob", "auditor"),
    ]
    assert set(answer.json["users"][0]) == {"name", "role", "created", "password_expires", "has_second_factor"}
    assert ask("users", Role.MANAGER).status_code == 403


def test_what_is_stated_of_the_processing(ask: Ask, context: WebContext) -> None:
    context.settings = msgspec.structs.replace(
        context.settings, site=Site(controller="Corner Shop SARL"), processing=Processing(purposes="To plan staff")
    )
    with context.engine.begin() as connection:
        camera_records.write(connection, CameraRecord("entrance", "above the door"))
    told = ask("processing", Role.AUDITOR).json
    assert (told["controller"], told["purposes"], told["legal_basis"]) == ("Corner Shop SARL", "To plan staff", "")
    assert [(each["camera"], each["location"], each["signs"]) for each in told["cameras"]] == [
        ("entrance", "above the door", "")
    ]
