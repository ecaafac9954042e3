"""The editor saves what was drawn, all of it or nothing, and says what is wrong and where."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from appliance.storage import cameras
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.web import places
from appliance.web.context import WebContext
from appliance.web.places import Shape, shapes_of, version_of, with_shapes
from appliance.web.views import MOST_VIEWS, REASONS
from tests.web.conftest import ENTRANCE, Browser, audit_entries

LINE = {"kind": "line", "name": "door", "points": [[0.5, 0.1], [0.5, 0.9]], "marked": False}
ZONE = {"kind": "zone", "name": "till", "points": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]], "marked": True}
MASK = {"kind": "mask", "name": "mask-1", "points": [[0, 0], [0.2, 0], [0.2, 0.2]]}
IGNORED = {"kind": "ignored", "name": "street", "points": [[0.8, 0], [1, 0], [1, 0.2]]}


def entrance(context: WebContext) -> Camera:
    with reading(context.engine) as connection:
        return cameras.need(connection, ENTRANCE.name)


def save(browser: Browser, *shapes: dict[str, Any], version: str | None = None) -> TestResponse:
    if version is None:
        found = re.search(r'data-version="(\w+)"', browser.get("/cameras/entrance/places").text)
        assert found is not None
        version = found[1]
    return browser.post("/cameras/entrance/places", shapes=json.dumps(shapes), version=version)


def test_a_drawing_is_saved_as_a_whole_and_written_down(browser: Browser, context: WebContext) -> None:
    answer = save(browser, LINE, ZONE, MASK, IGNORED)
    assert (answer.status_code, answer.json["changed"]) == (200, True)
    camera = entrance(context)
    assert [(each.name, each.x1, each.y2, each.inner) for each in camera.lines] == [("door", 0.5, 0.9, False)]
    assert [(each.name, each.queue) for each in camera.zones] == [("till", True)]
    assert [each.name for each in camera.masks] == ["mask-1"]
    assert [each.points[0] for each in camera.ignored] == [(0.8, 0.0)]
    (entry,) = audit_entries(context, "camera-changed")
    assert (entry.event.actor, entry.event.details["change"]) == ("ada", "drawn: lines, zones, masks, ignored")
    assert save(browser, LINE, ZONE, MASK, IGNORED, version=answer.json["version"]).json["changed"] is False
    assert len(audit_entries(context, "camera-changed")) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"points": [[0.5, 0.1], [0.5, 0.1]]}, "starts where it ends"),
        ({"points": [[0.5, 0.1], [0.5, 1.1]]}, "outside the picture"),
        ({"points": [[0.5, 0.1]]}, "needs two points"),
        ({"name": ""}, "name"),
        ({"name": "inner"}, "own name"),
        ({"kind": "zone"}, "needs three or more"),
        ({"kind": "mask", "points": [[0, 0], [0.5, 0.5], [1, 1]]}, "no area"),
        ({"points": [[0.5, 0.1]] * 100}, "are the most"),
    ],
)
def test_a_shape_that_makes_no_sense_is_named_and_nothing_is_saved(
    browser: Browser, context: WebContext, change: dict[str, Any], sentence: str
) -> None:
    answer = save(browser, LINE | {"name": "inner"}, LINE | change)
    assert (answer.status_code, answer.json["index"]) == (400, 1)
    assert sentence in answer.json["problem"]
    assert entrance(context) == ENTRANCE
    assert audit_entries(context, "camera-changed") == []


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '[{"kind": "line"}]', '[{"kind": "sphere", "name": "a", "points": []}]']
)
def test_what_is_no_drawing_is_refused(browser: Browser, context: WebContext, text: str) -> None:
    answer = browser.post("/cameras/entrance/places", shapes=text, version="")
    assert answer.status_code == 400
    assert "could not be read" in answer.json["problem"]
    assert entrance(context) == ENTRANCE


def test_two_people_do_not_overwrite_each_other(browser: Browser, context: WebContext) -> None:
    first = version_of(shapes_of(ENTRANCE))
    assert save(browser, LINE, version=first).status_code == 200
    answer = save(browser, ZONE, version=first)
    assert answer.status_code == 409
    assert "Somebody else" in answer.json["problem"]
    assert entrance(context).zones == ()


def test_a_look_at_the_picture_has_a_reason_and_is_written_down(browser: Browser, context: WebContext) -> None:
    answer = browser.post("/cameras/entrance/picture")
    assert answer.status_code == 200
    (entry,) = audit_entries(context, "view-opened")
    assert (entry.event.actor, entry.event.details["reason"]) == ("ada", "Setting up a line or a zone")
    assert entry.event.details["reason"] in REASONS
    assert answer.json["seconds"] == 600
    assert browser.get(f"{answer.json['frame']}?after=0").status_code in (200, 204)
    browser.post("/live/close", view=answer.json["view"])
    assert browser.get(f"{answer.json['frame']}?after=0").status_code == 410
    for _ in range(MOST_VIEWS):
        browser.post("/cameras/entrance/picture")
    assert browser.post("/cameras/entrance/picture").status_code == 409


COORDINATE = st.floats(0, 1).map(lambda value: round(value, places.DIGITS))
POINT = st.tuples(COORDINATE, COORDINATE)
NAMES = st.text("abc-12 ", min_size=1, max_size=8).filter(lambda text: text == text.strip())


@given(
    st.lists(st.tuples(NAMES, POINT, POINT, st.booleans()), max_size=4, unique_by=lambda line: line[0]),
    st.lists(st.tuples(NAMES, POINT, st.booleans()), max_size=4, unique_by=lambda zone: zone[0]),
)
def test_what_is_drawn_comes_back_as_it_was(
    lines: list[tuple[str, Any, Any, bool]], zones: list[tuple[str, Any, bool]]
) -> None:
    shapes = [Shape("line", name, (a, b), inner) for name, a, b, inner in lines if a != b]
    shapes += [Shape("zone", name, ((0.0, 0.0), (1.0, 0.0), (x, 1.0)), queue) for name, (x, _), queue in zones]
    assert shapes_of(with_shapes(ENTRANCE, shapes)) == tuple(shapes)
