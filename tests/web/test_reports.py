"""The reports page builds, shows and hands out real reports, and says when one is not what was signed."""

import hashlib
import re
import threading
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from appliance.reports.build import BuiltReport, build_report, list_reports
from appliance.reports.period import parse_date
from appliance.reports.signature import signature_path
from appliance.reports.verify import verify_bytes
from appliance.storage.keys import fingerprint, protect, root_secret
from appliance.storage.vault import read_vault
from appliance.web.context import WebContext
from tests.web.conftest import Browser, audit_entries, wait_until


@pytest.fixture
def built(context: WebContext) -> BuiltReport:
    first, last = parse_date("2026-10-01"), parse_date("2026-10-31")
    return build_report(context.paths, context.settings, context.engine, first, last, "bob", context.clock())


def wait_for_job(browser: Browser) -> None:
    wait_until(lambda: browser.get("/reports/progress").json == {"step": None})


def test_without_a_report_the_page_says_how_to_make_one(browser: Browser) -> None:
    page = browser.get("/reports").text
    assert "No report yet" in page
    assert 'value="2026-10-01"' in page
    assert 'value="2026-10-31"' in page


def test_built_and_taken_away_and_checked(browser: Browser, context: WebContext) -> None:
    assert browser.post("/reports", **{"from": "2026-10-01", "to": "2026-10-31"}).status_code == 302
    wait_for_job(browser)
    page = browser.get("/reports").text
    assert "1 to 31 October 2026 is built and signed" in page
    assert "Verified" in page
    name = list_reports(context.engine, context.paths)[0].name
    document = browser.get(f"/reports/{name}/pdf")
    signature = browser.get(f"/reports/{name}/signature")
    assert document.data.startswith(b"%PDF-")
    assert document.mimetype == "application/pdf"
    assert document.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    key = load_pem_public_key(browser.get("/reports/key").data)
    assert fingerprint(key) in page
    assert verify_bytes(name, document.data, signature.data, key).valid


def test_each_download_is_in_the_audit_log(browser: Browser, context: WebContext, built: BuiltReport) -> None:
    document = browser.get(f"/reports/{built.name}/pdf").data
    browser.get(f"/reports/{built.name}/signature")
    first, second = (entry.event for entry in audit_entries(context, "report-downloaded"))
    assert (first.actor, first.subject, first.byte_count) == ("ada", built.name, len(document))
    assert first.sha256 == hashlib.sha256(document).hexdigest()
    assert second.subject == f"{built.name}.sig"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda report: report.path.write_bytes(report.path.read_bytes() + b" "), "Changed"),
        (lambda report: signature_path(report.path).unlink(), "Incomplete"),
        (lambda report: signature_path(report.path).write_text("?"), "Changed"),
        (lambda report: report.path.unlink(), "Missing"),
    ],
)
def test_a_harmed_report_is_seen(
    browser: Browser, built: BuiltReport, harm: Callable[[BuiltReport], object], words: str
) -> None:
    assert "Verified" in browser.get("/reports").text
    harm(built)
    assert browser.post("/reports/verify").status_code == 302
    wait_for_job(browser)
    page = browser.get("/reports").text
    assert words in page
    assert "Verified" not in page


@pytest.mark.parametrize(
    ("first", "last"), [("2026-10-31", "2026-10-01"), ("2026-11-01", "2026-12-31"), ("", ""), ("1", "x")]
)
def test_wrong_dates_are_one_sentence(browser: Browser, context: WebContext, first: str, last: str) -> None:
    assert browser.post("/reports", **{"from": first, "to": last}).status_code == 302
    assert re.search(r'class="notice warn" role="status"', browser.get("/reports").text)
    assert list_reports(context.engine, context.paths) == ()


def test_a_job_at_work_is_shown_and_no_second_one_begins(browser: Browser, context: WebContext) -> None:
    go_on = threading.Event()
    job = context.jobs.start("ada", "Typesetting…", lambda _job: f"went on: {go_on.wait(60)}")
    assert job is not None
    page = browser.get("/reports").text
    assert re.search(r'role="status" data-progress="/reports/progress">Typesetting…', page)
    assert "Build the report</button>" not in page
    assert browser.get("/reports/progress").json == {"step": "Typesetting…"}
    browser.post("/reports", **{"from": "2026-10-01", "to": "2026-10-31"})
    assert "already" in browser.get("/reports").text
    go_on.set()
    assert job.done.wait(60)
    assert "went on: True" in browser.get("/reports").text


def test_a_job_that_fails_says_why_and_the_next_one_can_begin(browser: Browser, context: WebContext) -> None:
    context.paths.reports.write_text("in the way", encoding="utf-8")
    browser.post("/reports", **{"from": "2026-10-01", "to": "2026-10-31"})
    wait_for_job(browser)
    assert "Nothing was left behind" in browser.get("/reports").text
    context.paths.reports.unlink()
    assert context.jobs.start("ada", "", lambda _job: "") is not None


def test_it_is_shown_in_a_frame_of_its_page_alone(browser: Browser, context: WebContext, built: BuiltReport) -> None:
    page = browser.get(f"/reports/{built.name}/view")
    assert f'src="/reports/{built.name}/document"' in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"
    document = browser.get(f"/reports/{built.name}/document")
    assert "frame-ancestors 'self'" in document.headers["Content-Security-Policy"]
    assert document.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert document.data == built.path.read_bytes()
    assert [entry.event.subject for entry in audit_entries(context, "report-downloaded")] == [built.name]
    other = browser.get("/reports").headers
    assert "frame-src" not in other["Content-Security-Policy"]
    assert other["X-Frame-Options"] == "DENY"


def test_facts_and_certificate_can_be_taken_away(browser: Browser, built: BuiltReport) -> None:
    facts = browser.get(f"/reports/{built.name}/json")
    assert facts.json["period"]["first"] == "2026-10-01"
    assert facts.headers["Content-Disposition"].endswith('-2026-10-31.json"')
    assert browser.get("/reports/certificate").data.count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("name", ["nothing.pdf", "..", "%2e%2e%2fkeys%2fsigning.key", "veilsight.db"])
def test_only_reports_can_be_taken_away(browser: Browser, built: BuiltReport, name: str) -> None:
    assert browser.get(f"/reports/{built.name}/pdf").status_code == 200
    assert browser.get(f"/reports/{name}/pdf").status_code == 404


def test_the_page_shows_the_keys_fingerprint_and_what_opens_the_keys(browser: Browser, context: WebContext) -> None:
    text = browser.get("/reports").text
    assert fingerprint(context.site.public_key) in text
    assert "key file that lies beside them" in text
    vault_before = read_vault(context.paths.vault)
    root = root_secret(context.paths, vault_before)
    protect(context.paths, vault_before, root, "passphrase", "correct horse battery")
    try:
        assert "passphrase that somebody types at each start" in browser.get("/reports").text
    finally:
        protect(context.paths, vault_before, root, "key-file")
