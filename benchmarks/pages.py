"""How quick and how large the pages are on a site with five years of 16 cameras in its database.

    make bench-pages

Prints JSON: for each page that links lead to, and for questions to Explore, the milliseconds from a request to the
whole answer over TLS (median and slowest of several, and how many of them were spent by this process, which is server
and client) and the bytes that a browser with an empty cache transfers for it,
style sheets, scripts and fonts included; and the milliseconds from the opening of a page in Chromium until its first
chart is drawn. What is in the database says `benchmarks/five_years.py`; the last day goes on, and is not added up.

`--site FOLDER` keeps the site there, and uses the one that is there already. `--years` and `--cameras` make it smaller.
"""

import argparse
import http.client
import json
import os
import re
import ssl
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from html import unescape
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from appliance.reports.build import build_report
from appliance.reports.daily import sum_days
from appliance.settings import Paths, Settings, find_paths
from appliance.storage import users
from appliance.storage.site import create_site, open_site
from appliance.vision.live import LiveClient
from appliance.web.application import create_app, make_ready
from appliance.web.certificate import Certificate, load_or_make
from appliance.web.context import WebContext
from appliance.web.security import SESSION_COOKIE
from appliance.web.server import serve
from benchmarks.five_years import END, add_cameras, fill
from benchmarks.storage import MOST_EVER
from tests.real.test_browser import ARGUMENTS, CHROMIUM

# An afternoon of the last day that has numbers.
NOW = END - timedelta(hours=8)
REPEATS = 15
SECONDS = 60.0
LAST = (END - timedelta(days=1)).date()
LINK = re.compile(r'<a [^>]*?href="(/[^"#]*)"([^>]*)>')
# Which questions to Explore, by name: what follows its address.
QUESTIONS = {
    "a week by hour": f"?from={LAST - timedelta(days=6)}&to={LAST}&unit=hour",
    "a year by week": f"?from={LAST - timedelta(days=364)}&to={LAST}&unit=week",
    "five years by month": f"?from={LAST - timedelta(days=1824)}&to={LAST}&unit=month",
    "two years compared by month": f"?from={LAST - timedelta(days=364)}&to={LAST}&unit=month&against=year",
    "people inside, 16 days by hour": f"?measure=occupancy&from={LAST - timedelta(days=15)}&to={LAST}&unit=hour",
    "people inside, 4 days by quarter": f"?measure=occupancy&from={LAST - timedelta(days=3)}&to={LAST}&unit=quarter",
    "people inside, five years by month": f"?measure=occupancy&from={LAST - timedelta(days=1824)}&to={LAST}&unit=month",
    "time in zones, 400 days": f"/stays?from={LAST - timedelta(days=399)}&to={LAST}",
    "ways between zones, 400 days": f"/ways?from={LAST - timedelta(days=399)}&to={LAST}",
    "heat map, 31 days": f"/heat?from={LAST - timedelta(days=30)}&to={LAST}",
}
# A browser's own account of what it transferred, headers included, and of the first chart on the page.
TRANSFERRED = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .reduce((sum, entry) => sum + entry.transferSize, 0)"""
CHART = ".chart canvas, svg.plot-drawing"
# Two frames after it is there it is on the screen.
DRAWN = """() => new Promise((done) => requestAnimationFrame(() =>
    requestAnimationFrame(() => done(performance.now()))))"""


def prepare(paths: Paths, years: int, cameras: int) -> None:
    """A site with its numbers, the sums of its days, a user and a month's report."""
    site, _ = create_site(paths)
    add_cameras(site, cameras)
    fill(site, years)
    sum_days(site.engine, Settings().site.zone, NOW, MOST_EVER)
    with site.engine.begin() as connection:
        users.add(connection, "ada", "correct horse battery staple", users.Role.ADMINISTRATOR)
    build_report(paths, Settings(), site.engine, date(2026, 9, 1), date(2026, 9, 30), "benchmark", NOW)
    site.engine.dispose()


@contextmanager
def served(context: WebContext, certificate: Certificate) -> Iterator[int]:
    """The port of the site's own server, as `appliance.services.web` runs it."""
    stop, ready, ports = threading.Event(), threading.Event(), list[int]()

    def tell(port: int) -> None:
        ports.append(port)
        ready.set()

    app = create_app(context)
    make_ready(app)
    arguments = (app, "127.0.0.1", 0, certificate, stop, tell)
    server = threading.Thread(target=serve, args=arguments)
    server.start()
    try:
        if not ready.wait(SECONDS):
            raise SystemExit("The page did not come up.")
        yield ports[0]
    finally:
        stop.set()
        server.join()


class Visitor:
    """Asks for pages over one connection, as somebody who is logged in."""

    def __init__(self, port: int, certificate: Certificate, cookie: str) -> None:
        trust = ssl.create_default_context(cafile=str(certificate.authority))
        self._connection = http.client.HTTPSConnection("localhost", port, timeout=SECONDS, context=trust)
        self._headers = {"Cookie": cookie, "Accept-Encoding": "gzip"}

    def get(self, path: str) -> tuple[http.client.HTTPResponse, bytes, float]:
        """The answer, its body and the milliseconds until all of it was there."""
        begun = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        return answer, body, 1000 * (time.perf_counter() - begun)


def find_pages(visitor: Visitor, context: WebContext) -> dict[str, str]:
    """One page of each kind that links lead to, by its endpoint."""
    adapter = create_app(context).url_map.bind("localhost")
    waiting, found, seen = ["/"], dict[str, str](), set[str]()
    while waiting:
        path = waiting.pop(0)
        endpoint, _ = adapter.match(path.partition("?")[0], "GET")
        if endpoint in seen:
            continue
        seen.add(endpoint)
        answer, body, _ = visitor.get(path)
        if answer.status == 200 and answer.headers["Content-Type"].startswith("text/html"):
            found[endpoint] = path
            links = LINK.findall(body.decode())
            waiting += [unescape(link) for link, rest in links if "download" not in rest and "." not in link]
    explore = found.get("explore.page", "/explore").partition("?")[0]
    return found | {f"explore, {name}": f"{explore}{question}" for name, question in QUESTIONS.items()}


def timed(visitor: Visitor, path: str) -> dict[str, float]:
    """The first request, which may find nothing cached, is among them."""
    found, used = [], []
    for _ in range(REPEATS):
        began = time.process_time()
        found.append(visitor.get(path)[2])
        used.append(1000 * (time.process_time() - began))
    return {
        "median_ms": round(statistics.median(found), 1),
        "slowest_ms": round(max(found), 1),
        "median_processor_ms": round(statistics.median(used), 1),
    }


def opened(browser: Browser, address: str, path: str, cookie: Mapping[str, str]) -> dict[str, float]:
    """What a browser with an empty cache transfers, and when the first chart is drawn, if there is one."""
    window = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900})
    window.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": address}])
    page = window.new_page()
    page.goto(address + path, wait_until="load")
    found: dict[str, float] = {}
    if page.locator(CHART).count():
        page.wait_for_selector(CHART)
        found["first_chart_ms"] = round(page.evaluate(DRAWN))
    found["transferred_bytes"] = page.evaluate(TRANSFERRED)
    window.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--site", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="veilsight-pages-") as scratch:
        paths = find_paths(os.environ, options.site or Path(scratch) / "state")
        if not paths.database.exists():
            prepare(paths, options.years, options.cameras)
        site = open_site(paths)
        context = WebContext(site, Settings(), paths, LiveClient(paths.live_socket), lambda: NOW)
        certificate = load_or_make(paths, context.settings)
        identifier, _ = context.sessions.open("ada", users.Role.ADMINISTRATOR, NOW)
        with served(context, certificate) as port, sync_playwright() as playwright:
            visitor = Visitor(port, certificate, f"{SESSION_COOKIE}={identifier}")
            pages = find_pages(visitor, context)
            measured: dict[str, dict[str, float]] = {name: timed(visitor, path) for name, path in pages.items()}
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            cookie = {"name": SESSION_COOKIE, "value": identifier}
            for name, path in pages.items():
                measured[name] |= opened(browser, f"https://localhost:{port}", path, cookie)
            browser.close()
        context.feeds.stop()
        site.engine.dispose()
    print(json.dumps({"years": options.years, "cameras": options.cameras, "pages": measured}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
