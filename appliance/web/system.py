"""System: what is the matter and what to do, devices and networks, version, backup, settings in force, warnings."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, jsonify, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance import __version__
from appliance.audit import log
from appliance.audit.log import Action
from appliance.language import marked
from appliance.storage.database import reading
from appliance.storage.users import list_users
from appliance.storage.vault import SHORTEST_PASSPHRASE
from appliance.web import backup_copies
from appliance.web.audit import describe_entry
from appliance.web.context import WebContext, this_context
from appliance.web.examination import Examined, Finding, Line, Network
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.settings_shown import describe_settings
from appliance.web.updates import describe_updates
from appliance.web.wording import gettext, ngettext, this_language, translated
from appliance.web.words import moment

blueprint = Blueprint("system", __name__)

TASK_WORDS = {
    "people-vehicles": marked("People and vehicles"),
    "faces": marked("Faces"),
    "text": marked("Number plates and text"),
}
STATE_WORDS = {"wrong": marked("To mend"), "note": marked("To know"), "fine": marked("Fine")}
TONES = {"wrong": "bad", "note": "warn", "fine": "good"}
# What the programs themselves wrote into the audit log and tells how they fared; people's doings are on its own page.
EVENTS: tuple[Action, ...] = (
    *("started", "stopped", "network-failed", "network-moved", "camera-state", "camera-tampering"),
    *("delivery-failed", "delivery-unknown", "guard-refused", "redaction-failed", "database-migrated"),
)
PROGRAM = "program:"
DAYS = 7
MOST_LINES = 40


@dataclass(frozen=True)
class NetworkRow:
    """A network at work; `speed` is what was measured when it was put there, `others` what else was tried."""

    task: str
    name: str
    place: str
    precision: str
    speed: str
    others: tuple[str, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True)
class FindingRow:
    """What a check found; without `is_told` its text is English in every language."""

    check: str
    text: str
    is_told: bool


@dataclass(frozen=True)
class LineRow:
    time: str
    program: str
    level: str
    text: str


@blueprint.get("/system")
@allows(Permission.ADMINISTRATION)
def show() -> str:
    context, session = this_context(), this_session()
    context.examination.look(context.examine, context.live, context.clock)
    found, zone = context.examination.newest(), context.settings.site.zone
    for job in context.jobs.take_done(session.user):
        session.say("warn" if job.failed else "good", translated(job.outcome))
    with reading(context.engine) as connection:
        people = len(list_users(connection))
        since = context.clock() - timedelta(days=DAYS)
        entries = log.entries(connection, start=since, actions=EVENTS, newest_first=True, limit=MOST_LINES)
    return render_template(
        "system.html",
        examined=found,
        busy=context.examination.is_busy,
        looked=moment(found.time, zone) if found else "",
        findings=sort_findings(found),
        words=STATE_WORDS,
        tones=TONES,
        summary=summarise(found),
        networks=[describe_network(each) for each in found.engine.devices.networks] if found and found.engine else [],
        devices=found.engine.devices if found and found.engine else None,
        version=__version__,
        updates=describe_updates(),
        people=ngettext("%(num)s person may log in.", "%(num)s people may log in.", people),
        backups=backup_copies.list_copies(context),
        step=translated(context.jobs.present.step) if context.jobs.present else "",
        shortest=SHORTEST_PASSPHRASE,
        settings=describe_settings(context.settings, context.filed or context.settings),
        settings_file=context.paths.settings_file,
        events=[describe_entry(each, zone) for each in entries if each.event.actor.startswith(PROGRAM)],
        lines=describe_lines(context, found),
        days=DAYS,
    )


@blueprint.post("/system/examine")
@allows(Permission.ADMINISTRATION)
def examine() -> BaseResponse:
    """Begin to look again."""
    context = this_context()
    context.examination.look(context.examine, context.live, context.clock, anew=True)
    return redirect(url_for("system.show"))


@blueprint.get("/system/progress")
@allows(Permission.ADMINISTRATION)
def progress() -> Response:
    """The step of what is going on, null if nothing is."""
    context = this_context()
    if context.examination.is_busy:
        return jsonify(step=gettext("Looking…"))
    job = context.jobs.present
    return jsonify(step=translated(job.step) if job else None)


def sort_findings(found: Examined | None) -> dict[str, list[FindingRow]]:
    """The findings by state, the worst first, in the language of the page."""
    language, findings = this_language(), found.findings if found else ()

    def row(each: Finding) -> FindingRow:
        return FindingRow(each.told("check", language), each.told("text", language), "text" in each.parts)

    return {state: [row(each) for each in findings if each.state == state] for state in STATE_WORDS}


def summarise(found: Examined | None) -> str:
    if found is None:
        return gettext("The site is being looked at.")
    wrong = sum(each.state == "wrong" for each in found.findings)
    if wrong:
        return ngettext("%(num)s thing needs mending.", "%(num)s things need mending.", wrong)
    return gettext("Nothing needs mending.")


def describe_network(network: Network) -> NetworkRow:
    place = network.device if network.runtime == "OpenVINO" else f"{network.device} ({network.runtime})"
    speeds = [
        gettext("%(speed)s pictures a second", speed=this_language().decimal(each.pictures_per_second))
        for each in network.measured
    ]
    others = tuple(f"{each.choice}: {speed}" for each, speed in zip(network.measured[1:], speeds[1:], strict=True))
    return NetworkRow(
        gettext(TASK_WORDS[network.task]) if network.task in TASK_WORDS else network.task,
        network.name,
        place,
        network.precision,
        speeds[0] if speeds else gettext("not measured"),
        others,
        network.passed_over,
    )


def newest_lines(context: WebContext, found: Examined | None) -> list[Line]:
    """The warnings of page and engine, the newest first. The courier has no way to tell its own but the audit log."""
    own = [
        Line(datetime.fromisoformat(each["time"]), each["level"], each["text"], "web") for each in context.log_lines()
    ]
    engine = (
        [Line(each.time, each.level, each.text, "engine") for each in found.engine.log]
        if found and found.engine
        else []
    )
    return sorted(own + engine, key=lambda line: line.time, reverse=True)[:MOST_LINES]


def describe_lines(context: WebContext, found: Examined | None) -> list[LineRow]:
    zone = context.settings.site.zone
    return [
        LineRow(moment(each.time.astimezone(UTC), zone, with_seconds=True), each.program, each.level, each.text)
        for each in newest_lines(context, found)
    ]
