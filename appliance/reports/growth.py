"""That the audit log only grew since earlier reports: proofs which each report carries, and their check.

A report lists earlier reports of its site with their checkpoints, each with the consistency path of RFC 9162 to its own
checkpoint. So whoever kept any of them sees whether the history before it was changed, without asking the site.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, select

from appliance.audit import checkpoint, log, merkle, proof
from appliance.audit.checkpoint import Checkpoint, CheckpointInvalid
from appliance.reports.period import Period
from appliance.storage.tables import report as report_table

# So many of the newest, and so many of those that tell of as long a time, such as a year's months beside daily reports.
MOST_NEWEST = 8
MOST_ALIKE = 12


@dataclass(frozen=True)
class Grown:
    """What a comparison with an earlier checkpoint found; `known` is False where the report can't tell."""

    holds: bool
    known: bool = True


def earlier_reports(connection: Connection, period: Period, note: str, key: Ed25519PublicKey) -> dict[str, Any]:
    """For a report's facts: the `reports` before it, the newest first, each with its proof, and `all_from`.

    `note` is the new report's checkpoint. `path` is None where the log was changed since, so that there is no proof.
    Every earlier report whose checkpoint has at least `all_from` entries is listed; None where that is not known.
    """
    new = checkpoint.read(note, key)
    query = select(report_table).order_by(report_table.c.built.desc(), report_table.c.name.desc())
    rows = connection.execute(query).all()
    newest = rows[:MOST_NEWEST]
    alike = [row for row in rows[MOST_NEWEST:] if 10 * _days(row) >= 9 * period.days][:MOST_ALIKE]
    told = [_told(connection, row, new, key) for row in (*newest, *alike)]
    window = [each["size"] for each in told[: len(newest)]]
    forgotten = log.removed_before(connection) or any(
        entry.event.subject == "reports" for entry in log.entries(connection, actions=("data-removed",))
    )
    whole = len(rows) <= MOST_NEWEST and not forgotten
    return {"reports": told, "all_from": 0 if whole else min(window, default=None)}


def has_grown(facts: dict[str, Any], old: Checkpoint, key: Ed25519PublicKey, of_report: bool) -> Grown:
    """Whether a report's log begins with the log of an earlier checkpoint; `of_report` if a report had that checkpoint.

    Raises `CheckpointInvalid` where the report's own checkpoint is not one, and `KeyError`, `TypeError` and
    `ValueError` where the facts are of another schema.
    """
    integrity = facts["integrity"]
    new = checkpoint.read(integrity["checkpoint"], key)
    if old.origin != new.origin or old.size > new.size:
        return Grown(False)
    if old.size in (0, new.size):
        return Grown(old.root == (new.root if old.size else merkle.EMPTY_ROOT))
    earlier = integrity.get("earlier", {"reports": [], "all_from": None})
    for row in earlier["reports"]:
        listed = checkpoint.read(row["checkpoint"], key)
        if listed == old:
            return Grown(_proves(row["path"], old, new))
        if listed.size == old.size:
            return Grown(False)
    since = earlier["all_from"]
    return Grown(False, known=of_report and since is not None and old.size >= since)


def _proves(path: Sequence[str] | None, old: Checkpoint, new: Checkpoint) -> bool:
    if path is None:
        return False
    hashes = [checkpoint.decode_base64(each) for each in path]
    return merkle.consistency_holds(old.size, new.size, old.root, new.root, hashes)


def _told(connection: Connection, row: Row[Any], new: Checkpoint, key: Ed25519PublicKey) -> dict[str, Any]:
    told = {"report": row.name, "sha256": row.sha256, "checkpoint": row.checkpoint}
    try:
        old = checkpoint.read(row.checkpoint, key)
        # Every log begins with none.
        path = proof.prove_growth(connection, old, new) if old.size else []
    except CheckpointInvalid:
        return {**told, "size": 0, "path": None}
    return {**told, "size": old.size, "path": [base64.b64encode(each).decode() for each in path]}


def _days(row: Row[Any]) -> int:
    return (date.fromisoformat(row.last_day) - date.fromisoformat(row.first_day)).days + 1
