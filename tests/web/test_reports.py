"""The reports page builds, shows and hands out real reports, and says when one is not what was signed."""

import hashlib
import re
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
from tests.web.conftest import Browser, audit_entries


@pytest.fixture
def built(context: WebContext) -> BuiltReport:
    first, last = parse_date("2026-10-01"), parse_date("2026-10-31")
    return build_report(context.paths, context.settings, context.engine, first, last, "bob", context.clock())


def test_without_a_report_the_page_says_how_to_make_one(browser: Browser) -> None:
    page = browser.get("/reports").text
    assert "No report yet" in page
    assert 'value="2026-10-01"' in page
    assert 'value="2026-10-31"' in page


def test_built_and_taken_away_and_checked(browser: Browser, context: WebContext) -> None:
    assert browser.post("/reports", **{"from": "2026-10-01", "to": "2026-10-31"}).status_code == 302
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
