"""From the page's test button to the destination: signed by the web program, sent by the courier, told on the page."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from appliance.reports import signature
from appliance.reports.trial_file import ALERT_NAME, NAME
from appliance.services.trial_sending import OF_USE, TrialSender
from appliance.settings import Destination, Sendable, Settings
from appliance.storage import answers, destination_trials
from appliance.storage.answers import Answers
from appliance.storage.database import reading
from appliance.storage.destination_trials import Trial
from appliance.web.application import create_app
from appliance.web.context import WebContext
from appliance.web.destination_list import ANSWER_WITHIN
from tests.audit.webhook import Webhook, listening
from tests.web.conftest import (  # noqa: F401 - fixtures
    Browser,
    Clock,
    audit_entries,
    clock,
    context,
    new_site,
    open_browser,
    paths,
)


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Webhook]:
    with listening(tmp_path, {"/broken": 500}) as server:
        yield server


@pytest.fixture
def sending(context: WebContext, webhook: Webhook, tmp_path: Path) -> WebContext:  # noqa: F811
    """The site with three destinations: a folder, one that takes alerts, and one that fails."""
    metric = (Sendable.METRIC,)
    places = (
        Destination("office", folder=tmp_path),
        Destination("pager", url=webhook.url("/hook"), classes=metric, authority=webhook.certificate),
        Destination("broken", url=webhook.url("/broken"), classes=metric, authority=webhook.certificate),
    )
    return replace(context, settings=msgspec.structs.replace(context.settings, destinations=places))


@pytest.fixture
def page(sending: WebContext) -> Browser:
    return open_browser(create_app(sending), sending)


def ask(page: Browser, name: str) -> None:
    assert page.post("/reports/destinations/test", destination=name).status_code == 302


def courier(sending: WebContext, settings: Settings | None = None) -> TrialSender:
    key = sending.site.public_key
    return TrialSender(sending.engine, sending.paths, settings or sending.settings, "program:courier", key)


def test_a_signed_file_reaches_a_folder_and_the_page_says_so(
    page: Browser, sending: WebContext, tmp_path: Path
) -> None:
    ask(page, "office")
    assert "The test is under way…" in page.get("/reports").text
    assert page.get("/reports/destinations/progress").json == {"step": "The test is under way…"}
    courier(sending).send_waiting(sending.clock())
    document, signed = ((tmp_path / name).read_bytes() for name in (NAME, NAME + signature.SUFFIX))
    assert b"office by Corner shop, 2026-11-23T12:00:00+00:00" in document
    assert signature.read(signed, document, sending.site.public_key).report == signature.digest(document)
    assert "The test of 23 Nov 2026, 13:00 arrived." in page.get("/reports").text
    assert page.get("/reports/destinations/progress").json == {"step": None}
    asked, *sent = audit_entries(sending, "destination-tested", "delivery-started", "report-delivered")
    assert (asked.event.actor, asked.event.subject) == ("ada", "office")
    assert [each.event.actor for each in sent] == ["program:courier"] * 4


def test_what_takes_alerts_gets_one_small_object(page: Browser, sending: WebContext, webhook: Webhook) -> None:
    ask(page, "pager")
    courier(sending).send_waiting(sending.clock())
    ((path, headers, body),) = webhook.received
    assert path == "/hook"
    assert msgspec.json.decode(body)["test"] is True
    assert ALERT_NAME in str(headers)


def test_a_destination_that_fails_says_why_and_a_repeat_waits_again(page: Browser, sending: WebContext) -> None:
    ask(page, "broken")
    courier(sending).send_waiting(sending.clock())
    text = page.get("/reports").text
    assert "The test of 23 Nov 2026, 13:00 failed:" in text
    assert "500" in text
    ask(page, "broken")
    assert "The test is under way…" in page.get("/reports").text


def test_a_courier_that_does_not_run_is_told_and_late_tests_are_not_sent(
    page: Browser,
    sending: WebContext,
    clock: Clock,  # noqa: F811
    tmp_path: Path,
) -> None:
    ask(page, "office")
    clock.now += ANSWER_WITHIN
    assert "The courier did not answer" in page.get("/reports").text
    clock.now += OF_USE
    courier(sending).send_waiting(clock())
    assert not (tmp_path / NAME).exists()
    assert "ask once more" in page.get("/reports").text


def test_nothing_is_sent_that_this_site_did_not_sign(page: Browser, sending: WebContext, tmp_path: Path) -> None:
    ask(page, "office")
    with sending.engine.begin() as connection:
        (trial,) = destination_trials.waiting(connection)
        destination_trials.ask(connection, Trial("office", trial.asked, trial.signature.replace("a", "b")))
    courier(sending).send_waiting(sending.clock())
    assert not (tmp_path / NAME).exists()
    assert "was not sent" in page.get("/reports").text


def test_a_site_that_was_named_since_the_courier_started_is_tested_under_its_name(
    sending: WebContext, tmp_path: Path
) -> None:
    at_start = msgspec.structs.replace(Settings(), destinations=sending.settings.destinations)
    with sending.engine.begin() as connection:
        answers.write(connection, Answers(name="Corner shop"))
    ask(open_browser(create_app(sending), sending), "office")
    courier(sending, at_start).send_waiting(sending.clock())
    assert b"Corner shop" in (tmp_path / NAME).read_bytes()


def test_an_outcome_of_an_earlier_test_is_not_noted_for_a_later_one(page: Browser, sending: WebContext) -> None:
    ask(page, "office")
    with reading(sending.engine) as connection:
        (earlier,) = destination_trials.waiting(connection)
    with sending.engine.begin() as connection:
        later = Trial("office", sending.clock().replace(hour=13), earlier.signature)
        destination_trials.ask(connection, later)
        destination_trials.finish(connection, earlier, sending.clock())
        assert destination_trials.waiting(connection) == [later]


def test_only_destinations_of_the_settings_are_tested(page: Browser) -> None:
    assert page.post("/reports/destinations/test", destination="elsewhere").status_code == 404


def test_the_page_lists_where_each_leads(page: Browser) -> None:
    text = page.get("/reports").text
    assert "https://localhost:" in text
    assert "/hook" not in text
    assert text.count("not tested yet") == 3
