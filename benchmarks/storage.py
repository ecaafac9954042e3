"""How quick and how large a site's database is with five years of 16 cameras in it.

    make bench-storage

Prints JSON: stored numbers, bytes of the file, the milliseconds of what each page reads (median and slowest of many, on
days spread over the whole time, and how many of them were this program's own), the seconds of a month's report with its
PDF, of adding all days up once, of a backup, of a check of every page, of a new key, and of the removal of what is
older than the settings keep.
`--years` and `--cameras` make it smaller. `--site FOLDER` keeps the site there for the next run, and measures nothing
that would change it. The numbers are random; there are as many of them as a site with one line and
one zone a camera stores.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from appliance.audit import log
from appliance.audit.log import Event, append
from appliance.audit.retention import remove_expired
from appliance.reports.build import build_report, list_reports
from appliance.reports.daily import sum_days
from appliance.reports.exploration import SUBJECTS, Question, Unit, explore
from appliance.reports.period import Period
from appliance.services import backups
from appliance.settings import Paths, Settings, find_paths
from appliance.storage import cameras, keys, measurements, users
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.copying import check_pages
from appliance.storage.database import reading
from appliance.storage.site import Site, create_site
from appliance.vision.live import LiveClient
from appliance.web.context import WebContext
from appliance.web.day import Day, day_of
from appliance.web.present import KINDS, SHOWN_MEASURES, read_counts, read_last_week

END = datetime(2026, 11, 1, tzinfo=UTC)
AUDIT_ENTRIES = 25_000
MOST_EVER = 10_000
REPEATS = 20
PASSPHRASE = "only for this benchmark"  # noqa: S105
# Measure, place, kind and direction of each number that a bucket of one camera has.
CELLS = (
    *(("crossings", "door", kind, direction) for kind in ("person", "vehicle") for direction in ("in", "out")),
    *((measure, "till", kind, "") for measure in ("occupancy_seconds", "visits") for kind in ("person", "vehicle")),
    ("observed_seconds", "", "", ""),
)
FILL = """
WITH RECURSIVE bucket(start) AS (
    VALUES (:first) UNION ALL SELECT start + 900 FROM bucket WHERE start + 900 < :end
)
INSERT INTO measurement
    (bucket_start, camera, measure, place, kind, direction, bucket_seconds, mode, epsilon, value, variance)
SELECT bucket.start, camera.name, cell.value ->> 0, cell.value ->> 1, cell.value ->> 2, cell.value ->> 3,
    900, 'differential', 2.0, abs(random()) % 60 - 2, 9.5
FROM bucket CROSS JOIN camera CROSS JOIN json_each(:cells) AS cell
ORDER BY 1, 2, 3, 4, 5, 6
"""


def fill(site: Site, years: int, number: int) -> float:
    """Store everything, a month in each transaction; returns seconds."""
    lines, zones = (LineSetting("door", 0.1, 0.5, 0.9, 0.5),), (ZoneSetting("till", ((0, 0), (1, 0), (1, 1))),)
    with site.engine.begin() as connection:
        for each in range(number):
            cameras.add(connection, Camera(f"camera {each:02d}", f"rtsp://192.0.2.{each}/", lines=lines, zones=zones))
        for each in range(AUDIT_ENTRIES):
            moment = END - timedelta(days=365) + timedelta(seconds=each * 365 * 86400 // AUDIT_ENTRIES)
            append(connection, Event(f"person {each % 5}", "view-closed", f"camera {each % number:02d}"), moment)
    begun = time.perf_counter()
    first = END - timedelta(days=365 * years)
    while first < END:
        following = min(first + timedelta(days=30), END)
        values = {"first": int(first.timestamp()), "end": int(following.timestamp()), "cells": json.dumps(CELLS)}
        with site.engine.begin() as connection:
            connection.execute(text(FILL), values)
        first = following
    return time.perf_counter() - begun


def milliseconds(act: Callable[[int], object]) -> dict[str, float]:
    taken, used = [], []
    for number in range(REPEATS):
        begun, began = time.perf_counter(), time.process_time()
        act(number)
        taken.append(1000 * (time.perf_counter() - begun))
        used.append(1000 * (time.process_time() - began))
    return {
        "median": round(statistics.median(taken), 1),
        "slowest": round(max(taken), 1),
        "median_processor": round(statistics.median(used), 1),
    }


def seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return round(time.perf_counter() - begun, 2)


def pages(paths: Paths, settings: Settings, site: Site, years: int) -> dict[str, dict[str, float]]:
    """What each page reads of the database."""
    context = WebContext(site, settings, paths, LiveClient(paths.live_socket))
    step = years * 365 // (REPEATS + 1)

    def day(number: int) -> Day:
        return day_of(END - timedelta(days=1 + number * step, hours=-15), settings.site.zone)

    def today(number: int) -> None:
        with reading(site.engine) as connection:
            measurements.read_hours(connection, day(number).start, day(number).end, SHOWN_MEASURES, KINDS)

    def exploring(measure: str, days: int, unit: Unit) -> Callable[[int], None]:
        last = END.date() - timedelta(days=1)
        period = Period(last - timedelta(days=days - 1), last, settings.site.zone)

        def ask(_number: int) -> None:
            with reading(site.engine) as connection:
                explore(connection, Question(SUBJECTS[measure], None, period, unit), END, settings.anonymity.k)

        return ask

    def asking(act: Callable[[Connection], object]) -> Callable[[int], None]:
        def ask(_number: int) -> None:
            with reading(site.engine) as connection:
                act(connection)

        return ask

    def audit_page(connection: Connection) -> None:
        log.count(connection, ["view-closed"])
        log.entries(connection, actions=["view-closed"], newest_first=True, limit=50, offset=AUDIT_ENTRIES // 2)

    return {
        "today": milliseconds(today),
        "today, added up": milliseconds(lambda number: read_counts(context, day(number))),
        "today, last week": milliseconds(lambda number: read_last_week(context, day(number), day(number).end)),
        "explore, a day by quarter": milliseconds(exploring("in", 1, Unit.QUARTER)),
        "explore, a week by hour": milliseconds(exploring("in", 7, Unit.HOUR)),
        "explore, 16 days by hour": milliseconds(exploring("in", 16, Unit.HOUR)),
        "explore, people inside, a week by hour": milliseconds(exploring("occupancy", 7, Unit.HOUR)),
        "explore, a fortnight by day": milliseconds(exploring("in", 14, Unit.DAY)),
        "explore, people inside, a year by week": milliseconds(exploring("occupancy", 365, Unit.WEEK)),
        "explore, everything by month": milliseconds(exploring("in", years * 365, Unit.MONTH)),
        "explore, people inside, everything by month": milliseconds(exploring("occupancy", years * 365, Unit.MONTH)),
        "live": milliseconds(asking(cameras.list_cameras)),
        "reports": milliseconds(lambda _number: list_reports(site.engine, paths)),
        "audit log": milliseconds(asking(audit_page)),
        "log-in": milliseconds(asking(users.list_users)),
    }


def remove(site: Site, settings: Settings) -> None:
    """As the program does, a part in each transaction."""
    more = True
    while more:
        with site.engine.begin() as connection:
            more = remove_expired(connection, settings.retention, "benchmark", END).measurements > 0


def changing(paths: Paths, settings: Settings, site: Site, folder: Path) -> dict[str, object]:
    """What leaves the database another one than it was."""
    result: dict[str, object] = {
        "backup_seconds": seconds(lambda: backups.back_up(paths, folder / "b", PASSPHRASE, "benchmark")),
        "backup_bytes": (folder / "b").stat().st_size,
        "check_seconds": seconds(lambda: check_pages(paths.database, keys.load_database_keys(paths))),
        "retention_seconds": seconds(lambda: remove(site, settings)),
    }
    with reading(site.engine) as connection:
        result["kept_numbers"] = connection.execute(text("SELECT count(*) FROM measurement")).scalar_one()
    site.engine.dispose()
    result["new_key_seconds"] = seconds(lambda: backups.change_database_key(paths, "benchmark"))
    result["database_bytes_after_retention_and_new_key"] = paths.database.stat().st_size
    return result


def make_site(paths: Paths, settings: Settings, years: int, number: int) -> dict[str, object]:
    """Fill a new site; the figures of that."""
    site, _ = create_site(paths)
    paths.reports.mkdir(exist_ok=True)
    paths.outbox.mkdir(exist_ok=True)
    filled = fill(site, years, number)
    with reading(site.engine) as connection:
        stored = connection.execute(text("SELECT count(*) FROM measurement")).scalar_one()
    summed = seconds(lambda: sum_days(site.engine, settings.site.zone, END, MOST_EVER))
    site.engine.dispose()
    return {
        "years": years,
        "cameras": number,
        "stored_numbers": stored,
        "stored_per_second": round(stored / filled),
        "days_added_up_seconds": summed,
        "database_bytes": paths.database.stat().st_size,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--site", type=Path)
    options = parser.parse_args()
    settings = Settings()
    with tempfile.TemporaryDirectory(prefix="veilsight-storage-") as scratch:
        folder = options.site or Path(scratch)
        paths, figures = find_paths(os.environ, folder / "state"), folder / "figures.json"
        if not figures.exists():
            figures.write_text(json.dumps(make_site(paths, settings, options.years, options.cameras)))
        result = json.loads(figures.read_text())
        site, _ = create_site(paths)
        result["pages_ms"] = pages(paths, settings, site, result["years"])
        first, last = date(2026, 10, 1), date(2026, 10, 31)
        result["report_of_a_month_seconds"] = seconds(
            lambda: build_report(paths, settings, site.engine, first, last, "benchmark", END)
        )
        if options.site is None:
            result |= changing(paths, settings, site, folder)
        site.engine.dispose()
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
