"""Signed checkpoints: the log's size and root in one small text that anybody can keep.

The form is C2SP's tlog-checkpoint (https://c2sp.org/tlog-checkpoint) in a signed note
(https://c2sp.org/signed-note), with an Ed25519 signature (RFC 8032). Whoever keeps an old checkpoint can later tell
whether the history before it has been changed.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from appliance.audit import log
from appliance.audit.log import Event
from appliance.errors import VeilsightError
from appliance.storage.tables import audit_checkpoint

SIGNATURE_PREFIX = "\N{EM DASH} "
ED25519 = b"\x01"


class CheckpointInvalid(VeilsightError):
    """A checkpoint that is malformed, or signed by another key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log of `origin` had `size` entries and this root hash."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    size: int
    signed: datetime
    note: str


def make_checkpoint(connection: Connection, key: Ed25519PrivateKey, origin: str, now: datetime | None = None) -> str:
    """Sign the log as it stands now and keep the checkpoint; returns the note's text."""
    checkpoint = Checkpoint(origin, log.size(connection), log.root(connection))
    note = sign(checkpoint, key)
    values = {"size": checkpoint.size, "signed": now or datetime.now(UTC), "note": note}
    # An unchanged log has the same checkpoint: Ed25519 signatures are deterministic.
    connection.execute(insert(audit_checkpoint).values(**values).on_conflict_do_nothing())
    return note


def seal(
    connection: Connection, key: Ed25519PrivateKey, origin: str, actor: str, now: datetime | None = None
) -> tuple[str, Checkpoint]:
    """`make_checkpoint` with the entry about this signature as the last that it covers."""
    now = now or datetime.now(UTC)
    size = log.size(connection) + 1
    log.append(connection, Event(actor, "checkpoint-signed", origin, "log", details={"size": size}), now)
    note = make_checkpoint(connection, key, origin, now)
    return note, read(note, key.public_key())


def seal_if_grown(
    connection: Connection, key: Ed25519PrivateKey, origin: str, actor: str, now: datetime | None = None
) -> bool:
    """`seal` unless nothing was written since the last checkpoint, but for entries about it."""
    latest = latest_checkpoint(connection)
    size = log.size(connection)
    since = reversed(range(latest.size if latest else 0, size))
    found = (log.decode(number, log.entry_text(connection, number)) for number in since)
    if all(entry.event.action == "checkpoint-signed" for entry in found):
        return False
    seal(connection, key, origin, actor, now)
    return True


def stored_checkpoints(connection: Connection) -> list[StoredCheckpoint]:
    """All checkpoints that were signed, oldest first."""
    rows = connection.execute(select(audit_checkpoint).order_by(audit_checkpoint.c.size))
    return [StoredCheckpoint(row.size, row.signed, row.note) for row in rows]


def latest_checkpoint(connection: Connection) -> StoredCheckpoint | None:
    query = select(audit_checkpoint).order_by(audit_checkpoint.c.size.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else StoredCheckpoint(row.size, row.signed, row.note)


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The signed note: origin, size, root, an empty line, and the signature's line."""
    root = base64.b64encode(checkpoint.root).decode()
    body = f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"
    signature = key_identifier(checkpoint.origin, key.public_key()) + key.sign(body.encode())
    return f"{body}\n{SIGNATURE_PREFIX}{checkpoint.origin} {base64.b64encode(signature).decode()}\n"


def read(note: str, key: Ed25519PublicKey) -> Checkpoint:
    """Parse a checkpoint and check its signature. Raises `CheckpointInvalid`."""
    body, separator, signatures = note.partition("\n\n")
    lines = body.split("\n")
    if not separator or len(lines) < 3 or not is_number(lines[1]):
        raise CheckpointInvalid("This is not a checkpoint: it needs an origin, a size, a root and a signature.")
    checkpoint = Checkpoint(lines[0], int(lines[1]), _decode(lines[2]))
    prefix = f"{SIGNATURE_PREFIX}{checkpoint.origin} "
    expected = key_identifier(checkpoint.origin, key)
    for line in signatures.splitlines():
        signature = _decode(line.removeprefix(prefix)) if line.startswith(prefix) else b""
        if signature[:4] == expected:
            try:
                key.verify(signature[4:], f"{body}\n".encode())
            except InvalidSignature as error:
                raise CheckpointInvalid(f"The signature of the checkpoint of {checkpoint.size} is wrong.") from error
            return checkpoint
    raise CheckpointInvalid("The checkpoint is not signed with this site's key.")


def key_identifier(name: str, key: Ed25519PublicKey) -> bytes:
    """The first four bytes of SHA-256(name, newline, signature type, public key), as the signed note demands."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + raw).digest()[:4]


def is_number(text: str) -> bool:
    """Whether this is how the standard writes a size or an index: decimal digits, no leading zero, below 2**64."""
    return text.isascii() and text.isdigit() and len(text) <= 20 and str(int(text)) == text and int(text) < 2**64


def decode_base64(text: str) -> bytes:
    """Strict base64 (RFC 4648, section 3.5): one text for each value. Raises `ValueError`."""
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text:
        raise ValueError("unused bits are set")
    return value


def _decode(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise CheckpointInvalid("This is not a checkpoint: a hash or signature is not base64.") from error
