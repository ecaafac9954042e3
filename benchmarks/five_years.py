"""A site with years of numbers from many cameras, made up: for the benchmarks of the database and of the pages.

Every camera has one line and one zone, each fourth a second zone; two have had a heat map for the last year. Each
bucket has every number that such a camera stores in the mode `differential` (`appliance.metrics.measures`), with that
mode's variances. The values are random.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from appliance.audit.log import Event, append
from appliance.metrics.measures import MEASURES, Layout, noise_scales
from appliance.metrics.uncertainty import variance_of_noise
from appliance.storage import cameras, hourly_sums
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.site import Site

END = datetime(2026, 11, 1, tzinfo=UTC)
AUDIT_ENTRIES = 25_000
BUCKET_SECONDS = 900
EPSILON = 2.0
HEAT_MAPS = 2
HEAT_SINCE = END - timedelta(days=365)
CORNERS = ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9))

Cell = tuple[str, str, str, str, str, float, int]
"""Camera, measure, place, kind, direction, the noise's variance, and the largest random value."""

FILL = """
WITH RECURSIVE bucket(start) AS (
    VALUES (:first) UNION ALL SELECT start + :length FROM bucket WHERE start + :length < :end
)
INSERT INTO measurement
    (bucket_start, camera, measure, place, kind, direction, bucket_seconds, mode, epsilon, value, variance)
SELECT start, camera, measure, place, kind, direction, :length, 'differential', :epsilon, abs(random()) % most, variance
FROM bucket CROSS JOIN cell
WHERE measure != 'heat_seconds' OR :with_heat
"""


def add_cameras(site: Site, number: int) -> None:
    """The cameras, and a log in which they were looked at."""
    line = LineSetting("door", 0.1, 0.5, 0.9, 0.5)
    with site.engine.begin() as connection:
        for each in range(number):
            zones = [ZoneSetting("till", CORNERS, queue=True)]
            if each % 4 == 0:
                zones.append(ZoneSetting("shelves", CORNERS))
            address = f"rtsp://192.0.2.{each}/"
            camera = Camera(f"camera {each:02d}", address, lines=(line,), zones=tuple(zones), heat_map=each < HEAT_MAPS)
            cameras.add(connection, camera)
        for each in range(AUDIT_ENTRIES):
            moment = END - timedelta(days=365) + timedelta(seconds=each * 365 * 86400 // AUDIT_ENTRIES)
            append(connection, Event(f"person {each % 5}", "view-closed", f"camera {each % number:02d}"), moment)


def fill(site: Site, years: int) -> float:
    """Store everything, a month in each transaction; returns seconds."""
    begun = time.perf_counter()
    first = END - timedelta(days=365 * years)
    while first < END:
        following = min(first + timedelta(days=30), END)
        if first < HEAT_SINCE:
            following = min(following, HEAT_SINCE)
        with site.engine.begin() as connection:
            _fill(connection, first, following)
        first = following
    return time.perf_counter() - begun


def _fill(connection: Connection, first: datetime, end: datetime) -> None:
    cells = [cell for camera in cameras.list_cameras(connection) for cell in cells_of(camera)]
    connection.execute(text("DROP TABLE IF EXISTS temp.cell"))
    connection.execute(text("CREATE TEMP TABLE cell (camera, measure, place, kind, direction, variance, most)"))
    # In the order of the table's own key, so that nothing has to be sorted.
    connection.exec_driver_sql("INSERT INTO temp.cell VALUES (?, ?, ?, ?, ?, ?, ?)", sorted(cells))
    span = {"first": int(first.timestamp()), "end": int(end.timestamp()), "length": BUCKET_SECONDS}
    connection.execute(text(FILL), span | {"epsilon": EPSILON, "with_heat": first >= HEAT_SINCE})
    # As is done when a bucket is stored; a day at a time, so that nothing large has to be sorted.
    for start in range(span["first"], span["end"], 86400):
        hourly_sums.name_all(connection, start, start + 86400)
        hourly_sums.add_up(connection, start, start + 86400)


def cells_of(camera: Camera) -> Iterator[Cell]:
    """What one bucket of the camera holds."""
    names = tuple(zone.name for zone in camera.zones)
    layout = Layout(tuple(line.name for line in camera.lines), names, camera.heat_map)
    scales = noise_scales(layout, EPSILON)
    for name, measure in MEASURES.items():
        if measure.bound is None and not measure.about_camera:
            continue
        variance = 0.0 if measure.about_camera else variance_of_noise(scales[name]) if name in scales else None
        for cell in () if variance is None else measure.cells(name, layout):
            yield (camera.name, *cell, variance, 900 if name.endswith("seconds") else 60)
