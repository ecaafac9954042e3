"""System: findings, devices and networks, version, settings in force, warnings."""

import json
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from markupsafe import escape

from appliance.audit.log import Event, append
from appliance.destinations import Destination
from appliance.language import english, joined, sentence
from appliance.opening_hours import Opening
from appliance.services.examining_web import examine_from_page
from appliance.services.findings import Finding, finding_json
from appliance.services.recent_log import MOST_LINES, RecentLog
from appliance.settings import Alert, Anonymity, Settings, Site
from appliance.vision.live import Hub, LiveServer
from appliance.web.context import WebContext
from appliance.web.examination import Finding as ShownFinding
from appliance.web.settings_shown import DEFAULT, FILE, PAGE, describe_settings
from appliance.web.updates import describe_updates
from tests.web.conftest import Browser, Clock, wait_until

NETWORK = {
    "task": "faces",
    "name": "centerface",
    "device": "NPU",
    "runtime": "OpenVINO",
    "precision": "FP16",
    "streams": 2,
    "passed_over": ["GPU: not on this machine"],
    "measured": [
        {"choice": "FP16 in 2 streams", "pictures_per_second": 61.5},
        {"choice": "FP16", "pictures_per_second": 40.0},
    ],
}
SHARE = {
    "findings": [{"check": "swap", "state": "note", "text": "this machine swaps to /swapfile"}],
    "devices": {
        "openvino": "2026.4.1",
        "devices": [{"name": "NPU", "kind": "NPU", "full_name": "Intel AI Boost", "driver": "1.17"}],
        "networks": [NETWORK],
        "failures": {"text": "The network for text is missing."},
    },
    "log": [{"time": "2026-11-23T11:00:00+00:00", "level": "warning", "text": "A camera is slow."}],
}


@pytest.fixture
def engine(context: WebContext) -> Iterator[None]:
    with LiveServer(context.paths.live_socket, Hub(), dict, examine=lambda: SHARE):
        yield


def text_of(browser: Browser) -> str:
    """The page once everything was looked at."""
    browser.get("/system")
    wait_until(lambda: browser.get("/system/progress").get_json()["step"] is None)
    return " ".join(re.sub(r"<[^>]+>", " ", browser.get("/system").text).split())


@pytest.mark.usefixtures("engine")
def test_the_engine_s_devices_and_networks_are_shown_with_their_speed(browser: Browser) -> None:
    page = text_of(browser)
    assert (
        "Faces centerface NPU, FP16 GPU: not on this machine 61.5 pictures a second FP16: 40 pictures a second" in page
    )
    assert "NPU Intel AI Boost, driver 1.17" in page
    assert "The network for text is missing." in page
    assert "A camera is slow." in page
    assert "this machine swaps to /swapfile" in page


def test_without_the_engine_the_page_says_so(browser: Browser) -> None:
    assert "The engine, which knows them, is not running" in text_of(browser)


@pytest.mark.parametrize("answer", [{}, {"findings": 7}, {"devices": {"networks": [{}]}}])
def test_an_engine_of_another_version_breaks_nothing(
    browser: Browser, context: WebContext, answer: dict[str, object]
) -> None:
    with LiveServer(context.paths.live_socket, Hub(), dict, examine=lambda: answer):
        assert "Devices and networks" in text_of(browser)


def test_what_is_wrong_stands_first_and_what_is_fine_is_folded(browser: Browser, context: WebContext) -> None:
    context.examine = lambda: [
        ("disk", "fine", "well"),
        ("keys", "note", "weak"),
        ("space", "wrong", "full: free some"),
    ]
    page = text_of(browser)
    assert "1 thing needs mending." in page
    assert page.index("full: free some") < page.index("weak") < page.index("1 check is fine") < page.index("well")


def test_the_page_s_own_share_of_the_doctor(browser: Browser, context: WebContext) -> None:
    context.examine = lambda: (
        (each.check, each.state, each.text) for each in examine_from_page(context.paths, context.site, context.settings)
    )
    page = text_of(browser)
    for check in ("anonymity", "free space", "keys", "certificate", "engine"):
        assert check in page


def test_it_is_looked_again_when_somebody_asks_or_after_a_while(
    browser: Browser, context: WebContext, clock: Clock
) -> None:
    asked: list[None] = []

    def examine() -> list[tuple[str, str, str]]:
        asked.append(None)
        return []

    context.examine = examine
    for number, wait in ((1, 0), (1, 1), (2, 5)):
        clock.advance(minutes=wait)
        text_of(browser)
        assert len(asked) == number
    browser.post("/system/examine")
    text_of(browser)
    assert len(asked) == 3


def test_a_look_that_takes_long_holds_nobody_up(browser: Browser, context: WebContext) -> None:
    going = threading.Event()

    def examine() -> list[tuple[str, str, str]]:
        going.wait()
        return [("disk", "fine", "well")]

    context.examine = examine
    try:
        page = browser.get("/system").text
        assert "The site is being looked at." in page
        assert browser.get("/system/progress").get_json() == {"step": "Looking…"}
    finally:
        going.set()
    assert "Nothing needs mending." in text_of(browser)


def test_a_check_that_breaks_leaves_a_page(browser: Browser, context: WebContext) -> None:
    def examine() -> list[tuple[str, str, str]]:
        raise RuntimeError("a slip")

    context.examine = examine
    browser.get("/system")
    wait_until(lambda: not context.examination.is_busy)
    assert "The page could not look at everything" in text_of(browser)


def test_every_setting_says_where_it_comes_from() -> None:
    filed = Settings(site=Site(timezone="Europe/Paris"), anonymity=Anonymity(epsilon=1.0))
    now = Settings(site=Site(name="Corner shop", timezone="Europe/Paris"), anonymity=Anonymity(epsilon=1.0))
    shown = describe_settings(now, filed)
    site = {each.name: (each.value, each.origin) for each in shown["Site"]}
    assert site["name"] == ("Corner shop", PAGE)
    assert site["timezone"] == ("Europe/Paris", FILE)
    assert site["language"] == ("en", DEFAULT)
    assert {each.name: each.origin for each in shown["Anonymity"]} == {
        "mode": DEFAULT,
        "epsilon": FILE,
        "k": DEFAULT,
        "reason": DEFAULT,
    }


def test_lists_and_hours_are_shown_and_a_token_in_an_address_is_not() -> None:
    settings = Settings(
        opening=Opening(monday=("09:00-12:00", "14:00-19:00")),
        destinations=(Destination(name="portal", url="https://hooks.example.org/token-4711"),),
        alerts=(Alert("busy", people=5),),
    )
    shown = describe_settings(settings, settings)
    assert [(each.name, each.value) for each in shown["Opening hours"]] == [("monday", "09:00-12:00, 14:00-19:00")]
    assert [each.name for each in shown["Destinations"]] == ["portal"]
    assert "token-4711" not in json.dumps([each.value for rows in shown.values() for each in rows])
    assert [(each.name, each.value) for each in shown["Alerts"]] == [("busy", "people 5")]


def test_the_programs_events_are_shown_and_people_s_doings_are_not(browser: Browser, context: WebContext) -> None:
    with context.engine.begin() as connection:
        append(
            connection,
            Event("program:engine", "network-failed", "centerface", details={"reason": "lost"}),
            context.clock(),
        )
        append(connection, Event("bob", "login", "bob"), context.clock())
    page = text_of(browser)
    assert "Network failed: centerface, lost" in page
    assert "bob" not in page.replace("Logged in as", "")


def test_updates_are_told_honestly(browser: Browser, tmp_path: Path) -> None:
    listing = tmp_path / "veilsight.list"
    assert "Not installed as a package" in describe_here(browser, listing)
    listing.touch()
    assert "Installed as a Debian package." in describe_here(browser, listing)


def describe_here(browser: Browser, listing: Path) -> str:
    with browser.client.application.test_request_context("/"):
        return " ".join(describe_updates(listing))


def test_a_program_s_warnings_are_kept_without_what_an_exception_carried() -> None:
    log = RecentLog()
    logger = logging.getLogger("appliance.test_recent")
    logger.addHandler(log)
    try:
        for number in range(MOST_LINES + 5):
            logger.warning("warning %d", number)
        logger.info("not kept")
        try:
            raise ValueError("a secret")
        except ValueError:
            logger.exception("It failed.")
    finally:
        logger.removeHandler(log)
    lines = log.lines()
    assert len(lines) == MOST_LINES
    assert [each["text"] for each in lines[:2]] == ["It failed.", f"warning {MOST_LINES + 4}"]
    assert "secret" not in json.dumps(lines)


PASSPHRASE = "The keys open with a passphrase that somebody types at each start."
DISABLED = "disabled, not watched"


def test_findings_are_told_in_the_language_of_the_page(browser: Browser, context: WebContext) -> None:
    """Also those that come over the engine's socket, and sentences within sentences."""
    nested = joined([sentence(PASSPHRASE), sentence(DISABLED)])
    context.examine = lambda: [("keys", "note", nested), ("disk", "note", "only English")]
    share = {"findings": [finding_json(Finding("networks", "note", sentence(PASSPHRASE)))]}
    french = context.languages.get("fr")
    with LiveServer(context.paths.live_socket, Hub(), dict, examine=lambda: json.loads(json.dumps(share))):
        text_of(browser)
        page = browser.get("/system", headers={"Accept-Language": "fr"}).text
    passphrase, disabled = french.gettext(PASSPHRASE), french.gettext(DISABLED)
    assert passphrase != PASSPHRASE
    assert f"<p>{escape(passphrase)}; {escape(disabled)}</p>" in page
    assert f"<p>{escape(passphrase)}</p>" in page
    assert '<p lang="en">only English</p>' in page


def test_a_finding_is_the_same_sentence_on_the_other_side_of_the_socket() -> None:
    said = sentence("%(free)s at %(number)s", free=sentence("much"), number=3)
    found = finding_json(Finding(sentence("free space"), "fine", said))
    assert (found["check"], found["text"]) == ("free space", "much at 3")
    told = msgspec.json.decode(msgspec.json.encode(found), type=ShownFinding)
    assert told.told("text", english()) == "much at 3"
    assert told.told("check", english()) == "free space"
    assert ShownFinding("disk", "fine", "well").told("text", english()) == "well"
