"""Audit: what people and programs did, and whether the log is whole."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as BaseResponse

from appliance.audit import log
from appliance.audit.checkpoint import make_checkpoint
from appliance.audit.log import Entry, Event
from appliance.language import marked
from appliance.storage.database import reading
from appliance.storage.keys import load_signing_key
from appliance.web.audit_seal import begin_verification, current_seal, describe_seal
from appliance.web.context import this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, translated
from appliance.web.words import BROWSER, attachment, moment, number

blueprint = Blueprint("audit", __name__)

ENTRIES_A_PAGE = 50
PROGRAM = marked("program")
LONGEST_SEARCH = 200
FIRST_YEAR, LAST_YEAR = 2000, 2999
ACTION_WORDS = {
    "started": marked("Program started"),
    "stopped": marked("Program stopped"),
    "network-loaded": marked("Network loaded"),
    "network-failed": marked("Network failed"),
    "network-moved": marked("Network moved to another device"),
    "network-used": marked("Network used"),
    "network-quantised": marked("Network quantised"),
    "camera-added": marked("Camera added"),
    "camera-changed": marked("Camera changed"),
    "camera-removed": marked("Camera removed"),
    "cameras-searched": marked("Cameras looked for"),
    "plan-changed": marked("Floor plan changed"),
    "camera-state": marked("Camera changed state"),
    "camera-tampering": marked("Camera covered, blurred, blinded, frozen or moved"),
    "login": marked("Logged in"),
    "login-failed": marked("Log-in failed"),
    "logout": marked("Logged out"),
    "view-opened": marked("Live view opened"),
    "view-closed": marked("Live view closed"),
    "report-built": marked("Report built"),
    "report-downloaded": marked("Report downloaded"),
    "counts-downloaded": marked("Counts downloaded"),
    "delivery-started": marked("Sending begun"),
    "report-delivered": marked("Report delivered"),
    "metric-delivered": marked("Numbers delivered"),
    "delivery-failed": marked("Delivery failed"),
    "delivery-unknown": marked("Delivery broken off, outcome unknown"),
    "egress-refused": marked("Sending refused"),
    "destination-tested": marked("Test of a destination asked for"),
    "destination-secret-set": marked("Secret of a destination set"),
    "destination-secret-removed": marked("Secret of a destination removed"),
    "guard-refused": marked("Program kept from connecting"),
    "user-added": marked("User added"),
    "role-changed": marked("Role changed"),
    "access-refused": marked("Page refused, not in the role"),
    "sessions-ended": marked("Sessions ended"),
    "second-factor-on": marked("Second factor set up"),
    "second-factor-off": marked("Second factor switched off"),
    "token-added": marked("Token added"),
    "token-removed": marked("Token removed"),
    "token-used": marked("Token used"),
    "user-removed": marked("User removed"),
    "password-changed": marked("Password changed"),
    "checkpoint-signed": marked("Checkpoint signed"),
    "checkpoint-downloaded": marked("Checkpoint downloaded"),
    "database-migrated": marked("Database updated"),
    "database-backed-up": marked("Backup made"),
    "backup-downloaded": marked("Backup taken away"),
    "database-restored": marked("Backup restored"),
    "key-changed": marked("Key changed"),
    "data-removed": marked("Old data removed"),
    "retention-run": marked("Old data looked for"),
    "anonymity-set": marked("Anonymity set"),
    "settings-changed": marked("Settings changed"),
    "settings-exported": marked("Settings exported"),
    "counting-checked": marked("Count checked by eye"),
    "redaction-failed": marked("Redaction failed, picture covered"),
    "redaction-restored": marked("Redaction works again"),
    "frames-processed": marked("Pictures processed and covered"),
    "upload-received": marked("Recording sent to be redacted"),
    "recording-redacted": marked("Recording redacted"),
    "recording-downloaded": marked("Redacted recording taken away"),
    "upload-removed": marked("Recording forgotten"),
}

# How a detail is said, in this order; any other is said as it is named.
DETAIL_WORDS = {
    "ending": "%(value)s",
    "seconds": marked("after %(value)s s"),
    "reason": "%(value)s",
    "role": marked("as %(value)s"),
    "second_factor": marked("with a %(value)s"),
    "address": marked("from %(value)s"),
    "first_day": marked("from %(value)s"),
    "last_day": marked("to %(value)s"),
    "size": marked("%(value)s entries"),
    "task": "%(value)s",
    "times": marked("%(value)s times"),
    "started": marked("begun in entry %(value)s"),
    "device": marked("on %(value)s"),
    "frames": marked("%(value)s frames"),
    "covered_frames": marked("%(value)s of them covered whole"),
    "sound": marked("with its sound"),
}
# Details whose values are words of this program and are translated where they have a translation: those of the roles
# and of the reasons for a live view, and these.
TRANSLATED_DETAILS = frozenset({"ending", "reason", "role", "second_factor"})
ENDINGS = (
    marked("closed by the viewer"),
    marked("time limit"),
    marked("browser gone"),
    marked("logged out"),
    marked("program stopped"),
)
SHOWN_DIGITS = 16
MOST_SHOWN = 240


@dataclass(frozen=True)
class EntryRow:
    """One line of the table, as text; `index` is the entry's number as its address has it."""

    index: int
    number: str
    time: str
    actor: str
    action: str
    subject: str
    details: str


@dataclass(frozen=True)
class Search:
    """What is looked for; an empty text or None is anything. `first` and `last` are days of the site."""

    text: str = ""
    action: str = ""
    first: date | None = None
    last: date | None = None

    def __bool__(self) -> bool:
        return self != Search()

    def find(self, connection: Connection, zone: ZoneInfo, offset: int, limit: int) -> list[Entry]:
        """The newest first."""
        return log.entries(
            connection,
            start=datetime.combine(self.first, time(), zone) if self.first else None,
            end=datetime.combine(self.last + timedelta(days=1), time(), zone) if self.last else None,
            actions=(self.action,) if self.action else None,
            newest_first=True,
            limit=limit,
            offset=offset,
            containing=self.text,
        )

    def address(self, page: int) -> str:
        return url_for(
            "audit.show",
            page=page if page > 1 else None,
            q=self.text or None,
            action=self.action or None,
            first=self.first,
            last=self.last,
        )


@blueprint.get("/audit")
@allows(Permission.AUDIT)
def show() -> str:
    context = this_context()
    zone = context.settings.site.zone
    search = read_search()
    page = min(max(1, request.args.get("page", 1, type=int)), 1_000_000)
    before = (page - 1) * ENTRIES_A_PAGE
    seal = current_seal(context)
    with reading(context.engine) as connection:
        found = search.find(connection, zone, before, ENTRIES_A_PAGE + 1)
        size = log.size(connection)
    shown = found[:ENTRIES_A_PAGE]
    return render_template(
        "audit.html",
        rows=[describe_entry(entry, zone) for entry in shown],
        seal=describe_seal(seal, context.verifying.locked(), size, context.clock(), zone),
        actions={action: describe_action(action) for action in log.ACTIONS},
        search=search,
        newer=search.address(page - 1) if page > 1 else None,
        older=search.address(page + 1) if len(found) > len(shown) else None,
        range=describe_range(before, len(shown), None if search else size) if shown else "",
    )


def read_search() -> Search:
    """What the request looks for; what makes no sense is left out."""
    text, action = request.args.get("q", "").strip()[:LONGEST_SEARCH], request.args.get("action", "")
    first, last = (request.args.get(name, None, type=date.fromisoformat) for name in ("first", "last"))
    sensible = [each if each and FIRST_YEAR <= each.year <= LAST_YEAR else None for each in (first, last)]
    return Search(text, action if action in log.ACTIONS else "", *sensible)


def describe_range(before: int, shown: int, total: int | None) -> str:
    """Which entries a page shows, after so many others; `total` is None where they were not counted."""
    first, last = number(before + 1), number(before + shown)
    if total is None:
        return gettext("%(first)s to %(last)s", first=first, last=last)
    return gettext("%(first)s to %(last)s of %(total)s", first=first, last=last, total=number(total))


@blueprint.get("/audit/progress")
@allows(Permission.AUDIT)
def progress() -> Response:
    """What is being done, null if nothing is."""
    busy = this_context().verifying.locked()
    return jsonify(step=gettext("The log is being verified.") if busy else None)


@blueprint.post("/audit/verify")
@allows(Permission.AUDIT)
def verify_now() -> BaseResponse:
    begin_verification(this_context())
    return redirect(url_for("audit.show"))


@blueprint.get("/audit/checkpoint")
@allows(Permission.AUDIT)
def checkpoint() -> Response:
    """A checkpoint over the log as it is now, signed; whoever keeps it can later prove a change before it."""
    context, user = this_context(), this_session().user
    key = load_signing_key(context.paths)
    origin, now = context.site.origin, context.clock()
    with context.engine.begin() as connection:
        size = log.size(connection)
        note = make_checkpoint(connection, key, origin, now).encode()
        log.append(connection, Event(user, "checkpoint-signed", origin, "log", details={"size": size}), now)
        digest = hashlib.sha256(note).hexdigest()
        event = Event(user, "checkpoint-downloaded", origin, "log", len(note), digest, BROWSER, {"size": size})
        log.append(connection, event, now)
    return attachment(note, "text/plain; charset=utf-8", f"veilsight-checkpoint-{size}.txt")


def describe_entry(entry: Entry, zone: ZoneInfo) -> EntryRow:
    event = entry.event
    when = moment(entry.time, zone, with_seconds=True)
    action, actor = describe_action(event.action), describe_actor(event.actor)
    return EntryRow(
        entry.number, number(entry.number), when, actor, action, event.subject, shortened(describe_details(event))
    )


def shortened(text: str) -> str:
    """The beginning of a long text; the entry's own page has all of it."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def describe_action(action: str) -> str:
    return gettext(ACTION_WORDS[action]) if action in ACTION_WORDS else action


def describe_actor(actor: str) -> str:
    """A person's name, or such as `engine (program)`."""
    kind, _, name = actor.partition(":")
    return f"{name} ({gettext(kind) if kind == PROGRAM else kind})" if name else actor


def describe_details(event: Event) -> str:
    """What else the entry says; of a SHA-256 its beginning, since the log itself has it whole."""
    known = [key for key in DETAIL_WORDS if key in event.details]
    keys = known + [key for key in event.details if key not in DETAIL_WORDS]
    details = [describe_detail(key, event.details[key]) for key in keys]
    if event.destination:
        details.append(gettext("to %(value)s", value=event.destination))
    if event.byte_count:
        details.append(gettext("%(value)s bytes", value=number(event.byte_count)))
    if event.sha256:
        details.append(f"SHA-256 {event.sha256[:SHOWN_DIGITS]}\N{HORIZONTAL ELLIPSIS}")
    return ", ".join(details)


def describe_detail(key: str, value: object) -> str:
    """A detail that has no words of its own is said as the log names it."""
    words = DETAIL_WORDS.get(key)
    if words is None:
        return f"{key.replace('_', ' ')} {value}"
    return gettext(words, value=translated(str(value)) if key in TRANSLATED_DETAILS else value)
