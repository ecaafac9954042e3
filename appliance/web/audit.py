"""Audit: what people and programs did, and whether the log is whole."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance.audit import log
from appliance.audit.checkpoint import make_checkpoint
from appliance.audit.log import Entry, Event
from appliance.audit.verification import AuditLogBroken, verify
from appliance.storage.database import reading
from appliance.storage.keys import load_signing_key
from appliance.web.context import Seal, WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.words import BROWSER, attachment, moment, number, plural

blueprint = Blueprint("audit", __name__)

ENTRIES_A_PAGE = 50
VERIFY_AGAIN = timedelta(minutes=10)
ACTION_WORDS = {
    "started": "Program started",
    "stopped": "Program stopped",
    "network-loaded": "Network loaded",
    "network-failed": "Network failed",
    "network-moved": "Network moved to another device",
    "network-used": "Network used",
    "network-quantised": "Network quantised",
    "camera-added": "Camera added",
    "camera-changed": "Camera changed",
    "camera-removed": "Camera removed",
    "camera-state": "Camera changed state",
    "camera-tampering": "Camera covered, blurred, blinded, frozen or moved",
    "login": "Logged in",
    "login-failed": "Log-in failed",
    "logout": "Logged out",
    "view-opened": "Live view opened",
    "view-closed": "Live view closed",
    "report-built": "Report built",
    "report-downloaded": "Report downloaded",
    "counts-downloaded": "Counts downloaded",
    "delivery-started": "Sending begun",
    "report-delivered": "Report delivered",
    "metric-delivered": "Numbers delivered",
    "delivery-failed": "Delivery failed",
    "delivery-unknown": "Delivery broken off, outcome unknown",
    "egress-refused": "Sending refused",
    "destination-secret-set": "Secret of a destination set",
    "destination-secret-removed": "Secret of a destination removed",
    "guard-refused": "Program kept from connecting",
    "user-added": "User added",
    "role-changed": "Role changed",
    "access-refused": "Page refused, not in the role",
    "user-removed": "User removed",
    "password-changed": "Password changed",
    "checkpoint-signed": "Checkpoint signed",
    "checkpoint-downloaded": "Checkpoint downloaded",
    "database-migrated": "Database updated",
    "database-backed-up": "Backup made",
    "database-restored": "Backup restored",
    "key-changed": "Key changed",
    "data-removed": "Old data removed",
    "retention-run": "Old data looked for",
    "anonymity-set": "Anonymity set",
    "settings-changed": "Settings changed",
    "counting-checked": "Count checked by eye",
    "redaction-failed": "Redaction failed, picture covered",
    "recording-redacted": "Recording redacted",
}

# How a detail is said, in this order; any other is said as it is named.
DETAIL_WORDS = {
    "ending": "{}",
    "seconds": "after {} s",
    "reason": "{}",
    "role": "as {}",
    "address": "from {}",
    "first_day": "from {}",
    "last_day": "to {}",
    "size": "{} entries",
    "task": "{}",
    "times": "{} times",
    "started": "begun in entry {}",
    "device": "on {}",
    "frames": "{} frames",
    "covered_frames": "{} of them covered whole",
}
SHOWN_DIGITS = 16


@dataclass(frozen=True)
class EntryRow:
    """One line of the table, as text."""

    number: str
    time: str
    actor: str
    action: str
    subject: str
    details: str


@dataclass(frozen=True)
class SealWords:
    """The verification state in words."""

    is_good: bool
    heading: str
    explanation: str
    checkpoint: str


@blueprint.get("/audit")
@allows(Permission.AUDIT)
def show() -> str:
    context = this_context()
    chosen = request.args.get("action", "")
    actions = (chosen,) if chosen in log.ACTIONS else None
    page = max(1, request.args.get("page", 1, type=int))
    first = (min(page, 1_000_000) - 1) * ENTRIES_A_PAGE
    with reading(context.engine) as connection:
        total = log.count(connection, actions)
        found = log.entries(connection, actions=actions, newest_first=True, limit=ENTRIES_A_PAGE, offset=first)
        size = log.size(connection)
    zone = context.settings.site.zone
    return render_template(
        "audit.html",
        rows=[describe_entry(entry, zone) for entry in found],
        seal=describe_seal(current_seal(context), size, context.clock(), zone),
        actions={action: ACTION_WORDS.get(action, action) for action in log.ACTIONS},
        chosen=chosen if actions else "",
        newer=page_address(page - 1, chosen) if page > 1 else None,
        older=page_address(page + 1, chosen) if first + len(found) < total and found else None,
        range=f"{number(first + 1)} to {number(first + len(found))} of {number(total)}" if found else "",
    )


@blueprint.post("/audit/verify")
@allows(Permission.AUDIT)
def verify_now() -> BaseResponse:
    verify_log(this_context())
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


def current_seal(context: WebContext) -> Seal:
    """The last verification, made anew if there is none or it is old."""
    seal = context.seals[-1] if context.seals else None
    return seal if seal and context.clock() - seal.time < VERIFY_AGAIN else verify_log(context)


def verify_log(context: WebContext) -> Seal:
    """Verify the whole log and remember the outcome.

    Entries cut off the end leave a log that holds, unless a checkpoint covers them; the last length seen tells then.
    """
    try:
        with reading(context.engine) as connection:
            result = verify(connection, context.site.public_key, context.site.origin)
    except AuditLogBroken as error:
        seal = Seal(context.clock(), str(error), _last_length(context), 0, "")
    else:
        before = _last_length(context)
        problem = ""
        if result.entries < before:
            problem = f"Entries are missing: there were {number(before)}, and now there are {number(result.entries)}."
        seal = Seal(
            context.clock(), problem, max(before, result.entries), result.checkpoint_size, result.checkpoint_signed
        )
    context.seals.append(seal)
    return seal


def _last_length(context: WebContext) -> int:
    return context.seals[-1].entries if context.seals else 0


def describe_seal(seal: Seal, size: int, now: datetime, zone: ZoneInfo) -> SealWords:
    when = "just now" if now - seal.time < timedelta(minutes=1) else f"at {seal.time.astimezone(zone):%H:%M}"
    if seal.problem:
        return SealWords(False, "The log does not hold", seal.problem, f"Found {when}.")
    since = size - seal.entries
    added = f" {number(since)} {plural(since, 'entry has', 'entries have')} been added since." if since > 0 else ""
    kept = "No checkpoint has been signed yet."
    if seal.checkpoint_size:
        covered = f"{number(seal.checkpoint_size)} {plural(seal.checkpoint_size, 'entry', 'entries')}"
        kept = f"The newest checkpoint covers {covered}, signed {seal.checkpoint_signed}."
    whole = f"All {number(seal.entries)} {plural(seal.entries, 'entry', 'entries')} were verified {when}.{added}"
    return SealWords(True, "The log is whole", whole, kept)


def describe_entry(entry: Entry, zone: ZoneInfo) -> EntryRow:
    event = entry.event
    time = moment(entry.time, zone, with_seconds=True)
    action = ACTION_WORDS.get(event.action, event.action)
    return EntryRow(
        number(entry.number), time, describe_actor(event.actor), action, event.subject, describe_details(event)
    )


def describe_actor(actor: str) -> str:
    """A person's name, or such as `engine (program)`."""
    kind, _, name = actor.partition(":")
    return f"{name} ({kind})" if name else actor


def describe_details(event: Event) -> str:
    """What else the entry says; of a SHA-256 its beginning, since the log itself has it whole."""
    known = [key for key in DETAIL_WORDS if key in event.details]
    keys = known + [key for key in event.details if key not in DETAIL_WORDS]
    details = [DETAIL_WORDS.get(key, f"{key.replace('_', ' ')} {{}}").format(event.details[key]) for key in keys]
    if event.destination:
        details.append(f"to {event.destination}")
    if event.byte_count:
        details.append(f"{number(event.byte_count)} bytes")
    if event.sha256:
        details.append(f"SHA-256 {event.sha256[:SHOWN_DIGITS]}\N{HORIZONTAL ELLIPSIS}")
    return ", ".join(details)


def page_address(page: int, action: str) -> str:
    return url_for("audit.show", page=page if page > 1 else None, action=action or None)
