"""Reports: build one for a period, see whether each is genuine, take it away."""

import hashlib
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from appliance.audit.log import Event, append
from appliance.reports.build import BuiltReport, build_report, list_reports
from appliance.reports.period import PeriodError, last_month, parse_date
from appliance.reports.signature import signature_path
from appliance.reports.verify import ReportUnreadable, State, verify_report
from appliance.storage.keys import PUBLIC_KEY, fingerprint, public_key_pem
from appliance.storage.protection import describe_protection
from appliance.web.context import this_context
from appliance.web.security import this_session
from appliance.web.words import BROWSER, attachment, days, moment

blueprint = Blueprint("reports", __name__)

STATE_WORDS = {
    State.VALID: ("Verified", ""),
    State.ALTERED: ("Changed", "The PDF or its signature file was changed. Build the report anew."),
    State.ANOTHER_SITE: ("Not ours", "It was signed with another key than this site's."),
    State.INCOMPLETE: ("Incomplete", "The PDF or its signature is not there as a whole. Build the report anew."),
}
MOST_SHOWN = 120


@dataclass(frozen=True)
class ReportRow:
    """One line of the table; `available` says whether there is a PDF to take away."""

    name: str
    period: str
    built: str
    actor: str
    tone: str
    state: str
    problem: str
    available: bool


@blueprint.get("/reports")
def show() -> str:
    context = this_context()
    zone = context.settings.site.zone
    today = context.clock().astimezone(zone).date()
    first, last = last_month(today)
    key = context.site.public_key
    reports = list_reports(context.engine, context.paths)[:MOST_SHOWN]
    return render_template(
        "reports.html",
        rows=[describe_report(report, key, zone) for report in reports],
        first=first.isoformat(),
        last=last.isoformat(),
        today=today.isoformat(),
        key=fingerprint(key),
        protection=describe_protection(context.paths),
    )


@blueprint.post("/reports")
def build() -> BaseResponse:
    context, session = this_context(), this_session()
    try:
        first, last = parse_date(request.form.get("from", "")), parse_date(request.form.get("to", ""))
        if not context.building.acquire(blocking=False):
            session.say("warn", "A report is being built already. Please wait a few seconds.")
            return redirect(url_for("reports.show"))
        try:
            built = build_report(
                context.paths, context.settings, context.engine, first, last, session.user, context.clock()
            )
        finally:
            context.building.release()
    except PeriodError as error:
        session.say("warn", str(error))
    else:
        today = built.last >= context.clock().astimezone(context.settings.site.zone).date()
        note = " What is being counted at this moment is not in it yet." if today else ""
        session.say("good", f"The report for {days(built.first, built.last)} is built and signed.{note}")
    return redirect(url_for("reports.show"))


@blueprint.get("/reports/<name>/<any(pdf, signature):part>")
def download(name: str, part: str) -> Response:
    """The PDF or its signature; written into the audit log with its size and SHA-256 before the first byte goes."""
    context, user = this_context(), this_session().user
    report = next((each for each in list_reports(context.engine, context.paths) if each.name == name), None)
    if report is None:
        raise NotFound
    path = report.path if part == "pdf" else signature_path(report.path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound from error
    digest = hashlib.sha256(content).hexdigest()
    with context.engine.begin() as connection:
        event = Event(user, "report-downloaded", path.name, "report", len(content), digest, BROWSER)
        append(connection, event, context.clock())
    return attachment(content, "application/pdf" if part == "pdf" else "text/plain; charset=utf-8", path.name)


@blueprint.get("/reports/key")
def public_key() -> Response:
    """What anybody needs to check a report; no secret."""
    return attachment(public_key_pem(this_context().site.public_key), "application/x-pem-file", PUBLIC_KEY)


def describe_report(report: BuiltReport, key: Ed25519PublicKey, zone: ZoneInfo) -> ReportRow:
    state, problem, is_good, available = check_report(report, key)
    return ReportRow(
        name=report.name,
        period=days(report.first, report.last),
        built=moment(report.built, zone),
        actor=report.actor,
        tone="good" if is_good else "bad",
        state=state,
        problem=problem,
        available=available,
    )


def check_report(report: BuiltReport, key: Ed25519PublicKey) -> tuple[str, str, bool, bool]:
    """State in a word, what is wrong in a sentence, whether it is good, and whether there is a PDF."""
    try:
        verdict = verify_report(report.path, key)
    except ReportUnreadable:
        return "Missing", "The file is gone or can't be read. Build the report anew.", False, False
    if verdict.valid and verdict.sha256 != report.sha256:
        return (
            "Replaced",
            "The PDF is genuine, but not the one that was built then.",
            False,
            True,
        )
    state, problem = STATE_WORDS[verdict.state]
    return state, problem, verdict.valid, True
