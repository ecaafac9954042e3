"""A site with a real encrypted database, and a history made by the product's own storage and audit functions."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.audit import log
from appliance.audit.log import Event
from appliance.settings import Destination, Paths, Retention, Settings, Site, find_paths
from appliance.storage import cameras, measurements
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.measurements import MeasurementRow
from appliance.storage.site import Site as OpenSite
from appliance.storage.site import create_site

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
SETTINGS = Settings(
    site=Site(
        name="Corner shop Ødegård",
        timezone="Europe/Oslo",
        controller="Ødegård Handel AS, Storgata 1, 0155 Oslo",
        contact="privacy@odegard.example",
    ),
    retention=Retention(metrics_months=13),
)
DOOR = LineSetting("Door", 0.45, 0.25, 0.45, 0.95)
AISLE = LineSetting("Aisle", 0.6, 0.2, 0.6, 0.9)
TILL = ZoneSetting("Till", ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)))


@dataclass(frozen=True)
class Place:
    """A site to report on."""

    paths: Paths
    settings: Settings
    site: OpenSite

    @property
    def engine(self) -> Any:
        return self.site.engine

    def with_destination(self, name: str, folder: Path) -> "Place":
        destinations = (*self.settings.destinations, Destination(name=name, folder=folder))
        return replace(self, settings=_replaced(self.settings, destinations=destinations))

    def changed(self, **sections: Any) -> "Place":
        """The same site with other settings."""
        return replace(self, settings=_replaced(self.settings, **sections))

    def happened(self, when: datetime, *event: Any, **more: Any) -> int:
        """Write an event into the log as of `when`; returns the entry's number."""
        with self.engine.begin() as connection:
            return log.append(connection, Event(*event, **more), when)

    def add_camera(self, camera: Camera, when: datetime) -> None:
        with self.engine.begin() as connection:
            cameras.add(connection, camera, when)
            log.append(connection, Event("ada", "camera-added", camera.name), when)

    def counted(
        self, start: datetime, camera: str, *values: tuple[str, str, str, str, float], seconds: int = 900
    ) -> None:
        """Store one bucket: (measure, place, kind, direction, value) each."""
        with self.engine.begin() as connection:
            measurements.add_bucket(connection, [MeasurementRow(start, seconds, camera, *value) for value in values])


def _replaced(settings: Settings, **changes: Any) -> Settings:
    fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return Settings(**(fields | changes))


def make_place(directory: Path, settings: Settings = SETTINGS) -> Place:
    paths = find_paths({"HOME": str(directory)}, directory / "state")
    site, _ = create_site(paths)
    return Place(paths, settings, site)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A new, empty site."""
    place = make_place(tmp_path)
    yield place
    place.engine.dispose()


def utc(day: int, hour: int = 12, minute: int = 0, month: int = 10) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def fill_october(place: Place, camera_names: tuple[str, ...] = ("Entrance",), seed: int = 7) -> None:
    """A month of opening hours, 08 to 22 UTC, with a day on which nothing was observed, and things that happened."""
    numbers = random.Random(seed)  # noqa: S311 - made-up counts
    place.happened(utc(1, 5), "system", "started", "engine")
    for task, name in (("people-vehicles", "MB3-CenterNet"), ("faces", "CenterFace"), ("text", "PP-OCRv6 small text")):
        details = {"task": task, "licence": "MIT", "device": "CPU", "precision": "FP32"}
        place.happened(
            utc(1, 5, 1), "engine", "network-loaded", name, sha256=name.encode().hex().ljust(64, "0"), details=details
        )
    for name in camera_names:
        source = "rtsp://10.20.30.40:554/private/path"
        place.add_camera(Camera(name, source, "user", "secret-word", lines=(DOOR, AISLE), zones=(TILL,)), utc(1, 6))
        fill_camera(place, name, numbers)
    place.happened(utc(3), "ada", "login", "page")
    place.happened(
        utc(3, 12, 1), "ada", "view-opened", camera_names[0], "redacted-frame", details={"reason": "line check"}
    )
    place.happened(utc(3, 12, 9), "ada", "view-closed", camera_names[0], "redacted-frame")
    place.happened(utc(4, 23, 30), "nobody", "login-failed", "page")
    place.happened(utc(20), "courier", "report-delivered", "september.pdf", "report", 12345, "ab" * 32, "head-office")
    place.happened(
        utc(21), "courier", "egress-refused", "x.jpg", "", 7, "cd" * 32, "outbox", details={"reason": "not a report"}
    )


def fill_camera(place: Place, name: str, numbers: random.Random) -> None:
    rows: list[MeasurementRow] = []
    for day in (day for day in range(1, 32) if day != 11):
        for quarter in range(14 * 4):
            start = utc(day, 8) + timedelta(minutes=15 * quarter)
            values = [("observed_seconds", "", "", "", 900.0)]
            for line in ("Door", "Aisle"):
                for kind, most in (("person", 12), ("vehicle", 1)):
                    values += [("crossings", line, kind, way, float(numbers.randint(0, most))) for way in ("in", "out")]
            values += [
                ("visits", "Till", "person", "", float(numbers.randint(0, 9))),
                ("occupancy_seconds", "Till", "person", "", 450.5),
                ("occupancy_maximum", "Till", "person", "", float(numbers.randint(0, 6))),
            ]
            rows += [MeasurementRow(start, 900, name, *value) for value in values]
    with place.engine.begin() as connection:
        measurements.add_bucket(connection, rows)
