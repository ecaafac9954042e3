"""Checks the whole audit log: every entry, every hash, every signed checkpoint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Integer, select, type_coerce

from appliance.audit import checkpoint, log, merkle
from appliance.audit.checkpoint import Checkpoint, CheckpointInvalid
from appliance.audit.merkle import Node
from appliance.errors import VeilsightError
from appliance.storage.tables import audit_checkpoint, audit_entry, audit_node


class AuditLogBroken(VeilsightError):
    """The log is not what was written; the message names the first place that shows it."""


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
    walker = _Walker(_stored_nodes(connection))
    while walker.add_removed():
        _compare_root(walker, wanted)
    removed = walker.size
    for number, text, leaf_hash in _rows(connection):
        walker.add(number, text, leaf_hash)
        _compare_root(walker, wanted)
    walker.finish()
    if removed and removed != log.removed_before(connection):
        raise AuditLogBroken(f"The first {removed} entries of the audit log are gone, but it does not say so.")
    if wanted and max(wanted) > walker.size:
        raise AuditLogBroken(
            f"Entries are missing: a signed checkpoint covers {max(wanted)}, but the audit log has {walker.size}."
        )
    _check_signings(connection, stored, removed)
    newest = stored[-1] if stored else None
    return Verification(
        entries=walker.size,
        root=walker.root(),
        checkpoints=len(stored),
        checkpoint_size=newest.size if newest else 0,
        checkpoint_signed=_moment(newest).strftime("%Y-%m-%d %H:%M:%S UTC") if newest else "",
    )


class _Walker:
    """Builds the tree from left to right and compares each hash on the way with the next stored one."""

    def __init__(self, stored: Iterator[tuple[Node, object]]) -> None:
        self.size = 0
        # The complete subtrees so far, largest first.
        self._subtrees: list[bytes] = []
        self._stored = stored
        self._next = next(stored, None)

    def add(self, number: int, text: object, leaf_hash: bytes) -> None:
        if number != self.size:
            raise AuditLogBroken(f"Entry {self.size} of the audit log is missing.")
        # SQLite's columns take values of any type, whatever the schema says.
        result = merkle.hash_leaf(text.encode()) if isinstance(text, str) else b""
        if result != leaf_hash:
            raise AuditLogBroken(f"Entry {number} of the audit log has been changed.")
        self._append(result)

    def add_removed(self) -> bool:
        """Take the next leaf of which only the hash was kept; False where there is none."""
        if self._next is None or self._next[0] != Node(0, self.size):
            return False
        leaf = self._next[1]
        if not isinstance(leaf, bytes):
            raise AuditLogBroken(f"The audit log's hash of its removed entry {self.size} has been changed.")
        self._next = next(self._stored, None)
        self._append(leaf)
        return True

    def _append(self, leaf: bytes) -> None:
        result = leaf
        for node in merkle.completed_nodes(self.size):
            result = merkle.hash_children(self._subtrees.pop(), result)
            if self._next != (node, result):
                raise AuditLogBroken(
                    f"The audit log's hash at level {node.level}, position {node.position} is wrong: "
                    f"one of the entries {node.position << node.level} to {self.size} has been changed."
                )
            self._next = next(self._stored, None)
        self._subtrees.append(result)
        self.size += 1

    def root(self) -> bytes:
        result: bytes | None = None
        for subtree in reversed(self._subtrees):
            result = subtree if result is None else merkle.hash_children(subtree, result)
        return merkle.EMPTY_ROOT if result is None else result

    def finish(self) -> None:
        if self._next is not None:
            node = self._next[0]
            raise AuditLogBroken(
                f"The audit log has a hash at level {node.level}, position {node.position} without its entries: "
                f"entries after {self.size - 1} have been removed."
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


def _compare_root(walker: _Walker, wanted: dict[int, bytes]) -> None:
    if walker.size in wanted and walker.root() != wanted[walker.size]:
        raise AuditLogBroken(
            f"The first {walker.size} entries of the audit log are not those of a signed checkpoint: "
            "history has been rewritten."
        )


def _stored_checkpoints(connection: Connection) -> list[_StoredCheckpoint]:
    table = audit_checkpoint.c
    query = select(table.size, type_coerce(table.signed, Integer), table.note).order_by(table.size)
    return [_StoredCheckpoint(*row) for row in connection.execute(query)]


def _rows(connection: Connection) -> Iterator[tuple[int, object, bytes]]:
    query = select(audit_entry).order_by(audit_entry.c.number).execution_options(yield_per=5000)
    for row in connection.execute(query):
        yield row.number, row.entry, row.leaf_hash


def _stored_nodes(connection: Connection) -> Iterator[tuple[Node, object]]:
    """The stored hashes in the order in which a growing log completes them, lower levels first."""
    completed_by = (audit_node.c.position + 1).op("<<")(audit_node.c.level)
    query = select(audit_node).order_by(completed_by, audit_node.c.level).execution_options(yield_per=5000)
    for row in connection.execute(query):
        yield Node(row.level, row.position), row.hash
