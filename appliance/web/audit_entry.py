"""One entry of the audit log: all that it says, and the proof that it stands there as it was written."""

import json
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template
from sqlalchemy import Connection
from werkzeug.exceptions import NotFound

from appliance.audit import checkpoint, log, merkle
from appliance.audit.checkpoint import CheckpointInvalid, StoredCheckpoint
from appliance.audit.log import Entry, EntryUnknown
from appliance.audit.proof import ProofInvalid, check_entry, prove_entry
from appliance.language import marked
from appliance.storage.database import reading
from appliance.storage.keys import load_signing_key
from appliance.web.audit import describe_action, describe_actor
from appliance.web.context import WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, translated
from appliance.web.words import attachment, moment, number

blueprint = Blueprint("audit_entry", __name__)

MOST = 2**53 - 1
# How the fields of an entry are called, in the log's own order but with what people look for first.
FIELDS = {
    "data_class": marked("Kind of data"),
    "bytes": marked("Bytes"),
    "sha256": marked("SHA-256"),
    "destination": marked("Destination"),
}


@dataclass(frozen=True)
class ProofWords:
    """`holds` is None while no checkpoint covers the entry; `text` is the proof in the form of C2SP's tlog-proof."""

    holds: bool | None
    heading: str
    explanation: str
    text: str = ""


@blueprint.get(f"/audit/entry/<int(max={MOST}):index>")
@allows(Permission.AUDIT)
def show(index: int) -> str:
    context = this_context()
    zone = context.settings.site.zone
    with reading(context.engine) as connection:
        text = need_text(connection, index)
        covering = checkpoint.latest_checkpoint(connection)
        proof = describe_proof(context, connection, index, covering, zone)
        size, gone = log.size(connection), log.removed_before(connection)
    entry = log.decode(index, text)
    return render_template(
        "audit_entry.html",
        index=index,
        number=number(index),
        action=describe_action(entry.event.action),
        facts=describe_facts(entry, zone),
        canonical=text,
        leaf=merkle.hash_leaf(text.encode()).hex(),
        proof=proof,
        older=index - 1 if index > gone else None,
        newer=index + 1 if index + 1 < size else None,
    )


@blueprint.get(f"/audit/entry/<int(max={MOST}):index>/proof")
@allows(Permission.AUDIT)
def proof(index: int) -> Response:
    """The proof as a file; where no checkpoint covers the entry yet, the log is signed first."""
    context = this_context()
    with context.engine.begin() as connection:
        text = proof_text(context, connection, index)
    return attachment(text.encode(), "text/plain; charset=utf-8", f"veilsight-entry-{index}.tlog-proof.txt")


def proof_text(context: WebContext, connection: Connection, index: int) -> str:
    """The proof that the entry is in the log of the newest checkpoint, which is made if need be.

    Raises `NotFound`.
    """
    need_text(connection, index)
    covering = covering_checkpoint(connection, context, index + 1)
    return prove_entry(connection, index, covering.note, covering.size)


def covering_checkpoint(connection: Connection, context: WebContext, size: int) -> StoredCheckpoint:
    """The newest checkpoint, if it covers so many entries; otherwise a new one."""
    latest = checkpoint.latest_checkpoint(connection)
    if latest is not None and latest.size >= size:
        return latest
    now = context.clock()
    key = load_signing_key(context.paths)
    note, signed = checkpoint.seal(connection, key, context.site.origin, this_session().user, now)
    return StoredCheckpoint(signed.size, now, note)


def need_text(connection: Connection, index: int) -> str:
    """The entry's canonical JSON. Raises `NotFound`."""
    try:
        return log.entry_text(connection, index)
    except EntryUnknown as error:
        raise NotFound(str(error)) from error


def describe_facts(entry: Entry, zone: ZoneInfo) -> list[tuple[str, str]]:
    """What the entry says, as name and value; what is empty is left out."""
    event = entry.event
    utc = f"{entry.time:%Y-%m-%d %H:%M:%S} UTC"
    facts = [
        (gettext("When"), f"{moment(entry.time, zone, with_seconds=True)} ({utc})"),
        (gettext("Who"), describe_actor(event.actor)),
        (gettext("What"), f"{describe_action(event.action)} ({event.action})"),
        (gettext("On what"), event.subject),
    ]
    written = json.loads(log.encode(event, entry.time))
    facts += [(translated(words), str(written[name] or "")) for name, words in FIELDS.items()]
    facts += [(name.replace("_", " "), translated(str(value))) for name, value in event.details.items()]
    return [(name, value) for name, value in facts if value]


def describe_proof(
    context: WebContext, connection: Connection, index: int, covering: StoredCheckpoint | None, zone: ZoneInfo
) -> ProofWords:
    """The proof, checked here and now as an outsider would check it."""
    if covering is None or covering.size <= index:
        explanation = gettext("The log is signed each hour. Downloading the proof signs it now.")
        return ProofWords(None, gettext("No checkpoint covers this entry yet"), explanation)
    try:
        text = prove_entry(connection, index, covering.note, covering.size)
        check_entry(text, context.site.public_key)
    except (EntryUnknown, ProofInvalid, CheckpointInvalid) as error:
        return ProofWords(False, gettext("The proof does not hold"), str(error))
    explanation = gettext(
        "It is in the log of %(size)s entries that was signed on %(moment)s.",
        size=number(covering.size),
        moment=moment(covering.signed, zone, with_seconds=True),
    )
    return ProofWords(True, gettext("Proven: this entry is as it was written"), explanation, text)
