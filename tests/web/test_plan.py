"""The editor of the floor plan: what is drawn is kept as drawn, and no picture can get there."""

import io
import json

import pytest

from appliance.storage import cameras, floor_plan
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.floor_plan import FloorPlan
from appliance.web.context import WebContext
from appliance.web.plan import version_of
from tests.web.conftest import Browser, audit_entries

CORNERS = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
PLAN = {
    "shapes": [
        {"kind": "wall", "points": [[0, 0], [1, 0]]},
        {"kind": "label", "points": [[0.5, 0.5]], "text": "Tills"},
    ],
    "cameras": [{"camera": "entrance", "corners": CORNERS, "top": 0.2}],
    "proportion": 1.25,
}
EMPTY = version_of(FloorPlan())


def kept(context: WebContext) -> FloorPlan:
    with reading(context.engine) as connection:
        return floor_plan.read(connection)


def test_a_plan_is_kept_as_drawn_and_written_down(browser: Browser, context: WebContext) -> None:
    answer = browser.post("/explore/plan", plan=json.dumps(PLAN), version=EMPTY)
    assert answer.status_code == 200
    assert kept(context) == floor_plan.parse(json.dumps(PLAN))
    assert answer.json == {"version": version_of(kept(context)), "changed": True}
    (entry,) = audit_entries(context, "plan-changed")
    assert (entry.event.actor, entry.event.details) == ("ada", {"parts": 2, "cameras": 1})
    again = browser.post("/explore/plan", plan=json.dumps(PLAN), version=version_of(kept(context)))
    assert again.json == {"version": version_of(kept(context)), "changed": False}
    assert len(audit_entries(context, "plan-changed")) == 1
    assert "Tills" in browser.get("/explore/plan").text


def test_two_people_never_overwrite_each_other(browser: Browser, context: WebContext) -> None:
    browser.post("/explore/plan", plan=json.dumps(PLAN), version=EMPTY)
    answer = browser.post("/explore/plan", plan=json.dumps(PLAN | {"shapes": []}), version=EMPTY)
    assert answer.status_code == 409
    assert "Somebody else" in answer.json["problem"]
    assert len(kept(context).shapes) == 2


def test_a_camera_that_is_gone_goes_from_the_plan(browser: Browser, context: WebContext) -> None:
    drawn = PLAN | {"cameras": [*PLAN["cameras"], {"camera": "gone", "corners": CORNERS}]}  # type: ignore[misc]
    browser.post("/explore/plan", plan=json.dumps(drawn), version=EMPTY)
    assert [each.camera for each in kept(context).cameras] == ["entrance"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cameras": [{"camera": "entrance", "corners": CORNERS}] * 2}, "placed on the plan twice"),
        ({"cameras": [{"camera": "entrance", "corners": CORNERS[::-1]}]}, "must not cross"),
        ({"shapes": [{"kind": "picture", "points": [[0, 0]]}]}, "could not be read"),
        ({"picture": "data:image/png;base64,iVBORw0KGgo="}, "could not be read"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    browser: Browser, context: WebContext, change: dict[str, object], words: str
) -> None:
    answer = browser.post("/explore/plan", plan=json.dumps(PLAN | change), version=EMPTY)
    assert answer.status_code == 400
    assert words in answer.json["problem"]
    assert kept(context) == FloorPlan()


def test_a_picture_that_is_sent_leaves_nothing_behind(browser: Browser, context: WebContext) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"PIXELS" * 100
    for name in ("plan", "picture"):
        files = {name: (io.BytesIO(png), "shop.png"), "csrf": browser.session.csrf, "version": EMPTY}
        assert browser.client.post("/explore/plan", data=files).status_code == 400
    assert kept(context) == FloorPlan()
    assert not audit_entries(context, "plan-changed")


def test_only_cameras_with_a_heat_map_are_offered(browser: Browser, context: WebContext) -> None:
    assert "data-cameras='[]'" in browser.get("/explore/plan").text
    with context.engine.begin() as connection:
        cameras.add(connection, Camera("aisle", "/clips/aisle.avi", heat_map=True))
    assert """data-cameras='["aisle"]'""" in browser.get("/explore/plan").text
