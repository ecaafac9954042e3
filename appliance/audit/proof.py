"""Proofs that an outsider checks with nothing but the site's public key.

A proof that an entry is in the log has the form of C2SP's tlog-proof (https://c2sp.org/tlog-proof): the entry's index,
the inclusion path of RFC 9162 and the signed checkpoint. Its `extra` line carries the entry itself. A proof that the
log only grew since an earlier checkpoint is that checkpoint, the consistency path and the newer checkpoint.
"""

import base64
import json
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection

from appliance.audit import checkpoint, log, merkle
from appliance.audit.checkpoint import Checkpoint, CheckpointInvalid
from appliance.errors import VeilsightError

HEADER = "c2sp.org/tlog-proof@v1"
# No log of less than 2**63 entries needs a longer path.
LONGEST_PATH = 63


class ProofInvalid(VeilsightError):
    """A proof that is malformed, or that does not prove what it says."""


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry's number and text, and the checkpoint of the log that holds it."""

    number: int
    text: str
    checkpoint: Checkpoint


def prove_entry(connection: Connection, number: int, note: str, size: int) -> str:
    """The proof that entry `number` is in the log of the checkpoint `note`, which covers `size` entries.

    Raises `EntryUnknown`.
    """
    text = log.entry_text(connection, number)
    path = merkle.inclusion_path(number, size, log.node_lookup(connection))
    extra = base64.b64encode(text.encode()).decode()
    hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in path)
    return f"{HEADER}\nextra {extra}\nindex {number}\n{hashes}\n{note}"


def check_entry(proof: str, key: Ed25519PublicKey) -> ProvenEntry:
    """Check a proof by itself, without the log. Raises `ProofInvalid` and `CheckpointInvalid`."""
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    if len(lines) < 3 or lines[0] != HEADER or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise ProofInvalid(f"This is not a proof; it begins with {HEADER}, then extra and index.")
    index = lines[2].removeprefix("index ")
    if not checkpoint.is_number(index) or len(lines) - 3 > LONGEST_PATH:
        raise ProofInvalid("This is not a proof: the index is no number, or the path is too long.")
    signed = checkpoint.read(note, key)
    data, path = _decode(lines[1].removeprefix("extra ")), [_decode(line) for line in lines[3:]]
    try:
        root = merkle.root_from_inclusion(merkle.hash_leaf(data), int(index), signed.size, path)
        text = data.decode()
    except ValueError as error:
        raise ProofInvalid(f"The proof does not fit its checkpoint: {error}.") from error
    if root != signed.root:
        raise ProofInvalid("The proof does not hold: this entry is not in the log of the checkpoint.")
    return ProvenEntry(int(index), text, signed)


def prove_growth(connection: Connection, old: Checkpoint, new: Checkpoint) -> list[bytes]:
    """The consistency path between two checkpoints of this log. Raises `CheckpointInvalid`."""
    if not 0 < old.size <= new.size or old.origin != new.origin:
        raise CheckpointInvalid(f"The checkpoint of {old.size} entries is not an earlier one of this log.")
    path = list(merkle.consistency_path(old.size, new.size, log.node_lookup(connection)))
    if not merkle.consistency_holds(old.size, new.size, old.root, new.root, path):
        raise CheckpointInvalid(
            f"The log does not begin with the {old.size} entries of the checkpoint: it was changed."
        )
    return path


def growth_text(old_note: str, path: list[bytes], new_note: str) -> str:
    """The proof that `check_growth` reads: a JSON object with the two notes and the path in base64."""
    hashes = [base64.b64encode(each).decode() for each in path]
    return json.dumps({"old": old_note, "path": hashes, "new": new_note}, indent=2) + "\n"


def check_growth(proof: str, key: Ed25519PublicKey) -> tuple[Checkpoint, Checkpoint]:
    """Check by itself that the newer log begins with the older; returns both checkpoints.

    Raises `ProofInvalid` and `CheckpointInvalid`.
    """
    try:
        content = msgspec.json.decode(proof, type=_Growth)
    except msgspec.DecodeError as error:
        raise ProofInvalid("This is not a proof: it needs the texts old and new, and path, a list of texts.") from error
    old, new = checkpoint.read(content.old, key), checkpoint.read(content.new, key)
    path = [_decode(each) for each in content.path]
    if old.origin != new.origin or not merkle.consistency_holds(old.size, new.size, old.root, new.root, path):
        raise ProofInvalid(f"The proof does not hold: the log of {new.size} entries does not begin with {old.size}.")
    return old, new


class _Growth(msgspec.Struct):
    old: str
    new: str
    path: list[str]


def _decode(text: str) -> bytes:
    try:
        return checkpoint.decode_base64(text)
    except ValueError as error:
        raise ProofInvalid("This is not a proof: a line of it is not base64.") from error
