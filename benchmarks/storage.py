"""How quick and how large a site's database is with five years of 16 cameras in it.

    make bench-storage

Prints JSON: stored numbers, bytes of the file, the milliseconds of what each page reads (median and slowest of many, on
days spread over the whole time, and how many of them were this program's own), the seconds of a month's report with its
PDF, of adding all days up once, of a backup, of a check of every page, of a new key, and of the removal of what is
older than the settings keep.
It takes an hour or so; `--years` and `--cameras` make it smaller. `--site FOLDER` keeps the site there for the next
run, and measures nothing that would change it. What is in the database says `benchmarks/five_years.py`. The last day is
not added up, as today is not.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from appliance.audit import log
from appliance.audit.retention import remove_expired
from appliance.reports.build import build_report, list_reports
from appliance.reports.daily import sum_days
from appliance.reports.exploration import SUBJECTS, Question, Unit, explore
from appliance.reports.floor import MOST_DAYS, MOST_HEAT_DAYS, read_heat, read_stays, read_ways
from appliance.reports.period import Period
from appliance.services import backups
from appliance.settings import Paths, Settings, find_paths
from appliance.storage import cameras, floor_plan, keys, measurements, users
from appliance.storage.copying import check_pages
from appliance.storage.database import reading
from appliance.storage.site import Site, create_site
from appliance.vision.live import LiveClient
from appliance.web.context import WebContext
from appliance.web.day import Day, day_of
from appliance.web.present import KINDS, SHOWN_MEASURES, read_counts, read_last_week
from benchmarks.five_years import AUDIT_ENTRIES, END, add_cameras, fill

MOST_EVER = 10_000
REPEATS = 20
PASSPHRASE = "only for this benchmark"  # noqa: S105
# Before the last day is over.
NOW = END - timedelta(hours=8)


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
    k = settings.anonymity.k
    with reading(site.engine) as connection:
        known = cameras.list_cameras(connection)
    step = years * 365 // (REPEATS + 1)

    def day(number: int) -> Day:
        return day_of(END - timedelta(days=1 + number * step, hours=-15), settings.site.zone)

    def today(number: int) -> None:
        with reading(site.engine) as connection:
            measurements.read_hours(connection, day(number).start, day(number).end, SHOWN_MEASURES, KINDS)

    def last_days(days: int) -> Period:
        last = END.date() - timedelta(days=1)
        return Period(last - timedelta(days=days - 1), last, settings.site.zone)

    def exploring(measure: str, days: int, unit: Unit) -> Callable[[int], None]:
        question = Question(SUBJECTS[measure], None, last_days(days), unit)
        return asking(lambda connection: explore(connection, question, NOW, k))

    def staying(days: int) -> Callable[[int], None]:
        zones = [(camera.name, zone.name) for camera in known for zone in camera.zones]
        return asking(lambda connection: read_stays(connection, last_days(days), zones, "person", NOW, k))

    def going(days: int) -> Callable[[int], None]:
        zones = {camera.name: [zone.name for zone in camera.zones] for camera in known}
        return asking(lambda connection: read_ways(connection, last_days(days), zones, NOW, k))

    def standing(days: int) -> Callable[[int], None]:
        names = [camera.name for camera in known if camera.heat_map]
        return asking(lambda connection: read_heat(connection, last_days(days), names, NOW, k))

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
        "explore, people inside, 16 days by hour": milliseconds(exploring("occupancy", 16, Unit.HOUR)),
        "explore, people inside, 4 days by quarter": milliseconds(exploring("occupancy", 4, Unit.QUARTER)),
        "explore, time of a visit, 16 days by hour": milliseconds(exploring("dwell", 16, Unit.HOUR)),
        "explore, a fortnight by day": milliseconds(exploring("in", 14, Unit.DAY)),
        "explore, people inside, a year by week": milliseconds(exploring("occupancy", 365, Unit.WEEK)),
        "explore, 400 days by day": milliseconds(exploring("in", 400, Unit.DAY)),
        "explore, everything by month": milliseconds(exploring("in", years * 365, Unit.MONTH)),
        "explore, people inside, 400 days by day": milliseconds(exploring("occupancy", 400, Unit.DAY)),
        "explore, people inside, everything by week": milliseconds(exploring("occupancy", years * 365, Unit.WEEK)),
        "explore, people inside, everything by month": milliseconds(exploring("occupancy", years * 365, Unit.MONTH)),
        "explore, vehicles that left, everything by week": milliseconds(
            exploring("vehicles-left", years * 365, Unit.WEEK)
        ),
        "explore, vehicles that left, everything by month": milliseconds(
            exploring("vehicles-left", years * 365, Unit.MONTH)
        ),
        "explore, ways, everything by month": milliseconds(exploring("flows", years * 365, Unit.MONTH)),
        "time in zones, a week": milliseconds(staying(7)),
        f"time in zones, {MOST_DAYS} days": milliseconds(staying(MOST_DAYS)),
        "ways between zones, a week": milliseconds(going(7)),
        f"ways between zones, {MOST_DAYS} days": milliseconds(going(MOST_DAYS)),
        "heat map, today": milliseconds(standing(1)),
        "heat map, a week": milliseconds(standing(7)),
        f"heat map, {MOST_HEAT_DAYS} days": milliseconds(standing(MOST_HEAT_DAYS)),
        "floor plan": milliseconds(asking(floor_plan.read)),
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
    add_cameras(site, number)
    filled = fill(site, years)
    with reading(site.engine) as connection:
        stored = connection.execute(text("SELECT count(*) FROM measurement")).scalar_one()
    summed = seconds(lambda: sum_days(site.engine, settings.site.zone, NOW, MOST_EVER))
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
