"""Explore's floor pages compare two periods, and reports are scheduled, in a real browser: by keyboard, on a phone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from playwright.sync_api import Page, expect

from appliance.metrics.floor import DWELL_BINS, HEAT_CELLS
from appliance.storage import cameras, measurements
from appliance.storage.cameras import ZoneSetting
from appliance.storage.measurements import MeasurementRow
from tests.real.test_accessibility import AXE, judged
from tests.real.test_browser import NARROW, Served, browser, page, served, visit
from tests.web.conftest import ENTRANCE

__all__ = ["browser", "page", "served", "visit"]

CORNERS = ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9))
DAYS = 14


@pytest.fixture(scope="module")
def shop(served: Served) -> Served:
    """Two weeks of visits, ways and heat; in the second one half as many again, and elsewhere."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with served.context.engine.begin() as connection:
        till = ZoneSetting("till", CORNERS, queue=True)
        cameras.update(connection, replace(ENTRANCE, zones=(*ENTRANCE.zones, till), heat_map=True))
        for back in range(1, DAYS + 1):
            measurements.add_bucket(connection, list(bucket(today - timedelta(days=back) + timedelta(hours=12), back)))
    return served


def bucket(start: datetime, back: int) -> Iterator[MeasurementRow]:
    later = back <= DAYS // 2

    def row(measure: str, place: str, direction: str, value: float) -> MeasurementRow:
        given = {"value": value, "mode": "differential", "epsilon": 2.0, "variance": 8.0}
        return MeasurementRow(start, 900, "entrance", measure, place, "person", direction, **given)  # type: ignore[arg-type]

    for zone in ("hall", "till"):
        for name in DWELL_BINS:
            yield row("dwell", zone, name, 30 if later else 20)
    yield row("flows", "hall>till", "", 60 if later else 40)
    yield row("flows", "till>hall", "", 4)
    for cell in HEAT_CELLS:
        yield row("heat_seconds", cell, "", 600.0 if cell.startswith("3," if later else "9,") else 0.0)


@pytest.fixture
def days() -> str:
    """The last seven days that are over, as the address says it."""
    today = datetime.now(UTC).date()
    return f"from={today - timedelta(days=7)}&to={today - timedelta(days=1)}"


@pytest.mark.parametrize(
    ("view", "told"),
    [
        ("", "45 % more than in the other period."),
        ("stays", "50 % more visits than in the other period."),
        ("ways", "+140 ± "),
        ("heat", "Where most changed"),
    ],
)
def test_two_periods_are_compared_by_keyboard_and_on_a_phone(
    page: Page, shop: Served, days: str, view: str, told: str
) -> None:
    page.set_viewport_size(NARROW)
    page.goto(f"{shop.address}/explore{'/' if view else ''}{view}?{days}{'' if view else '&measure=flows'}")
    page.get_by_label("Compare with").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_url("**against=before**")
    expect(page.locator("main")).to_contain_text(told)
    expect(page.get_by_label("Compare with")).to_have_value("before")
    if not AXE.exists():
        pytest.skip("axe-core is not installed; `make setup-dev` does that")
    for details in page.locator("details").all():
        details.evaluate("each => each.open = true")
    assert judged(page) == []


def test_a_schedule_is_added_and_changed_on_a_phone(page: Page, shop: Served) -> None:
    context = shop.context
    context.filed = context.settings = msgspec.structs.replace(context.settings)
    page.set_viewport_size(NARROW)
    page.goto(f"{shop.address}/reports")
    page.get_by_text("Add a schedule").click()
    page.get_by_label("Name, of small letters").fill("weekly")
    page.get_by_role("button", name="Add the schedule").click()
    expect(page.locator("main")).to_contain_text("The schedule weekly is kept.")
    page.get_by_role("link", name="Edit weekly").click()
    page.get_by_label("When", exact=True).select_option("cron")
    page.get_by_label("Cron line").fill("30 6 * * 1")
    page.get_by_role("button", name="Save the schedule").click()
    expect(page.get_by_role("cell", name="30 6 * * 1")).to_be_visible()
    page.goto(f"{shop.address}/reports?schedule=weekly")
    if AXE.exists():
        assert judged(page) == []
    page.get_by_role("button", name="Remove weekly").click()
    expect(page.get_by_text("The schedule weekly is removed.")).to_be_visible()
