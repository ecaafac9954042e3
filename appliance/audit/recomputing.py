"""Recomputes the Merkle tree from the log's own texts, thousands of entries at a time, and compares what is stored.

The tables are read as they are, in their order: whoever changed them may have put anything anywhere, since SQLite's
columns take values of any type, whatever the schema says.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, CursorResult

from appliance.audit import merkle
from appliance.errors import VeilsightError
from appliance.storage.database import driver_rows

CHUNK = 4096
# NULL in place of what is no text, which only somebody who tampers writes.
ENTRIES = """
SELECT number, CASE typeof(entry) WHEN 'text' THEN CAST(entry AS BLOB) END, leaf_hash FROM audit_entry ORDER BY number
"""
LEVEL = "SELECT position, hash FROM audit_node WHERE level = ? ORDER BY position"

Rows = Sequence[Any]


class AuditLogBroken(VeilsightError):
    """The log is not what was written; the message names the first place that shows it."""


class Tree:
    """The tree over the log's first `size` entries, of which the first `removed` have left nothing but their hashes."""

    def __init__(self, connection: Connection) -> None:
        self.size = 0
        self.removed = 0
        self._connection = connection
        # Of each level: the last complete subtree while it waits for its sibling, how many there were, the stored ones.
        self._waiting: dict[int, bytes] = {}
        self._complete: dict[int, int] = {}
        self._stored: dict[int, CursorResult[Any]] = {}

    def grow(self, stops: Sequence[int]) -> Iterator[int]:
        """Take the whole log; yields its size so far, at least at each of `stops`, which rise.

        Raises `AuditLogBroken`.
        """
        yield from self._take(self._connection.exec_driver_sql(LEVEL, (0,)), self._removed_leaves, stops)
        self.removed = self.size
        yield from self._take(self._connection.exec_driver_sql(ENTRIES), self._leaves, stops)
        self._finish()

    def root(self) -> bytes:
        """The root over what was taken so far."""
        result: bytes | None = None
        for level in sorted(self._waiting):
            result = self._waiting[level] if result is None else merkle.hash_children(self._waiting[level], result)
        return merkle.EMPTY_ROOT if result is None else result

    def _take(
        self, found: CursorResult[Any], leaves: Callable[[Rows], list[bytes]], stops: Sequence[int]
    ) -> Iterator[int]:
        while True:
            following = bisect_right(stops, self.size)
            ahead = stops[following] - self.size if following < len(stops) else CHUNK
            rows = driver_rows(found, min(ahead, CHUNK))
            if not rows:
                return
            self._add(leaves(rows))
            yield self.size

    def _removed_leaves(self, rows: Rows) -> list[bytes]:
        for offset, (position, leaf) in enumerate(rows):
            if position != self.size + offset or not isinstance(leaf, bytes):
                raise AuditLogBroken(
                    f"The audit log's hash of its removed entry {self.size + offset} is gone or has been changed."
                )
        return [leaf for _, leaf in rows]

    def _leaves(self, rows: Rows) -> list[bytes]:
        leaves: list[bytes] = []
        for wanted, (number, text, stored) in enumerate(rows, self.size):
            if number != wanted:
                raise AuditLogBroken(f"Entry {wanted} of the audit log is missing.")
            if text is None or (leaf := sha256(b"\x00" + text).digest()) != stored:
                raise AuditLogBroken(f"Entry {number} of the audit log has been changed.")
            leaves.append(leaf)
        return leaves

    def _add(self, hashes: list[bytes]) -> None:
        """Join what came with what waits, level by level."""
        self.size += len(hashes)
        level = 0
        while hashes:
            if level in self._waiting:
                hashes = [self._waiting.pop(level), *hashes]
            if len(hashes) % 2:
                self._waiting[level] = hashes[-1]
            level += 1
            pairs = zip(hashes[0::2], hashes[1::2], strict=False)
            hashes = [sha256(b"\x01%b%b" % pair).digest() for pair in pairs]
            self._compare(level, hashes)

    def _compare(self, level: int, hashes: list[bytes]) -> None:
        if not hashes:
            return
        if level not in self._stored:
            self._stored[level] = self._connection.exec_driver_sql(LEVEL, (level,))
        first = self._complete.get(level, 0)
        self._complete[level] = first + len(hashes)
        rows = driver_rows(self._stored[level], len(hashes))
        positions, stored = zip(*rows, strict=True) if rows else ((), ())
        if list(stored) == hashes and positions == tuple(range(first, first + len(hashes))):
            return
        wanted = list(enumerate(hashes, first))
        found = list(zip(positions, stored, strict=True))
        agreeing = next(at for at, pair in enumerate(wanted) if found[at : at + 1] != [pair])
        position = first + agreeing
        raise AuditLogBroken(
            f"The audit log's hash at level {level}, position {position} is wrong: "
            f"one of the entries {position << level} to {((position + 1) << level) - 1} has been changed."
        )

    def _finish(self) -> None:
        """Each hash that belongs there was found; there may be no other."""
        stored: int = self._connection.exec_driver_sql("SELECT count(*) FROM audit_node").scalar_one()
        extra = stored - self.removed - sum(self._complete.values())
        if extra:
            raise AuditLogBroken(
                f"The audit log has {extra} hashes without their entries: "
                f"entries after {self.size - 1} have been removed."
            )
