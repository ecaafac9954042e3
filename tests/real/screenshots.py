"""Pictures of every page in both themes, on a phone and a desktop, of a site with a month of made-up numbers.

    python -m tests.real.screenshots FOLDER

The demonstration's clip plays as the camera meanwhile. Pages are found by their links. The README's pictures go into
docs/.
"""

import argparse
import math
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
from playwright.sync_api import Page, sync_playwright

from appliance.audit import log
from appliance.audit.log import Event
from appliance.demo.clip import fetch_clip
from appliance.demo.show import CAMERA, LINE, ZONE, cache_directory, prepare_site
from appliance.metrics.measures import Layout, noise_scales
from appliance.metrics.uncertainty import variance_of_noise
from appliance.reports.build import build_report
from appliance.services.supervisor import start_programs
from appliance.settings import Paths, find_paths, load_settings
from appliance.storage import measurements
from appliance.storage.measurements import MeasurementRow
from appliance.storage.site import open_site
from appliance.vision.live import LiveClient
from appliance.web.application import create_app
from appliance.web.context import WebContext
from appliance.web.views import REASONS
from tests.real.test_accessibility import links
from tests.real.test_browser import ARGUMENTS, CHROMIUM

# Which pictures the README shows, made smaller; no other picture is in the repository.
README = {"today-show-desktop-light": "today.webp", "live-show-desktop-dark": "live.webp"}
# The width they get, and how much of the page's height is kept.
README_PIXELS, README_QUALITY = (1100, 1050), 78
DAYS = 30
BUCKET = timedelta(minutes=15)
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1440, "height": 900}}
SETTLE_MILLISECONDS = 1500
# Seconds of the clip before the first picture is taken.
WARM_UP_MILLISECONDS = 25_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="veilsight-screenshots-") as state:
        found = find_paths(os.environ, Path(state))
        paths = replace(found, models=find_paths(os.environ).models)
        taken = Path(state, "head-office")
        taken.mkdir()
        text = SETTINGS.replace("ZONE", afternoon(datetime.now(UTC))).replace("FOLDER", str(taken))
        paths.settings_file.write_text(text, encoding="utf-8")
        settings = load_settings(paths.settings_file)
        first_start = prepare_site(paths, settings, fetch_clip(cache_directory(os.environ)))
        make_up_history(paths, settings.site.zone)
        with start_programs(paths), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            context = browser.new_context(ignore_https_errors=True, locale="en-GB")
            page = context.new_page()
            wait_for_page(page)
            page.get_by_label("Name").fill(first_start.user)
            page.get_by_label("Password").fill(first_start.password or "")
            page.get_by_role("button", name="Log in").click()
            page.wait_for_timeout(WARM_UP_MILLISECONDS)
            for picture in (*live(page, folder), *everything(page, paths, folder)):
                print(picture)
            browser.close()
    for name, file in README.items():
        shrink(folder / f"{name}.png", Path(__file__).parents[2] / "docs" / file)
    return 0


SETTINGS = """
[site]
name = "Corner shop"
timezone = "ZONE"
controller = "Corner Shop SARL, 1 rue du Port, Nantes"
contact = "privacy@example.org"
[web]
host = "127.0.0.1"
port = 18443
[opening]
monday = ["09:00-19:00"]
tuesday = ["09:00-19:00"]
wednesday = ["09:00-19:00"]
thursday = ["09:00-20:00"]
friday = ["09:00-20:00"]
saturday = ["10:00-20:00"]
sunday = ["10:00-18:00"]
[[reports]]
name = "weekly"
every = "week"
[[destinations]]
name = "head-office"
folder = "FOLDER"
[[alerts]]
name = "busy junction"
camera = "footpath"
zone = "junction"
people = 4
"""
ADDRESS = "https://localhost:18443"


def afternoon(now: datetime) -> str:
    """A time zone in which it is about four in the afternoon, so that the day has something to show."""
    east = (16 - now.hour + 12) % 24 - 12
    # POSIX counts westwards.
    return f"Etc/GMT{-east:+d}" if east else "UTC"


def make_up_history(paths: Paths, zone: ZoneInfo) -> None:
    """Counts of the last days as the mode `differential` would store them, a report, and an entry of a view."""
    site, chance = open_site(paths), random.Random(1)  # noqa: S311 - no secret
    now = datetime.now(UTC)
    last = datetime.fromtimestamp(now.timestamp() // 900 * 900, UTC)
    scales = noise_scales(Layout((LINE.name,), (ZONE.name,)), 2.0)
    variances = {measure: variance_of_noise(scale) for measure, scale in scales.items()}
    for days in range(DAYS, -1, -1):
        with site.engine.begin() as connection:
            for number in range(96):
                start = last - timedelta(days=days) - number * BUCKET
                measurements.add_bucket(connection, bucket(start, start.astimezone(zone), variances, chance))
    yesterday = now.astimezone(zone).date() - timedelta(days=1)
    build_report(paths, load_settings(paths.settings_file), site.engine, yesterday, yesterday, "demo")
    with site.engine.begin() as connection:
        log.append(
            connection, Event("demo", "view-opened", CAMERA, details={"reason": "A person asked about a picture"})
        )
    site.engine.dispose()


def bucket(
    start: datetime, local: datetime, variances: Mapping[str, float], chance: random.Random
) -> Iterator[MeasurementRow]:
    hour = local.hour + local.minute / 60
    weekend = 1.4 if local.weekday() == 5 else 0.6 if local.weekday() == 6 else 1.0
    noon, evening = (math.exp(-(((hour - peak) / width) ** 2)) for peak, width in ((12.3, 1.6), (17.2, 1.4)))
    busy = weekend * 30 * (noon + evening) if 9 <= hour < 19.5 else 0.0
    exact = {
        ("crossings", LINE.name, "in"): busy,
        ("crossings", LINE.name, "out"): 0.95 * busy,
        ("visits", ZONE.name, ""): 0.7 * busy,
        ("occupancy_seconds", ZONE.name, ""): 40 * busy,
    }
    for (measure, place, direction), value in exact.items():
        variance = variances[measure]
        number = round(value * chance.uniform(0.8, 1.2) + chance.gauss(0, math.sqrt(variance)))
        yield MeasurementRow(
            start, 900, CAMERA, measure, place, "person", direction, number, "differential", 2.0, variance
        )
    yield MeasurementRow(start, 900, CAMERA, "observed_seconds", "", "", "", 900, "differential", 2.0)


def wait_for_page(page: Page) -> None:
    for _ in range(120):
        try:
            page.goto(ADDRESS)
        except Exception:
            page.wait_for_timeout(500)
        else:
            return
    raise SystemExit("The page did not come up.")


def pages(page: Page, paths: Paths) -> Iterator[tuple[str, str]]:
    """The name and path of one page of each kind that links lead to."""
    site = open_site(paths)
    app = create_app(WebContext(site, load_settings(paths.settings_file), paths, LiveClient(paths.live_socket)))
    adapter = app.url_map.bind("localhost")
    waiting, seen = ["/"], set[str]()
    while waiting:
        path = waiting.pop(0)
        endpoint, _ = adapter.match(path, "GET")
        if endpoint in seen:
            continue
        seen.add(endpoint)
        if not page.request.get(ADDRESS + path).headers["content-type"].startswith("text/html"):
            continue
        page.goto(ADDRESS + path)
        waiting += links(page, ADDRESS)
        yield endpoint.replace(".", "-"), path
    site.engine.dispose()


def everything(page: Page, paths: Paths, folder: Path) -> Iterator[Path]:
    for name, path in pages(page, paths):
        yield from take(page, name, path, folder)


def live(page: Page, folder: Path) -> Iterator[Path]:
    """The live view with its redacted picture; it is opened anew for each, since leaving it closes it."""
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.goto(f"{ADDRESS}/live")
            page.get_by_label(CAMERA).check()
            page.get_by_label(REASONS[1]).check()
            page.get_by_role("button", name="Open the live view").click()
            page.wait_for_timeout(SETTLE_MILLISECONDS * 4)
            picture = folder / f"live-show-{size}-{theme}.png"
            page.screenshot(path=picture)
            yield picture
            page.get_by_role("button", name="Close the view").click()


def shrink(picture: Path, smaller: Path) -> None:
    """A picture of a page, small enough for the repository."""
    pixels = cv2.imread(str(picture))[: README_PIXELS[1]]
    scale = README_PIXELS[0] / pixels.shape[1]
    pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(smaller), pixels, [cv2.IMWRITE_WEBP_QUALITY, README_QUALITY])


def take(page: Page, name: str, path: str, folder: Path) -> Iterator[Path]:
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.goto(ADDRESS + path)
            page.wait_for_timeout(SETTLE_MILLISECONDS)
            picture = folder / f"{name}-{size}-{theme}.png"
            page.screenshot(path=picture, full_page=True)
            yield picture


if __name__ == "__main__":
    sys.exit(main())
