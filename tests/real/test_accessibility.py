"""Every page that can be reached by links, in both themes and many widths, judged by axe-core (WCAG 2.2 AA)."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from appliance.web.application import create_app
from tests.real.test_browser import Served, browser, page, served, visit

__all__ = ["browser", "page", "served", "visit"]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (360, 768, 1440, 2560)
# A page that a person with all rights reaches, at least; the crawl finds them by itself.
KNOWN = {"today.show", "live.choose", "reports.show", "audit.show"}


def test_every_page_is_accessible_and_fits_every_screen(page: Page, served: Served) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed; `make setup-dev` does that")
    adapter = create_app(served.context).url_map.bind("localhost")
    waiting, seen, findings = ["/"], dict[str, str](), list[str]()
    while waiting:
        path = waiting.pop(0)
        endpoint, _ = adapter.match(path, "GET")
        if endpoint in seen:
            continue
        seen[endpoint] = path
        if not page.request.get(served.address + path).headers["content-type"].startswith("text/html"):
            continue
        page.goto(served.address + path)
        waiting += links(page, served.address)
        findings += [f"{path}, {finding}" for finding in judged(page)]
    assert not findings, "\n".join(findings)
    assert seen.keys() >= KNOWN


def links(page: Page, address: str) -> list[str]:
    """Paths of the site's own pages that the page leads to, but files."""
    found: list[str] = page.eval_on_selector_all("a[href]:not([download])", "links => links.map(link => link.href)")
    return [urlsplit(each).path for each in found if each.startswith(address) and "." not in urlsplit(each).path]


def judged(page: Page) -> list[str]:
    """What is wrong with the page that is open."""
    findings = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.evaluate(AXE.read_text(encoding="utf-8"))
        answer: dict[str, Any] = page.evaluate("tags => axe.run({runOnly: tags, resultTypes: ['violations']})", RULES)
        for violation in answer["violations"]:
            places = ", ".join(str(node["target"][0]) for node in violation["nodes"][:3])
            findings.append(f"{theme}: {violation['help']} ({violation['id']}: {places})")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            findings.append(f"at {width} pixels: it is {wide} wide")
    return findings
