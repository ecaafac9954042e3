"""Checks the whole audit log: every entry, every hash, every signed checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Integer, select, type_coerce

from appliance.audit import checkpoint, log
from appliance.audit.checkpoint import Checkpoint, CheckpointInvalid
from appliance.audit.recomputing import AuditLogBroken, Tree
from appliance.storage.tables import audit_checkpoint

__all__ = ["AuditLogBroken", "Verification", "verify"]


@dataclass(frozen=True, slots=True)
class Verification:
    """A log that holds: how long it is, its root, and the newest checkpoint's size and moment of signing."""

    entries: int
    root: bytes
    checkpoints: int
    checkpoint_size: int
    checkpoint_signed: str

    def __str__(self) -> str:
        if not self.checkpoints:
            return f"audit log verified: {self.entries} entries, no checkpoint signed yet"
        return (
            f"audit log verified: {self.entries} entries, {self.checkpoints} checkpoints, "
            f"the newest over {self.checkpoint_size} entries, signed {self.checkpoint_signed}"
        )


@dataclass(frozen=True, slots=True)
class _StoredCheckpoint:
    """A checkpoint's row as it is: SQLite's columns take values of any type, whatever the schema says."""

    size: int
    signed: object
    note: object


def verify(connection: Connection, key: Ed25519PublicKey, origin: str, saved: str | None = None) -> Verification:
    """Recompute the tree from the entries and compare it with all that is stored and signed.

    `saved` is a checkpoint that somebody kept outside: the log must still begin with it.
    Raises `AuditLogBroken`, which names the first bad entry, and `CheckpointInvalid` where `saved` is not a checkpoint
    of this site.
    """
    stored = _stored_checkpoints(connection)
    wanted = _signed_roots(stored, saved, key, origin)
    tree = Tree(connection)
    _compare_root(tree, wanted)
    for _ in tree.grow(sorted(wanted)):
        _compare_root(tree, wanted)
    removed = tree.removed
    if removed and removed != log.removed_before(connection):
        raise AuditLogBroken(f"The first {removed} entries of the audit log are gone, but it does not say so.")
    if wanted and max(wanted) > tree.size:
        raise AuditLogBroken(
            f"Entries are missing: a signed checkpoint covers {max(wanted)}, but the audit log has {tree.size}."
        )
    _check_signings(connection, stored, removed)
    newest = stored[-1] if stored else None
    return Verification(
        entries=tree.size,
        root=tree.root(),
        checkpoints=len(stored),
        checkpoint_size=newest.size if newest else 0,
        checkpoint_signed=_moment(newest).strftime("%Y-%m-%d %H:%M:%S UTC") if newest else "",
    )


def _signed_roots(
    stored: Sequence[_StoredCheckpoint], saved: str | None, key: Ed25519PublicKey, origin: str
) -> dict[int, bytes]:
    checkpoints = [_read_stored(each, key) for each in stored]
    if saved is not None:
        checkpoints.append(checkpoint.read(saved, key))
    roots: dict[int, bytes] = {}
    for signed in checkpoints:
        if signed.origin != origin:
            raise AuditLogBroken(f"A checkpoint is of another log, {signed.origin}.")
        if roots.setdefault(signed.size, signed.root) != signed.root:
            raise AuditLogBroken(f"Two signed checkpoints of {signed.size} entries differ: the log was rewritten.")
    return roots


def _read_stored(stored: _StoredCheckpoint, key: Ed25519PublicKey) -> Checkpoint:
    try:
        signed = checkpoint.read(stored.note, key) if isinstance(stored.note, str) else None
    except CheckpointInvalid as error:
        raise AuditLogBroken(f"The stored checkpoint of {stored.size} entries does not hold: {error}") from error
    if signed is None or signed.size != stored.size:
        raise AuditLogBroken(f"The stored checkpoint of {stored.size} entries has been changed.")
    return signed


def _check_signings(connection: Connection, stored: Sequence[_StoredCheckpoint], removed: int) -> None:
    """Every signing that the log tells of has its checkpoint, and its moment is the entry's.

    The entries are verified by now. Those about a checkpoint stand last in it or right after it, so that all of them
    are there where the checkpoint is longer than what was `removed`.
    """
    moments: dict[int, set[int]] = {}
    for entry in log.entries(connection, actions=["checkpoint-signed"]):
        size = entry.event.details.get("size")
        if isinstance(size, int) and size > removed:
            moments.setdefault(size, set()).add(int(entry.time.timestamp()))
    present = {each.size: each for each in stored}
    for size in sorted(moments):
        if size not in present:
            raise AuditLogBroken(f"The checkpoint of {size} entries is gone, but the audit log tells of its signing.")
        if present[size].signed not in moments[size]:
            raise AuditLogBroken(f"The stored checkpoint of {size} entries was not signed when it says.")


def _moment(stored: _StoredCheckpoint) -> datetime:
    try:
        if isinstance(stored.signed, int):
            return datetime.fromtimestamp(stored.signed, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise AuditLogBroken(f"The stored checkpoint of {stored.size} entries has been changed.")


def _compare_root(tree: Tree, wanted: dict[int, bytes]) -> None:
    if tree.size in wanted and tree.root() != wanted[tree.size]:
        raise AuditLogBroken(
            f"The first {tree.size} entries of the audit log are not those of a signed checkpoint: "
            "history has been rewritten."
        )


def _stored_checkpoints(connection: Connection) -> list[_StoredCheckpoint]:
    table = audit_checkpoint.c
    query = select(table.size, type_coerce(table.signed, Integer), table.note).order_by(table.size)
    return [_StoredCheckpoint(*row) for row in connection.execute(query)]
