"""How quickly a month's report of a supermarket with 16 cameras is built, and the report itself to look at.

    make bench-report
    python -m benchmarks.report_month --output /tmp/reports --languages en de fr es

Prints JSON: the seconds of each report from the database to its two signatures, its pages and its size. The month is
made up and looks like one: opening hours, noise as the engine adds it, log-ins, looks, a camera that was lost, a
delivery that failed, an update of a network, and the report of the month before.
"""

import argparse
import io
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from appliance.audit.log import Event, append
from appliance.camera_changes import describe_camera
from appliance.destinations import Destination
from appliance.language import CODES
from appliance.metrics.floor import DWELL_BINS
from appliance.metrics.measures import Layout, noise_scales
from appliance.opening_hours import Opening
from appliance.reports.build import build_report
from appliance.reports.signature import digest
from appliance.settings import Paths, Processing, Settings, find_paths
from appliance.settings import Site as SiteSettings
from appliance.storage import cameras, counting_checks, measurements, users
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera, LineSetting, Mounting, ZoneSetting
from appliance.storage.counting_checks import CountingCheck
from appliance.storage.measurements import MeasurementRow
from appliance.storage.site import Site, create_site
from appliance.storage.users import Role

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
BUILT = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
EPSILON = 2.0
ENGINE, WEB = "program:engine", "program:web"
WORKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
LINE = LineSetting("door", 0.1, 0.6, 0.9, 0.6)
AREA = ((0.1, 0.3), (0.9, 0.3), (0.9, 0.95), (0.1, 0.95))
CORNER = ((0.0, 0.0), (0.25, 0.0), (0.25, 0.2), (0.0, 0.2))
SETTINGS = Settings(
    site=SiteSettings(
        name="Markthalle Sendlinger Straße",
        timezone="Europe/Berlin",
        controller="Markthalle Sendling GmbH & Co. KG, Sendlinger Straße 12, 80331 München",
        contact="datenschutz@markthalle.example, +49 89 000000",
        logo="logo.svg",
    ),
    processing=Processing(
        data_protection_officer="Dr. Hanna Weiß, dsb@weiss.example, +49 89 000001",
        purposes="Counting visitors, to plan staff, opening hours and the layout of the market",
        legal_basis="Legitimate interest in planning by numbers (Art. 6(1)(f) GDPR); interests weighed on 3 March 2026",
        recipients="The operations team of the holding in Augsburg",
        notice_url="https://markthalle.example/kameras",
    ),
    opening=msgspec.convert(dict.fromkeys(WORKDAYS, ("07:00-20:00",)), Opening),
    destinations=(Destination(name="holding", folder=Path("/mnt/holding")),),
)
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 60"><path d="M4 56V24L30 6l26 18v32z" fill="#7a2e1f"/>'
    '<path d="M20 56V36h20v20z" fill="#fff"/><circle cx="88" cy="30" r="24" fill="#d8a13a"/>'
    '<path d="M78 30l8 9 14-18" fill="none" stroke="#fff" stroke-width="5"/></svg>'
)


@dataclass(frozen=True)
class Place:
    """A camera of the month: where it is, and how many pass or stay in an hour of the middle of a Saturday."""

    name: str
    location: str
    view: str
    line: bool
    zone: str
    busy: float
    queue: bool = False


PLACES = (
    Place("entrance-south", "above the south entrance, inside", "the doors and the first three metres", True, "", 420),
    Place("entrance-north", "above the north entrance, inside", "the doors and the trolley park", True, "", 260),
    Place("entrance-garage", "at the lift of the garage", "the lift's door and the corridor", True, "", 150),
    Place("staff-door", "at the loading bay, inside", "the loading door, not the street", True, "", 12),
    *(
        Place(
            f"till-{number}",
            f"above till {number}",
            f"the queue of till {number}, not the keypad",
            False,
            "queue",
            55,
            True,
        )
        for number in range(1, 5)
    ),
    Place("bakery", "above the bakery's counter", "the counter's front, not its back", False, "counter", 90, True),
    Place("cheese", "above the cheese counter", "the counter's front", False, "counter", 60, True),
    Place("fish", "above the fish counter", "the counter's front", False, "counter", 40, True),
    Place("vegetables", "on the third pillar", "the vegetables' tables", False, "tables", 210),
    Place("wine", "in the wine cellar", "the shelves along the wall", False, "shelves", 45),
    Place("flowers", "at the flower stand", "the stand and its queue", False, "stand", 38),
    Place("coffee-bar", "above the coffee bar", "the bar, not the tables", False, "bar", 75),
    Place("garage", "at the garage's barrier", "the lane, number plates under a mask", True, "", 30),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="keep the PDFs there")
    parser.add_argument("--languages", nargs="+", choices=CODES, default=["en"])
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        site, paths = make_month(Path(scratch))
        for language in options.languages:
            begun = time.perf_counter()
            built = build_report(
                paths, SETTINGS, site.engine, FIRST, LAST, "schedule", BUILT, SETTINGS.reports[0], language=language
            )
            seconds = round(time.perf_counter() - begun, 2)
            content = built.path.read_bytes()
            results.append(
                {"language": language, "seconds": seconds, "pages": count_pages(content), "bytes": len(content)}
            )
            if options.output:
                options.output.mkdir(parents=True, exist_ok=True)
                (options.output / f"month-{language}.pdf").write_bytes(content)
        site.engine.dispose()
    print(json.dumps({"cameras": len(PLACES), "days": 31, "reports": results}, indent=1))
    return 0


def count_pages(document: bytes) -> int:
    from pyhanko.pdf_utils.reader import PdfFileReader

    return int(PdfFileReader(io.BytesIO(document)).root["/Pages"]["/Count"])


def make_month(folder: Path) -> tuple[Site, Paths]:
    """A site in a new folder with the whole of October, a few days of September, and September's report."""
    paths = find_paths({"HOME": str(folder)}, folder / "state")
    site, _ = create_site(paths)
    paths.settings_file.write_text("# the benchmark hands its settings over\n")
    paths.settings_file.with_name("logo.svg").write_text(LOGO)
    numbers = random.Random(16)  # noqa: S311 - made-up counts
    set_up(site)
    for day in range(-5, 31):
        count_day(site, date(2026, 10, 1) + timedelta(days=day), numbers)
    build_report(
        paths, SETTINGS, site.engine, date(2026, 9, 1), date(2026, 9, 30), "schedule", at(1, 0, 30), SETTINGS.reports[0]
    )
    write_log(site, numbers)
    return site, paths


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC)


def set_up(site: Site) -> None:
    with site.engine.begin() as connection:
        append(connection, Event("setup", "user-added", "frau-weber"), datetime(2026, 9, 1, 8, tzinfo=UTC))
        users.add(connection, "frau-weber", "correct horse battery staple", Role.ADMINISTRATOR)
        users.add(connection, "herr-aydin", "another very long password", Role.MANAGER)
        for number, place in enumerate(PLACES):
            lines = (LINE,) if place.line else ()
            zones = (ZoneSetting(place.zone, AREA, place.queue),) if place.zone else ()
            masks = (ZoneSetting("mask-1", CORNER),) if number % 3 == 0 else ()
            mounting: Mounting = "overhead" if place.line else "oblique"
            camera = Camera(
                place.name, f"rtsp://192.0.2.{number + 10}/", lines=lines, zones=zones, masks=masks, mounting=mounting
            )
            begun = datetime(2026, 9, 1, 9, number, tzinfo=UTC)
            cameras.add(connection, camera, begun)
            append(connection, Event("frau-weber", "camera-added", place.name, "configuration"), begun)
            signs = "at the entrance, at eye level, before the camera's view" if number < 14 else ""
            record = CameraRecord(place.name, place.location, place.view, signs, "2026-09-01" if signs else "")
            describe_camera(connection, "herr-aydin", record, begun + timedelta(hours=3))
        for number, difference in enumerate((0.02, -0.03, -0.01, 0.04, -0.05, 0.01)):
            checked = PLACES[number % 3].name
            counting_checks.add(
                connection, CountingCheck(checked, at(2 + 3 * number, 10), "herr-aydin", 600, difference)
            )


def count_day(site: Site, day: date, numbers: random.Random) -> None:
    """A day's buckets of all cameras, from 6 to 20 at the site; closed on Sundays."""
    if day.weekday() == 6:
        return
    rows: list[MeasurementRow] = []
    for place in PLACES:
        lost = place.name == "fish" and day == date(2026, 10, 14)
        layout = Layout(("door",) if place.line else (), (place.zone,) if place.zone else ())
        scales = noise_scales(layout, EPSILON)
        for quarter in range(14 * 4):
            if lost and quarter > 20:
                continue
            start = datetime(day.year, day.month, day.day, 4, tzinfo=UTC) + timedelta(minutes=15 * quarter)
            crowd = (
                place.busy / 4 * (0.2 + math.sin(math.pi * quarter / 56) ** 2) * (1.4 if day.weekday() == 5 else 1.0)
            )
            rows += [*bucket(place, start, crowd, scales, numbers)]
    with site.engine.begin() as connection:
        measurements.add_bucket(connection, rows)


def bucket(
    place: Place, start: datetime, crowd: float, scales: dict[str, float], numbers: random.Random
) -> Iterator[MeasurementRow]:
    def row(measure: str, where: str, kind: str, direction: str, value: float) -> MeasurementRow:
        scale = scales[measure]
        noise = numbers.expovariate(1 / scale) - numbers.expovariate(1 / scale)
        noisy = value + noise if measure == "occupancy_seconds" else round(value + noise)
        return MeasurementRow(
            *(start, 900, place.name, measure, where, kind, direction, noisy, "differential", EPSILON, 2 * scale**2)
        )

    yield MeasurementRow(start, 900, place.name, "observed_seconds", "", "", "", 900.0, "differential", EPSILON)
    if place.line:
        for kind, part in (("person", 1.0), ("vehicle", 0.9 if place.name == "garage" else 0.0)):
            for direction in ("in", "out"):
                yield row("crossings", "door", kind, direction, max(0.0, numbers.gauss(crowd, crowd**0.5)) * part)
    if place.zone:
        for kind, part in (("person", 1.0), ("vehicle", 0.0)):
            visits = max(0.0, numbers.gauss(crowd, crowd**0.5)) * part
            yield row("visits", place.zone, kind, "", visits)
            yield row("occupancy_seconds", place.zone, kind, "", visits * 70)
            for number, name in enumerate(DWELL_BINS):
                yield row("dwell", place.zone, kind, name, visits * math.exp(-((number - 3) ** 2) / 3) / 3)


def write_log(site: Site, numbers: random.Random) -> None:
    """What a month leaves in the log, in the order of its time."""
    events = sorted(_events(numbers), key=lambda each: each[0])
    with site.engine.begin() as connection:
        for moment, event in events:
            append(connection, event, moment)


def _events(numbers: random.Random) -> Iterator[tuple[datetime, Event]]:
    yield at(1, 3), Event(ENGINE, "started", "engine")
    for task, name in (("people-vehicles", "MB3-CenterNet"), ("faces", "CenterFace"), ("text", "PP-OCRv6 small text")):
        details = {
            "task": task,
            "licence": "MIT" if task != "text" else "Apache-2.0",
            "device": "NPU",
            "precision": "FP16",
        }
        sha = digest(name.encode())
        yield at(1, 3, 1), Event(ENGINE, "network-loaded", name, "model", sha256=sha, details=details)
        for day in range(1, 32):
            for hour in range(24):
                pictures = numbers.randint(90_000, 180_000)
                used: dict[str, str | int] = {"task": task, "device": "NPU", "pictures": pictures}
                yield at(day, hour, 1), Event(ENGINE, "network-used", name, "model", details=used)
    for day in range(1, 32):
        for hour in range(24):
            shown = numbers.randint(0, 900) if 6 <= hour <= 18 else 0
            frames: dict[str, str | int] = {
                "analysed": numbers.randint(300_000, 570_000),
                "shown": shown,
                "covered": shown // 200,
            }
            yield at(day, hour, 1), Event(ENGINE, "frames-processed", "all cameras", details=frames)
        yield at(day, 0, 30), Event("program:web", "retention-run", "all data")
        if day % 7 not in (4, 5):
            yield at(day, 6, 2), Event("herr-aydin", "login", "page")
            yield (
                at(day, 6, 30),
                Event("herr-aydin", "counts-downloaded", f"counts-{day}.csv", "metric", 5120, "ab" * 32, "browser"),
            )
        if day % 9 == 2:
            yield at(day, 8), Event("frau-weber", "login", "page")
            reason = {"reason": "setting up a line"}
            yield at(day, 8, 5), Event("frau-weber", "view-opened", "till-2", "redacted-frame", details=reason)
            yield at(day, 8, 11), Event("frau-weber", "view-closed", "till-2", "redacted-frame")
    yield (
        at(1, 4),
        Event(
            "courier", "report-delivered", "veilsight-markthalle-2026-09.pdf", "report", 812_345, "5e" * 32, "holding"
        ),
    )
    for minute in (1, 3, 7):
        failed = {"reason": "The folder /mnt/holding is not there."}
        yield (
            at(1, 3, minute),
            Event("courier", "delivery-failed", "veilsight-markthalle-2026-09.pdf", "report", details=failed),
        )
    yield at(9, 21, 40), Event("stranger", "login-failed", "page")
    yield at(9, 21, 41), Event("stranger", "login-failed", "page")
    yield (
        at(14, 9, 20),
        Event(
            ENGINE,
            "camera-state",
            "fish",
            details={"state": "failed", "reason": "The camera fish can't be reached: no route to host."},
        ),
    )
    yield at(15, 5, 50), Event(ENGINE, "camera-state", "fish", details={"state": "streaming", "reason": ""})
    yield at(17, 10), Event(ENGINE, "camera-tampering", "wine", details={"state": "covered"})
    yield at(17, 10, 25), Event(ENGINE, "camera-tampering", "wine", details={"state": "over"})
    yield (
        at(20, 8, 6),
        Event(ENGINE, "redaction-failed", "till-2", details={"reason": "the networks answered later than 2 seconds"}),
    )
    yield at(20, 8, 7), Event(ENGINE, "redaction-restored", "till-2")
    yield at(22, 19), Event(ENGINE, "stopped", "engine")
    yield at(22, 19, 12), Event(ENGINE, "started", "engine")
    newer = {"task": "text", "licence": "Apache-2.0", "device": "NPU", "precision": "INT8"}
    yield (
        at(22, 19, 13),
        Event(ENGINE, "network-loaded", "PP-OCRv6 small text (INT8)", "model", sha256="c7" * 32, details=newer),
    )
    yield at(23, 11), Event("frau-weber", "settings-changed", "settings file", "configuration")
    yield at(25, 12), Event("herr-aydin", "camera-changed", "bakery", "configuration", details={"change": "zone added"})
    refused = {"reason": "This program may not reach 203.0.113.9."}
    yield (
        at(27, 2, 11),
        Event("program:courier", "guard-refused", "connection", destination="203.0.113.9:443", details=refused),
    )


if __name__ == "__main__":
    sys.exit(main())
