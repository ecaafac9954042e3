"""Every page that can be reached by links, in both themes and many widths, judged by axe-core (WCAG 2.2 AA)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from appliance.language import CODES, SOURCE
from appliance.web.application import create_app
from appliance.web.wording import LANGUAGE_COOKIE
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
    findings = [f"{path}, {finding}" for path in every_page(page, served) for finding in judged(page)]
    assert not findings, "\n".join(findings)


def every_page(page: Page, served: Served) -> Iterator[str]:
    """The path of one page of each kind that links lead to, when it is open."""
    adapter = create_app(served.context).url_map.bind("localhost")
    waiting, seen = ["/"], set[str]()
    while waiting:
        path = waiting.pop(0)
        endpoint, _ = adapter.match(path, "GET")
        if endpoint in seen:
            continue
        seen.add(endpoint)
        if not page.request.get(served.address + path).headers["content-type"].startswith("text/html"):
            continue
        page.goto(served.address + path)
        waiting += links(page, served.address)
        yield path
    assert seen >= KNOWN


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
    page.emulate_media(media="print")
    if page.locator(".side, main form, .actions").locator("visible=true").count():
        findings.append("printed: it shows what can only be pressed")
    if page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)":
        findings.append("printed: it is not on white")
    page.emulate_media(media="screen")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            findings.append(f"at {width} pixels: it is {wide} wide")
    return findings


@pytest.mark.parametrize("code", [code for code in CODES if code != SOURCE])
def test_every_page_fits_a_phone_in_every_language(page: Page, served: Served, code: str) -> None:
    """Words of other languages are longer, and what is folded is opened."""
    page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": code, "url": served.address, "secure": True}])
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    findings = []
    for path in every_page(page, served):
        assert page.get_attribute("html", "lang") == code
        page.eval_on_selector_all("details", "found => found.forEach((each) => { each.open = true; })")
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > WIDTHS[0]:
            findings.append(f"{path}: it is {wide} wide")
    assert not findings, "\n".join(findings)


def test_a_chart_that_is_not_drawn_anew_yet_widens_no_page(page: Page) -> None:
    """As when a tablet is turned: its script comes a moment after the page."""
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    wide = page.evaluate(
        "() => { document.querySelector('.chart > *').style.width = '967px'; return document.body.scrollWidth; }"
    )
    assert wide <= WIDTHS[0]


# What can be pressed, typed into or chosen: of radio buttons one a group, of menus what is open.
REACHABLE = """() => {
  const groups = new Set();
  return [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter((element) => !element.disabled && element.type !== 'hidden')
    .filter((element) => element.checkVisibility({visibilityProperty: true}))
    .filter((element) => element.type !== 'radio' || (!groups.has(element.name) && groups.add(element.name)))
    .length;
}"""
FOCUSED = """() => {
  const element = document.activeElement;
  if (element === document.body) { return null; }
  element.dataset.reached = 'yes';
  return getComputedStyle(element).outlineStyle === 'none' ? element.outerHTML.slice(0, 80) : '';
}"""


def test_every_page_is_used_by_keyboard_alone_and_shows_where_it_is(page: Page, served: Served) -> None:
    """Each thing that can be pressed is reached by Tab, and is marked when it is."""
    findings = list[str]()
    page.set_viewport_size({"width": 1280, "height": 800})
    for path in every_page(page, served):
        page.goto(served.address + path)
        wanted, unmarked = page.evaluate(REACHABLE), set[str]()
        for _ in range(wanted + 20):
            page.keyboard.press("Tab")
            unmarked |= {page.evaluate(FOCUSED) or ""} - {""}
        reached = page.locator("[data-reached]").count()
        if reached < wanted or unmarked:
            findings.append(f"{path}: {reached} of {wanted} are reached; without a mark: {sorted(unmarked)}")
    assert not findings, "\n".join(findings)
