"""The floor plan is drawn by mouse and keyboard or begun with a file, in a real browser, and heat lies over it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Request, expect

from appliance.storage import cameras, floor_plan, measurements
from appliance.storage.database import reading
from appliance.storage.floor_plan import FloorPlan
from appliance.storage.measurements import MeasurementRow
from tests.real.test_accessibility import AXE, judged
from tests.real.test_browser import Served, Visit, browser, page, served, visit
from tests.web.conftest import ENTRANCE

__all__ = ["browser", "page", "served", "visit"]

SVG = """<?xml version="1.0"?>
<!DOCTYPE svg [<!ENTITY name "Tills">]>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 400 200"
     onload="document.title='ran'">
  <script>document.title = 'ran'; fetch('https://elsewhere.example/')</script>
  <style>@import url('https://elsewhere.example/a.css');</style>
  <image xlink:href="https://elsewhere.example/shop.jpg" width="400" height="200"/>
  <image xlink:href="data:image/png;base64,iVBORw0KGgo=" width="400" height="200"/>
  <foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="https://elsewhere.example/b.png"/></foreignObject>
  <defs><rect id="hidden" x="0" y="0" width="9000" height="9000"/></defs>
  <use xlink:href="https://elsewhere.example/c.svg#d"/>
  <g transform="translate(100 0)" fill="url(https://elsewhere.example/e.svg)">
    <rect x="-100" y="0" width="400" height="200" style="background: url(https://elsewhere.example/f.png)"/>
    <path d="M0 50 L100 50 L100 150" onclick="document.title='ran'"/>
    <circle cx="200" cy="100" r="20"/>
    <text x="50" y="100">&name; <tspan>left</tspan></text>
  </g>
</svg>
"""


@pytest.fixture
def plan(page: Page, served: Served) -> Iterator[Page]:
    """The editor, with nothing drawn yet and a camera that has a heat map."""
    with served.context.engine.begin() as connection:
        cameras.update(connection, replace(ENTRANCE, heat_map=True))
        floor_plan.write(connection, FloorPlan())
    page.goto(f"{served.address}/explore/heat")
    page.get_by_role("link", name="floor plan").click()
    # The script is there when it has filled the field.
    expect(page.get_by_role("spinbutton")).to_have_value("1.5")
    yield page
    with served.context.engine.begin() as connection:
        cameras.update(connection, ENTRANCE)
        floor_plan.write(connection, FloorPlan())


def kept(served: Served) -> FloorPlan:
    with reading(served.context.engine) as connection:
        return floor_plan.read(connection)


def drag(page: Page, *spots: tuple[float, float]) -> None:
    """From the first spot over the others, as parts of the field."""
    box = page.locator("svg.marks").bounding_box()
    assert box
    for number, (x, y) in enumerate(spots):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save the plan").click()
    expect(page.get_by_text("Saved. The heat map lies over this plan from now on.")).to_be_visible()


def requests(page: Page) -> list[Request]:
    """What the page asks for from now on, but its own unchanging parts."""
    sent = list[Request]()
    page.on("request", lambda request: None if "/static/" in request.url else sent.append(request))
    return sent


def test_a_plan_is_drawn_by_mouse_and_the_heat_lies_over_it(plan: Page, served: Served) -> None:
    plan.get_by_role("button", name="Wall", exact=True).click()
    drag(plan, (0.1, 0.1), (0.9, 0.1))
    plan.get_by_role("button", name="Shelf or counter").first.click()
    drag(plan, (0.2, 0.3), (0.4, 0.5))
    plan.get_by_role("button", name="Name", exact=True).click()
    drag(plan, (0.7, 0.2), (0.7, 0.2))
    plan.get_by_label("Name", exact=True).fill("Tills")
    plan.get_by_role("button", name="Place entrance").click()
    drag(plan, (0.1, 0.2), (0.9, 0.8))
    plan.get_by_label("The floor begins").fill("50")
    plan.get_by_label("The floor begins").press("Tab")
    save(plan)
    found = kept(served)
    assert [(shape.kind, shape.text) for shape in found.shapes] == [("wall", ""), ("area", ""), ("label", "Tills")]
    assert found.shapes[0].points == ((0.1, 0.1), (0.9, 0.1))
    placing = found.placing("entrance")
    assert placing is not None
    assert (placing.corners, placing.top) == (((0.1, 0.2), (0.9, 0.2), (0.9, 0.8), (0.1, 0.8)), 0.5)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    with served.context.engine.begin() as connection:
        measurements.add_bucket(
            connection,
            [
                MeasurementRow(start, 900, "entrance", "heat_seconds", cell, "person", "", 28_000.0, variance=1e7)
                for cell in ("3,9", "4,9", "5,9")
            ],
        )
    plan.get_by_role("link", name="Back to the heat map").click()
    expect(plan.locator(".floor-plan polygon.heat").first).to_be_visible()
    assert AXE.exists()
    assert judged(plan) == []


def test_a_plan_is_drawn_by_keyboard(plan: Page, served: Served) -> None:
    plan.get_by_role("button", name="Place entrance").press("Enter")
    before = plan.locator("[data-point='0'] .seen").get_attribute("cx")
    for _ in range(5):
        plan.keyboard.press("ArrowLeft")
    assert float(plan.locator("[data-point='0'] .seen").get_attribute("cx") or 0) < float(before or 0)
    plan.keyboard.press("Control+z")
    assert plan.locator("[data-point='0'] .seen").get_attribute("cx") == before
    plan.keyboard.press("Control+y")
    save(plan)
    placing = kept(served).placing("entrance")
    assert placing is not None
    assert placing.corners[0][0] < placing.corners[3][0]
    assert judged(plan) == []


def test_a_drawing_in_a_file_becomes_plain_lines(plan: Page, served: Served, visit: Visit) -> None:
    sent = requests(plan)
    files = {"name": "a.svg", "mimeType": "image/svg+xml", "buffer": SVG.encode()}
    plan.locator("input[type=file]").set_input_files(files)
    expect(plan.locator(".shapes .pick")).to_have_count(4)
    assert sent == [], "the file is read in the browser"
    assert plan.title() != "ran"
    # The page's policy refuses what styles the file has, and Chromium says so.
    assert all("inline style" in each for each in visit.complaints)
    visit.complaints.clear()
    save(plan)
    found = kept(served)
    assert sorted((shape.kind, shape.text) for shape in found.shapes) == [
        ("area", ""),
        ("area", ""),
        ("label", "Tills left"),
        ("wall", ""),
    ]
    assert found.proportion == 2.0
    (wall,) = [shape for shape in found.shapes if shape.kind == "wall"]
    assert len(wall.points) == 3, "a bent line keeps its corner and nothing else"
    assert wall.points[1] == pytest.approx((0.03 + 0.94 * 200 / 400, 0.03 + 0.94 * 50 / 200), abs=0.005)
    circle = min((shape for shape in found.shapes if shape.kind == "area"), key=lambda shape: -len(shape.points))
    assert 8 <= len(circle.points) <= 60


def test_a_picture_to_draw_over_never_leaves_the_browser(plan: Page, served: Served) -> None:
    picture = np.full((60, 120, 3), 200, np.uint8)
    buffer = cv2.imencode(".png", picture)[1].tobytes()
    sent = requests(plan)
    plan.locator("input[type=file]").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": buffer})
    expect(plan.get_by_text("stays in this tab")).to_be_visible()
    plan.get_by_role("button", name="Wall", exact=True).click()
    drag(plan, (0.1, 0.1), (0.9, 0.1))
    assert sent == []
    save(plan)
    (request,) = sent
    body = request.post_data_buffer or b""
    assert b"PNG" not in body
    assert buffer[60:90] not in body
    assert kept(served).proportion == 2.0
    plan.reload()
    expect(plan.get_by_text("stays in this tab")).to_be_hidden()


def test_a_file_that_is_none_is_explained(plan: Page) -> None:
    files = {"name": "a.svg", "mimeType": "image/svg+xml", "buffer": b"<html></html>"}
    plan.locator("input[type=file]").set_input_files(files)
    expect(plan.get_by_role("alert")).to_contain_text("This is no SVG drawing that can be read.")
    plan.locator("input[type=file]").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no"})
    expect(plan.get_by_role("alert")).to_contain_text("This picture can't be read.")
