"""Report schedules are set up on the page where the settings file says nothing of them, and written down."""

from pathlib import Path

import msgspec
import pytest
from flask import Flask

from appliance.destinations import Destination, Sendable
from appliance.report_schedule import ReportSchedule
from appliance.services.site_export import export
from appliance.services.site_file import read_site_file
from appliance.settings import Settings
from appliance.storage import answers, users
from appliance.storage.answers import answered
from appliance.storage.database import reading
from appliance.storage.users import Role
from appliance.web.context import WebContext
from tests.web.conftest import Browser, audit_entries, open_browser

PLACES = (
    Destination("head-office", folder=Path("/srv/head-office")),
    Destination("archive", folder=Path("/srv/archive")),
    Destination("board", folder=Path("/srv/board"), classes=(Sendable.METRIC,)),
)
WEEKLY = {"name": "weekly", "rule": "week", "to": "all"}


@pytest.fixture
def changes(context: WebContext) -> list[Settings]:
    """The settings file names destinations and no report; the list is of the settings that the scheduler gets."""
    context.filed = context.settings = msgspec.structs.replace(context.settings, destinations=PLACES)
    found = list[Settings]()
    context.on_settings = found.append
    return found


def save(browser: Browser, **form: str | list[str]) -> int:
    return browser.client.post("/reports/schedules", data=form | {"csrf": browser.session.csrf}).status_code


def told(context: WebContext) -> list[str]:
    return [str(each.event.details["change"]) for each in audit_entries(context, "settings-changed")]


def kept(context: WebContext) -> tuple[ReportSchedule, ...]:
    """What a program that starts anew works with."""
    with reading(context.engine) as connection:
        return answered(context.filed or Settings(), answers.read(connection)).reports


def test_a_schedule_is_added_beside_the_present_ones(
    browser: Browser, context: WebContext, changes: list[Settings]
) -> None:
    assert save(browser, **WEEKLY, language="fr") == 302
    assert kept(context) == (ReportSchedule("monthly", "month"), ReportSchedule("weekly", "week", language="fr"))
    assert [each.reports for each in changes] == [kept(context)]
    assert told(context) == ["weekly each week, in fr, to all destinations"]
    text = browser.get("/reports").text
    assert "The schedule weekly is kept." in text
    assert '<th scope="row" data-label="Schedule"><span>weekly</span>' in text
    assert "head-office, archive" in text
    assert "Destinations are named in the settings file" in text


def test_it_is_changed_to_a_cron_line_and_to_some_destinations(
    browser: Browser, context: WebContext, changes: list[Settings]
) -> None:
    save(browser, **WEEKLY)
    form = browser.get("/reports?schedule=weekly").text
    assert "Edit weekly" in form
    assert 'name="change" value="yes"' in form
    assert (
        save(browser, name="weekly", change="yes", rule="cron", cron=" 30  6 * * 1 ", to="only", destination="archive")
        == 302
    )
    assert kept(context)[1] == ReportSchedule("weekly", cron="30 6 * * 1", destinations=("archive",))
    assert told(context)[-1] == "weekly at 30 6 * * 1, to archive"
    assert "checked" in browser.get("/reports?schedule=weekly").text.partition('value="archive"')[2][:20]
    assert len(changes) == 2


def test_all_of_them_may_be_removed(browser: Browser, context: WebContext, changes: list[Settings]) -> None:
    browser.post("/reports/schedules/remove", name="monthly")
    assert kept(context) == ()
    assert changes[-1].reports == ()
    assert told(context) == ["removed monthly"]
    assert "No report is built by itself." in browser.get("/reports").text
    browser.post("/reports/schedules/remove", name="monthly")
    assert "no schedule of this name any more" in browser.get("/reports").text
    assert told(context) == ["removed monthly"]


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (WEEKLY | {"name": "Weekly report"}, "small letters, digits and hyphens"),
        (WEEKLY | {"name": "monthly"}, "of this name already"),
        (WEEKLY | {"rule": "hour"}, "choose when the report is built"),
        (WEEKLY | {"rule": "cron", "cron": "at noon"}, "This is no cron line"),
        (WEEKLY | {"rule": "cron", "cron": "61 6 * * 1"}, "This is no cron line"),
        (WEEKLY | {"to": "only"}, "tick a destination"),
        # What takes no report, or is not in the settings, can't be named.
        (WEEKLY | {"to": "only", "destination": "board"}, "tick a destination"),
        (WEEKLY | {"to": "only", "destination": "https://elsewhere.example"}, "tick a destination"),
        (WEEKLY | {"language": "it"}, "This is no schedule"),
    ],
)
def test_what_makes_no_schedule_is_said_beside_what_was_typed(
    browser: Browser, context: WebContext, changes: list[Settings], form: dict[str, str], problem: str
) -> None:
    answer = browser.client.post("/reports/schedules", data=form | {"csrf": browser.session.csrf})
    assert answer.status_code == 400
    assert problem in answer.text
    assert f'value="{form["name"]}"' in answer.text
    assert kept(context) == Settings().reports
    assert told(context) == []
    assert changes == []


def test_there_is_an_end_to_them(browser: Browser, context: WebContext, changes: list[Settings]) -> None:
    for number in range(answers.MOST_SCHEDULES - 1):
        assert save(browser, name=f"each-{number}", rule="week", to="all") == 302
    assert save(browser, name="one-more", rule="week", to="all") == 400
    assert len(kept(context)) == len(changes[-1].reports) == answers.MOST_SCHEDULES


def test_what_the_settings_file_says_is_fixed(browser: Browser, context: WebContext) -> None:
    stated = (ReportSchedule("quarterly", "quarter"),)
    context.filed = context.settings = msgspec.structs.replace(context.settings, reports=stated)
    text = browser.get("/reports").text
    assert "in the settings file says when, so it is changed there" in text
    assert "Add a schedule" not in text
    assert save(browser, **WEEKLY) == 400
    browser.post("/reports/schedules/remove", name="quarterly")
    assert kept(context) == stated
    assert told(context) == []


def test_only_an_administrator_is_offered_the_form(app: Flask, context: WebContext, changes: list[Settings]) -> None:
    with context.engine.begin() as connection:
        users.set_role(connection, "bob", Role.MANAGER)
    manager = open_browser(app, context, "bob", Role.MANAGER)
    text = manager.get("/reports").text
    assert "monthly" in text
    assert "Add a schedule" not in text
    assert save(manager, **WEEKLY) == 403
    assert changes == []


def read_back(text: str, folder: Path) -> tuple[ReportSchedule, ...]:
    """The schedules of a site's file."""
    path = folder / "site.toml"
    # The camera of the tests is a recording that is not there.
    path.write_text(text.replace("/clips/entrance.avi", "rtsp://192.0.2.10/stream"), encoding="utf-8")
    return read_site_file(path).settings.reports


def test_a_destination_that_has_gone_since_sends_nothing_to_another(
    browser: Browser, context: WebContext, changes: list[Settings], tmp_path: Path
) -> None:
    save(browser, **WEEKLY, destination="archive")
    save(browser, name="weekly", change="yes", rule="week", to="only", destination="archive")
    assert changes
    fewer = msgspec.structs.replace(context.settings, destinations=PLACES[:1], reports=Settings().reports)
    context.filed = fewer
    with reading(context.engine) as connection:
        context.take_answers(answers.read(connection))
    assert context.settings.reports[1].destinations == ("archive",)
    assert "archive (no longer there)" in browser.get("/reports").text
    with reading(context.engine) as connection:
        text = export(connection, fewer)
    assert "the schedule weekly, whose destinations are gone" in text
    assert read_back(text, tmp_path) == (ReportSchedule("monthly", "month"),)


def test_the_site_as_a_file_holds_them(
    browser: Browser, context: WebContext, changes: list[Settings], tmp_path: Path
) -> None:
    save(browser, name="weekly", rule="cron", cron="30 6 * * 1", language="de", to="only", destination="archive")
    with reading(context.engine) as connection:
        text = export(connection, context.filed or Settings())
    assert read_back(text, tmp_path) == kept(context)
    assert changes[-1].reports == kept(context)


def test_the_guided_set_up_leaves_them_alone(browser: Browser, changes: list[Settings]) -> None:
    save(browser, **WEEKLY)
    page = browser.get("/first-start").text
    assert 'action="/first-start/reports"' not in page
    assert "Schedules of reports" in page
    assert len(changes) == 1
