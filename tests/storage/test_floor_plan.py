"""A floor plan comes back as it was drawn, and nothing else can be kept as one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from appliance.storage import floor_plan
from appliance.storage.database import reading
from appliance.storage.floor_plan import (
    LEAST_POINTS,
    LONGEST_TEXT,
    MOST_POINTS,
    MOST_SHAPES,
    FloorPlan,
    Placing,
    PlanShape,
    PlanUnusable,
    parse,
)
from appliance.storage.site import Site

CORNERS = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
DRAWN = {
    "shapes": [
        {"kind": "wall", "points": [[0, 0], [1, 0], [1, 1]]},
        {"kind": "area", "points": [[0.2, 0.2], [0.4, 0.2], [0.4, 0.33333333]], "text": "  Shelf   1 "},
        {"kind": "label", "points": [[0.5, 0.5]], "text": "Tills"},
    ],
    "cameras": [{"camera": "entrance", "corners": CORNERS, "top": 0.25}],
    "proportion": 1.7777777,
}


def test_a_plan_comes_back_as_it_was_drawn(site: Site) -> None:
    plan = parse(json.dumps(DRAWN))
    assert plan.shapes[1] == PlanShape("area", ((0.2, 0.2), (0.4, 0.2), (0.4, 0.3333)), "Shelf 1")
    assert plan.placing("entrance") == Placing("entrance", tuple(map(tuple, CORNERS)), 0.25)  # type: ignore[arg-type]
    assert plan.placing("yard") is None
    with reading(site.engine) as connection:
        assert floor_plan.read(connection) == FloorPlan()
    for each in (FloorPlan(), plan):
        with site.engine.begin() as connection:
            floor_plan.write(connection, each)
            assert floor_plan.read(connection) == each


def changed(**parts: object) -> str:
    return json.dumps(DRAWN | parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "<svg/>",
        changed(picture="data:image/png;base64,iVBORw0KGgo="),
        changed(shapes=[{"kind": "image", "points": [[0, 0]], "text": "x"}]),
        changed(shapes=[{"kind": "wall", "points": [[0, 0], [1, 1]], "href": "https://x.example/"}]),
        changed(shapes=[{"kind": "wall", "points": [[0, 0], [1, 1]], "color": "#336699"}]),
        changed(shapes=[{"kind": "wall", "points": [[0, 0], [1, 1.1]]}]),
        changed(shapes=[{"kind": "wall", "points": [[0, 0]]}]),
        changed(shapes=[{"kind": "area", "points": [[0, 0], [1, 1]]}]),
        changed(shapes=[{"kind": "label", "points": [[0, 0]], "text": " "}]),
        changed(shapes=[{"kind": "label", "points": [[0, 0], [1, 1]], "text": "two"}]),
        changed(shapes=[{"kind": "label", "points": [[0, 0]], "text": "x" * (LONGEST_TEXT + 1)}]),
        changed(shapes=[{"kind": "label", "points": [[0, 0]], "text": "a\u0000b"}]),
        changed(shapes=[{"kind": "wall", "points": [[0, 0], [1, 1]]}] * (MOST_SHAPES + 1)),
        changed(shapes=[{"kind": "wall", "points": [[0, 0], [1, 1]] * (MOST_POINTS // 2 + 1)}]),
        changed(cameras=[{"camera": "entrance", "corners": CORNERS[:3]}]),
        changed(cameras=[{"camera": "entrance", "corners": CORNERS, "top": 2}]),
        changed(proportion=0),
    ],
)
def test_what_is_no_drawing_is_refused(text: str) -> None:
    with pytest.raises(PlanUnusable):
        parse(text)


@given(st.text(max_size=200))
def test_whatever_is_sent_is_a_plan_or_refused(sent: str) -> None:
    with pytest.raises(PlanUnusable):
        parse(sent + "\x00")


@pytest.mark.parametrize(
    "values",
    [
        (2, "{}"),
        (1, "no json"),
        (1, b"\xff\xd8\xff\xe0"),
        (1, json.dumps({"x": "A" * 60_000})),
    ],
)
def test_the_database_itself_takes_a_drawing_alone(site: Site, values: tuple[object, ...]) -> None:
    insert = text("INSERT INTO floor_plan VALUES (:number, :plan, 1790000000)")
    with pytest.raises(IntegrityError), site.engine.begin() as connection:
        connection.execute(insert, {"number": values[0], "plan": values[1]})


def test_the_largest_plan_fits(site: Site) -> None:
    each = MOST_POINTS // MOST_SHAPES
    spots = tuple((0.1234, 0.5678) for _ in range(each))
    assert each >= max(LEAST_POINTS.values())
    plan = FloorPlan(tuple(PlanShape("area", spots, "x" * LONGEST_TEXT) for _ in range(MOST_SHAPES)))
    with site.engine.begin() as connection:
        floor_plan.write(connection, plan)
        assert floor_plan.read(connection) == plan
