"""A report that a destination did not take is told where people look: on two pages, and by the doctor."""

from dataclasses import replace
from pathlib import Path

import msgspec

from appliance.destinations import Destination
from appliance.reports.build import build_report
from appliance.reports.period import parse_date
from appliance.reports.sending import deliver_outbox
from appliance.services.doctor import examine_deliveries
from appliance.web.application import create_app
from appliance.web.context import WebContext
from tests.web.conftest import open_browser


def test_a_report_that_was_not_taken_is_told_on_both_pages_until_it_is(context: WebContext, tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    place = Destination("head-office", folder=folder)
    settings = msgspec.structs.replace(context.settings, destinations=(place,))
    sending = replace(context, settings=settings)
    for last in ("2026-10-30", "2026-10-31"):
        first = parse_date("2026-10-01")
        build_report(sending.paths, settings, sending.engine, first, parse_date(last), "bob", sending.clock())
    outcomes = deliver_outbox(sending.paths, settings, sending.engine, sending.clock())
    assert [outcome.delivered for outcome in outcomes] == [False, False]
    browser = open_browser(create_app(sending), sending)
    for path in ("/", "/reports"):
        page = browser.get(path).text
        assert page.count("A report has not reached head-office") == 1
        assert "No such file or directory" in page
        assert "More reports that wait: 1." in page
    (finding,) = examine_deliveries(context.site, settings)
    assert (finding.check, finding.state) == ("destination head-office", "wrong")
    folder.mkdir()
    deliver_outbox(sending.paths, settings, sending.engine, sending.clock(), wait=False)
    assert "has not reached" not in browser.get("/").text + browser.get("/reports").text
    (finding,) = examine_deliveries(context.site, settings)
    assert (finding.state, finding.text) == ("fine", "2 reports delivered, 0 waiting")
