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
from appliance.language import marked
from appliance.storage.database import reading
from appliance.storage.keys import load_signing_key
from appliance.web.context import Seal, WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, ngettext, translated
from appliance.web.words import BROWSER, attachment, moment, number

blueprint = Blueprint("audit", __name__)

ENTRIES_A_PAGE = 50
PROGRAM = marked("program")
VERIFY_AGAIN = timedelta(minutes=10)
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
    "database-restored": marked("Backup restored"),
    "key-changed": marked("Key changed"),
    "data-removed": marked("Old data removed"),
    "retention-run": marked("Old data looked for"),
    "anonymity-set": marked("Anonymity set"),
    "settings-changed": marked("Settings changed"),
    "counting-checked": marked("Count checked by eye"),
    "redaction-failed": marked("Redaction failed, picture covered"),
    "recording-redacted": marked("Recording redacted"),
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
        actions={action: describe_action(action) for action in log.ACTIONS},
        chosen=chosen if actions else "",
        newer=page_address(page - 1, chosen) if page > 1 else None,
        older=page_address(page + 1, chosen) if first + len(found) < total and found else None,
        range=describe_range(first, len(found), total) if found else "",
    )


def describe_range(first: int, shown: int, total: int) -> str:
    """Which entries a page shows; `first` counts from 0."""
    begin, end, of = (number(each) for each in (first + 1, first + shown, total))
    return gettext("%(first)s to %(last)s of %(total)s", first=begin, last=end, total=of)


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
            problem = gettext(
                "Entries are missing: there were %(before)s, and now there are %(now)s.",
                before=number(before),
                now=number(result.entries),
            )
        seal = Seal(
            context.clock(), problem, max(before, result.entries), result.checkpoint_size, result.checkpoint_signed
        )
    context.seals.append(seal)
    return seal


def _last_length(context: WebContext) -> int:
    return context.seals[-1].entries if context.seals else 0


def describe_seal(seal: Seal, size: int, now: datetime, zone: ZoneInfo) -> SealWords:
    clock = f"{seal.time.astimezone(zone):%H:%M}"
    is_new = now - seal.time < timedelta(minutes=1)
    if seal.problem:
        found = gettext("Found just now.") if is_new else gettext("Found at %(clock)s.", clock=clock)
        return SealWords(False, gettext("The log does not hold"), seal.problem, found)
    if is_new:
        told = ngettext(
            "%(num)s entry was verified just now.", "All %(num)s entries were verified just now.", seal.entries
        )
    else:
        told = ngettext(
            "%(num)s entry was verified at %(clock)s.",
            "All %(num)s entries were verified at %(clock)s.",
            seal.entries,
            clock=clock,
        )
    if size > seal.entries:
        added = ngettext(
            "%(num)s entry has been added since.", "%(num)s entries have been added since.", size - seal.entries
        )
        told = f"{told} {added}"
    return SealWords(True, gettext("The log is whole"), told, describe_checkpoint(seal))


def describe_checkpoint(seal: Seal) -> str:
    if not seal.checkpoint_size:
        return gettext("No checkpoint has been signed yet.")
    return ngettext(
        "The newest checkpoint covers %(num)s entry, signed %(moment)s.",
        "The newest checkpoint covers %(num)s entries, signed %(moment)s.",
        seal.checkpoint_size,
        moment=seal.checkpoint_signed,
    )


def describe_entry(entry: Entry, zone: ZoneInfo) -> EntryRow:
    event = entry.event
    time = moment(entry.time, zone, with_seconds=True)
    action, actor = describe_action(event.action), describe_actor(event.actor)
    return EntryRow(number(entry.number), time, actor, action, event.subject, describe_details(event))


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


def page_address(page: int, action: str) -> str:
    return url_for("audit.show", page=page if page > 1 else None, action=action or None)
