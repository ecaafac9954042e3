"""Reports: build one for a period, look at it, see whether each is genuine, take it away."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from appliance.audit.log import Event, append
from appliance.language import Language, marked
from appliance.reports import keeping
from appliance.reports.attachments import FACTS, read_attachments
from appliance.reports.build import BuiltReport, Step, build_report, list_reports
from appliance.reports.certificate import make_signing
from appliance.reports.period import PeriodError, last_month, make_period, parse_date
from appliance.reports.signature import signature_path
from appliance.reports.verify import State
from appliance.storage.keys import PUBLIC_KEY, fingerprint, load_signing_key, public_key_pem
from appliance.storage.protection import describe_protection
from appliance.web.context import WebContext, this_context
from appliance.web.deliveries import describe_failures
from appliance.web.destination_list import destination_rows
from appliance.web.jobs import Job
from appliance.web.roles import Permission, allows
from appliance.web.schedule_list import ScheduleForm, form_of, form_words, is_fixed, schedule_rows
from appliance.web.security import taken_to, this_session
from appliance.web.wording import gettext, this_language, told, translated
from appliance.web.words import attachment, days, moment

blueprint = Blueprint("reports", __name__)

STATE_WORDS = {
    keeping.VALID: (marked("Verified"), ""),
    State.ALTERED.value: (
        marked("Changed"),
        marked("The PDF or its signature file was changed. Build the report anew."),
    ),
    State.ANOTHER_SITE.value: (marked("Not ours"), marked("It was signed with another key than this site's.")),
    State.INCOMPLETE.value: (
        marked("Incomplete"),
        marked("The PDF or its signature is not there as a whole. Build the report anew."),
    ),
    keeping.MISSING: (marked("Missing"), marked("The file is gone or can't be read. Build the report anew.")),
    keeping.REPLACED: (marked("Replaced"), marked("The PDF is genuine, but not the one that was built then.")),
    "": (marked("Not verified yet"), marked("Reports are verified when they are built, and each day.")),
}
STEP_WORDS: dict[Step, str] = {
    "gather": marked("Checking the audit log and gathering the facts…"),
    "typeset": marked("Typesetting…"),
    "sign": marked("Signing…"),
}
CERTIFICATE = "signing.crt"
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
    checked: str
    problem: str
    available: bool


@blueprint.get("/reports")
@allows(Permission.REPORTS)
def show() -> str:
    return page(form_of(this_context(), request.args.get("schedule", "")))


def page(form: ScheduleForm) -> str:
    """The page, with the form of a schedule as it was typed, or as it is."""
    context, session = this_context(), this_session()
    today = context.clock().astimezone(context.settings.site.zone).date()
    first, last = last_month(today)
    for job in context.jobs.take_done(session.user):
        session.say("warn" if job.failed else "good", translated(job.outcome))
    built = list_reports(context.engine, context.paths)
    return render_template(
        "reports.html",
        rows=[describe_report(context, report) for report in built[:MOST_SHOWN]],
        schedules=schedule_rows(context, built),
        is_fixed=is_fixed(context),
        form=form,
        **form_words(context),
        destinations=destination_rows(context),
        failures=describe_failures(context),
        step=translated(context.jobs.present.step) if context.jobs.present else "",
        first=first.isoformat(),
        last=last.isoformat(),
        today=today.isoformat(),
        key=fingerprint(context.site.public_key),
        protection=describe_protection(context.paths),
    )


@blueprint.post("/reports")
@allows(Permission.BUILDING)
def build() -> BaseResponse:
    """Begin to build in the background; the page tells how far it is."""
    context, session = this_context(), this_session()
    zone = context.settings.site.zone
    try:
        first, last = parse_date(request.form.get("from", "")), parse_date(request.form.get("to", ""))
        make_period(first, last, zone, context.clock().astimezone(zone).date())
    except PeriodError as error:
        session.say("warn", told(error))
        return redirect(url_for("reports.show"))
    user, language = session.user, this_language()
    return begin(STEP_WORDS["gather"], lambda job: build_in_background(context, language, job, user, first, last))


@blueprint.post("/reports/verify")
@allows(Permission.REPORTS)
def verify() -> BaseResponse:
    """Begin to verify every report now, though each was verified within the day."""
    context, language = this_context(), this_language()

    def work(_job: Job) -> str:
        now = context.clock()
        bad = keeping.check_reports(context.paths, context.engine, context.site.public_key, now, timedelta(0))
        if not bad:
            return language.gettext("All reports are as they were built.")
        return language.ngettext(
            "%(num)s report is not as it was built.", "%(num)s reports are not as they were built.", bad
        )

    return begin(marked("Verifying the reports…"), work)


def begin(step: str, work: Callable[[Job], str]) -> BaseResponse:
    context, session = this_context(), this_session()
    if context.jobs.start(session.user, step, work) is None:
        session.say("warn", gettext("A report is being built or verified already. Please wait a few seconds."))
    return redirect(url_for("reports.show"))


def build_in_background(context: WebContext, language: Language, job: Job, user: str, first: date, last: date) -> str:
    """A thread of its own has no page, so the language comes from the page that asked."""

    def tell(step: Step) -> None:
        job.step = STEP_WORDS[step]

    now = context.clock()
    built = build_report(context.paths, context.settings, context.engine, first, last, user, now, tell=tell)
    is_going_on = built.last >= now.astimezone(context.settings.site.zone).date()
    period = language.days(built.first, built.last)
    told = language.gettext("The report for %(period)s is built and signed.", period=period)
    note = language.gettext("What is being counted at this moment is not in it yet.") if is_going_on else ""
    return f"{told} {note}".strip()


@blueprint.get("/reports/progress")
@allows(Permission.REPORTS)
def progress() -> Response:
    """The step of the job at work, null if none is."""
    job = this_context().jobs.present
    return jsonify(step=translated(job.step) if job else None)


@blueprint.get("/reports/<name>/view")
@allows(Permission.REPORTS)
def view(name: str) -> str:
    """A page with the report in the browser's own PDF viewer."""
    report = need_report(name)
    return render_template("report_view.html", name=name, period=days(report.first, report.last))


@blueprint.get("/reports/<name>/document")
@allows(Permission.REPORTS)
def document(name: str) -> Response:
    """The PDF to be shown within `view`."""
    report = need_report(name)
    content = read_report(report, "pdf")
    note_download(report.name, content)
    response = Response(content, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{report.name}"'
    return response


@blueprint.get("/reports/<name>/<any(pdf, signature, json, csv):part>")
@allows(Permission.REPORTS)
def download(name: str, part: str) -> Response:
    """A part of the bundle; written into the audit log with its size and SHA-256 before the first byte goes."""
    report = need_report(name)
    content = read_report(report, part)
    suffix, media_type = PARTS[part]
    file_name = f"{report.name}{suffix}" if part == "signature" else f"{report.path.stem}{suffix}"
    note_download(file_name, content)
    return attachment(content, media_type, file_name)


PARTS = {
    "pdf": (".pdf", "application/pdf"),
    "signature": (".sig", "text/plain; charset=utf-8"),
    "json": (".json", "application/json"),
    "csv": (".csv", "text/csv; charset=utf-8"),
}


def need_report(name: str) -> BuiltReport:
    context = this_context()
    report = next((each for each in list_reports(context.engine, context.paths) if each.name == name), None)
    if report is None:
        raise NotFound
    return report


def read_report(report: BuiltReport, part: str) -> bytes:
    """The PDF, its signature file, or what is attached to it."""
    try:
        if part == "signature":
            return signature_path(report.path).read_bytes()
        content = report.path.read_bytes()
        if part == "pdf":
            return content
        attached = read_attachments(content)
    except (FileNotFoundError, ValueError) as error:
        raise NotFound from error
    found = [each for each in sorted(attached) if each == FACTS or part == "csv"]
    name = next((each for each in found if each.endswith(f".{part}")), None)
    if name is None:
        raise NotFound
    return attached[name]


def note_download(name: str, content: bytes) -> None:
    context = this_context()
    digest = hashlib.sha256(content).hexdigest()
    with context.engine.begin() as connection:
        event = Event(this_session().user, "report-downloaded", name, "report", len(content), digest, taken_to())
        append(connection, event, context.clock())


@blueprint.get("/reports/key")
@allows(Permission.REPORTS)
def public_key() -> Response:
    """What anybody needs to check a report; no secret."""
    return attachment(public_key_pem(this_context().site.public_key), "application/x-pem-file", PUBLIC_KEY)


@blueprint.get("/reports/certificate")
@allows(Permission.REPORTS)
def certificate() -> Response:
    """What a PDF reader needs to trust this site's reports; no secret."""
    context = this_context()
    signing = make_signing(load_signing_key(context.paths), context.settings.site.name, context.site.identifier)
    return attachment(signing.pem(), "application/x-pem-file", CERTIFICATE)


def describe_report(context: WebContext, report: BuiltReport) -> ReportRow:
    zone = context.settings.site.zone
    state, problem = STATE_WORDS[report.state]
    tone = "good" if report.state == keeping.VALID else "bad" if report.state else ""
    return ReportRow(
        name=report.name,
        period=days(report.first, report.last),
        built=moment(report.built, zone),
        actor=report.schedule or report.actor,
        tone=tone,
        state=translated(state),
        checked=moment(report.checked, zone) if report.checked else "",
        problem=translated(problem),
        available=report.path.is_file(),
    )
