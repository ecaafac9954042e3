"""The audit log: who did what, appended in the transaction of the act itself.

Entries are canonical JSON (RFC 8785), hashed into the Merkle tree of RFC 9162. The hash of every complete subtree is
kept, so that appending and proving touch only as many hashes as the tree is high.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import rfc8785
from sqlalchemy import ColumnElement, Connection, and_, func, literal_column, or_, select

from appliance.audit import merkle
from appliance.audit.merkle import Node
from appliance.errors import VeilsightError
from appliance.storage.tables import audit_entry

Action = Literal[
    "started",
    "stopped",
    "network-loaded",
    "network-failed",
    "network-moved",
    "network-used",
    "network-quantised",
    "camera-added",
    "camera-changed",
    "camera-removed",
    "cameras-searched",
    "camera-state",
    "camera-tampering",
    "login",
    "login-failed",
    "logout",
    "view-opened",
    "view-closed",
    "report-built",
    "report-downloaded",
    "counts-downloaded",
    "delivery-started",
    "report-delivered",
    "metric-delivered",
    "delivery-failed",
    "delivery-unknown",
    "egress-refused",
    "destination-tested",
    "destination-secret-set",
    "destination-secret-removed",
    "guard-refused",
    "user-added",
    "role-changed",
    "access-refused",
    "sessions-ended",
    "second-factor-on",
    "second-factor-off",
    "token-added",
    "token-removed",
    "token-used",
    "user-removed",
    "password-changed",
    "checkpoint-signed",
    "checkpoint-downloaded",
    "database-migrated",
    "database-backed-up",
    "backup-downloaded",
    "database-restored",
    "key-changed",
    "data-removed",
    "retention-run",
    "redaction-failed",
    "redaction-restored",
    "frames-processed",
    "upload-received",
    "recording-redacted",
    "recording-downloaded",
    "upload-removed",
    "anonymity-set",
    "settings-changed",
    "settings-exported",
    "counting-checked",
    "plan-changed",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
LEAF = "SELECT leaf_hash FROM audit_entry WHERE number = ?"
NODE = "SELECT hash FROM audit_node WHERE level = ? AND position = ?"
# A `data-removed` entry about the log itself: entries before this number are gone, and their hashes are kept.
REMOVED_SUBJECT = "audit log"
REMOVED_BEFORE = "before"


class EntryUnknown(VeilsightError):
    """The log has no entry with this number."""


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be written down. `details` holds short texts and whole numbers, never anything about a passer-by."""

    actor: str
    action: Action
    subject: str
    data_class: str = ""
    byte_count: int = 0
    sha256: str = ""
    destination: str = ""
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it stands in the log; numbers begin at 0, times are UTC to the second."""

    number: int
    time: datetime
    event: Event


def append(connection: Connection, event: Event, now: datetime | None = None) -> int:
    """Write the event down in the caller's transaction, which must be a writing one; return its number."""
    number = size(connection)
    text = encode(event, now or datetime.now(UTC))
    leaf = merkle.hash_leaf(text.encode())
    # Plain SQL, here and where hashes are looked up: putting statements together took most of the time.
    connection.exec_driver_sql(
        "INSERT INTO audit_entry (number, entry, leaf_hash) VALUES (?, ?, ?)", (number, text, leaf)
    )
    lookup = node_lookup(connection)
    right = leaf
    for node in merkle.completed_nodes(number):
        right = merkle.hash_children(lookup(Node(node.level - 1, 2 * node.position)), right)
        connection.exec_driver_sql("INSERT INTO audit_node (level, position, hash) VALUES (?, ?, ?)", (*node, right))
    return number


def encode(event: Event, moment: datetime) -> str:
    """The entry's canonical JSON."""
    content: dict[str, Any] = {
        "time": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "actor": event.actor,
        "action": event.action,
        "subject": event.subject,
        "data_class": event.data_class,
        "bytes": event.byte_count,
        "sha256": event.sha256,
        "destination": event.destination,
        "details": dict(event.details),
    }
    return rfc8785.dumps(content).decode()


def decode(number: int, text: str) -> Entry:
    content = json.loads(text)
    event = Event(
        actor=content["actor"],
        action=content["action"],
        subject=content["subject"],
        data_class=content["data_class"],
        byte_count=content["bytes"],
        sha256=content["sha256"],
        destination=content["destination"],
        details=content["details"],
    )
    moment = datetime.strptime(content["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return Entry(number, moment, event)


def size(connection: Connection) -> int:
    """How many entries the log has."""
    last: int | None = connection.exec_driver_sql("SELECT max(number) FROM audit_entry").scalar()
    return 0 if last is None else last + 1


def entries(
    connection: Connection,
    start: datetime | None = None,
    end: datetime | None = None,
    actions: Sequence[str] | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    offset: int = 0,
    containing: str = "",
) -> list[Entry]:
    """Entries of [start, end), with one of `actions` if given, in the log's order or the reverse.

    `containing` is looked for, in large or small letters, in what an entry says of its actor, subject, destination and
    checksum, and in its details.
    """
    query = select(audit_entry.c.number, audit_entry.c.entry)
    time = _field("time")
    if start is not None:
        query = query.where(time >= start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if end is not None:
        query = query.where(time < end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if actions is not None:
        query = query.where(_field("action").in_(actions))
    if containing:
        query = query.where(_says(containing))
    order = audit_entry.c.number.desc() if newest_first else audit_entry.c.number
    query = query.order_by(order).limit(limit).offset(offset)
    return [decode(row.number, row.entry) for row in connection.execute(query)]


def first_since(connection: Connection, moment: datetime) -> int:
    """The number of the first entry that was not written before the moment; the log's size where there is none."""
    wanted = _field("time") >= moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = select(func.min(audit_entry.c.number)).where(wanted)
    found: int | None = connection.execute(query).scalar()
    return size(connection) if found is None else found


def removed_before(connection: Connection) -> int:
    """Entries before this number were removed because they were old, as the log itself says; 0 where none were."""
    removals = entries(connection, actions=["data-removed"])
    numbers = [each.event.details.get(REMOVED_BEFORE) for each in removals if each.event.subject == REMOVED_SUBJECT]
    return max((number for number in numbers if isinstance(number, int)), default=0)


def count(connection: Connection, actions: Sequence[str] | None = None) -> int:
    """How many entries there are, of one of `actions` if given."""
    query = select(func.count()).select_from(audit_entry)
    if actions is not None:
        query = query.where(_field("action").in_(actions))
    return connection.execute(query).scalar_one()


def entry_text(connection: Connection, number: int) -> str:
    """The canonical JSON of one entry. Raises `EntryUnknown`."""
    text: str | None = connection.execute(select(audit_entry.c.entry).where(audit_entry.c.number == number)).scalar()
    if text is None:
        first = connection.execute(select(func.min(audit_entry.c.number))).scalar() or 0
        raise EntryUnknown(f"The audit log has no entry {number}; it has entries {first} to {size(connection) - 1}.")
    return text


def root(connection: Connection, entry_count: int | None = None) -> bytes:
    """The Merkle root of the first `entry_count` entries, of all by default."""
    return merkle.root(size(connection) if entry_count is None else entry_count, node_lookup(connection))


def node_lookup(connection: Connection) -> merkle.Lookup:
    """Finds the stored hash of a complete subtree. Raises `EntryUnknown` where it is missing."""

    def lookup(node: Node) -> bytes:
        found: bytes | None = None
        if node.level == 0:
            found = connection.exec_driver_sql(LEAF, (node.position,)).scalar()
        if found is None:
            # Among them the leaves of entries that were removed because they were old.
            found = connection.exec_driver_sql(NODE, node).scalar()
        if found is None:
            raise EntryUnknown(f"The audit log lacks the hash at level {node.level}, position {node.position}.")
        return found

    return lookup


def _field(name: Literal["action", "time"]) -> ColumnElement[str]:
    """A field of the entry, written exactly as in its index."""
    return func.json_extract(audit_entry.c.entry, literal_column(f"'$.{name}'"))


# What is looked through, apart from the details.
SAID = ("actor", "subject", "destination", "sha256")


def _says(text: str) -> ColumnElement[bool]:
    """Whether an entry says the text. The whole of it is looked through first, which is quicker than reading JSON."""
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]

    def holds(part: ColumnElement[str], wanted: str) -> ColumnElement[bool]:
        return func.instr(func.lower(part), func.lower(wanted)) > 0

    entry: ColumnElement[str] = audit_entry.c.entry
    fields = [holds(func.json_extract(entry, f"$.{name}"), text) for name in SAID]
    return and_(holds(entry, escaped), or_(*fields, holds(func.json_extract(entry, "$.details"), escaped)))
