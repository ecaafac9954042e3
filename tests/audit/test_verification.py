"""Verification finds every change: in an entry, a hash or a checkpoint, by whatever means it was made.

Whoever holds the keys of a running site can open its database; these tests change it as such a person would.
"""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from appliance.audit import checkpoint, log, merkle
from appliance.audit.log import Event, append
from appliance.audit.merkle import Node
from appliance.audit.verification import AuditLogBroken, verify
from appliance.storage.database import reading
from appliance.storage.site import Site
from appliance.storage.tables import audit_checkpoint, audit_entry, audit_node
from tests.audit.conftest import NOON

SIZE = 20


@pytest.fixture
def filled(site: Site, key: Ed25519PrivateKey, write: Callable[[int], None]) -> Site:
    """A log of 20 entries with checkpoints over 8 and 15 of them."""
    for count in (8, 7, 5):
        write(count)
        if count > 5:
            with site.engine.begin() as connection:
                checkpoint.make_checkpoint(connection, key, site.origin, NOON)
    return site


def check(site: Site, saved: str | None = None) -> str:
    with reading(site.engine) as connection:
        return str(verify(connection, site.public_key, site.origin, saved))


def change(site: Site, statement: str, **values: object) -> None:
    with site.engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount > 0


def test_a_log_that_was_left_alone_holds(filled: Site) -> None:
    result = check(filled)
    assert result.startswith("audit log verified: 20 entries, 2 checkpoints")
    assert "\n" not in result


def test_an_empty_log_holds(site: Site) -> None:
    assert check(site) == "audit log verified: 0 entries, no checkpoint signed yet"


def test_a_checkpoint_of_an_empty_log_holds(site: Site, key: Ed25519PrivateKey, write: Callable[[int], None]) -> None:
    with site.engine.begin() as connection:
        note = checkpoint.make_checkpoint(connection, key, site.origin)
    write(3)
    assert check(site, note).startswith("audit log verified: 3 entries")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, SIZE - 1))
def test_a_changed_entry_is_named(filled: Site, number: int) -> None:
    with filled.engine.connect() as connection, connection.begin() as transaction:
        original = log.entry_text(connection, number)
        assert connection.execute(
            text("UPDATE audit_entry SET entry = :entry WHERE number = :number"),
            {"entry": original.replace("person", "nobody"), "number": number},
        ).rowcount
        with pytest.raises(AuditLogBroken, match=rf"Entry {number} of the audit log has been changed"):
            verify(connection, filled.public_key, filled.origin)
        transaction.rollback()


@pytest.mark.parametrize("number", [0, 7, 14, SIZE - 1])
def test_a_changed_entry_with_a_new_hash_is_found(filled: Site, number: int) -> None:
    """The leaf is made to fit; the nodes above and the checkpoints no longer do. The last entry has nothing above."""
    forged = '{"forged":true}'
    change(
        filled,
        "UPDATE audit_entry SET entry = :entry, leaf_hash = :hash WHERE number = :number",
        entry=forged,
        hash=merkle.hash_leaf(forged.encode()),
        number=number,
    )
    with pytest.raises(AuditLogBroken):
        check(filled)


@pytest.mark.parametrize("number", [0, 9, SIZE - 1])
def test_a_removed_entry_is_found(filled: Site, number: int) -> None:
    change(filled, "DELETE FROM audit_entry WHERE number = :number", number=number)
    with pytest.raises(AuditLogBroken):
        check(filled)


def test_a_removed_entry_whose_gap_was_closed_is_found(filled: Site) -> None:
    change(filled, "DELETE FROM audit_entry WHERE number = 5")
    for number in range(6, SIZE):
        change(filled, "UPDATE audit_entry SET number = :to WHERE number = :number", number=number, to=number - 1)
    with pytest.raises(AuditLogBroken):
        check(filled)


def test_an_inserted_entry_is_found(filled: Site) -> None:
    for number in reversed(range(5, SIZE)):
        change(filled, "UPDATE audit_entry SET number = :to WHERE number = :number", number=number, to=number + 1)
    values = {"number": 5, "entry": "{}", "leaf_hash": merkle.hash_leaf(b"{}")}
    with filled.engine.begin() as connection:
        connection.execute(audit_entry.insert().values(**values))
    with pytest.raises(AuditLogBroken):
        check(filled)


def test_two_exchanged_entries_are_found(filled: Site) -> None:
    for before, after in ((3, 100), (4, 3), (100, 4)):
        change(filled, "UPDATE audit_entry SET number = :after WHERE number = :before", before=before, after=after)
    with pytest.raises(AuditLogBroken):
        check(filled)


@pytest.mark.parametrize("kept", [0, 1, 14])
def test_a_log_rebuilt_without_its_end_is_found(filled: Site, kept: int) -> None:
    """All hashes fit: only the signed checkpoints tell."""
    rebuild(filled, kept)
    with pytest.raises(AuditLogBroken, match=r"Entries are missing|rewritten"):
        check(filled)


def test_a_log_rebuilt_without_its_end_and_checkpoints_is_found_with_one_saved_outside(filled: Site) -> None:
    with reading(filled.engine) as connection:
        saved = checkpoint.stored_checkpoints(connection)[-1].note
    change(filled, "DELETE FROM audit_checkpoint")
    rebuild(filled, 14)
    with pytest.raises(AuditLogBroken, match="Entries are missing"):
        check(filled, saved)


def test_a_rewritten_history_is_found(filled: Site) -> None:
    """All hashes fit the new entries, and there are as many as before: the checkpoints tell."""
    rebuild(filled, SIZE, lambda entry: entry.replace("person 3", "nobody"))
    with pytest.raises(AuditLogBroken, match="rewritten"):
        check(filled)


def rebuild(site: Site, count: int, edit: Callable[[str], str] = str) -> None:
    """Write the first so many entries anew, with all hashes, as somebody with the database's key could."""
    with site.engine.begin() as connection:
        texts = [edit(log.entry_text(connection, number)) for number in range(count)]
        for table in (audit_entry, audit_node):
            connection.execute(table.delete())
        for number, entry in enumerate(texts):
            right = merkle.hash_leaf(entry.encode())
            connection.execute(audit_entry.insert().values(number=number, entry=entry, leaf_hash=right))
            for node in merkle.completed_nodes(number):
                left = log.node_lookup(connection)(Node(node.level - 1, 2 * node.position))
                right = merkle.hash_children(left, right)
                values = {"level": node.level, "position": node.position, "hash": right}
                connection.execute(audit_node.insert().values(**values))


TAMPERINGS = {
    "entry's hash": "UPDATE audit_entry SET leaf_hash = zeroblob(32) WHERE number = 19",
    "entry's hash is short": "UPDATE audit_entry SET leaf_hash = x'00' WHERE number = 2",
    "entry is no text": "UPDATE audit_entry SET entry = x'ff00ff' WHERE number = 4",
    "entry is empty": "UPDATE audit_entry SET entry = '' WHERE number = 4",
    "entry has more": "UPDATE audit_entry SET entry = entry || ' ' WHERE number = 4",
    "entry's number": "UPDATE audit_entry SET number = 50 WHERE number = 19",
    "first entry's number": "UPDATE audit_entry SET number = -1 WHERE number = 0",
    "node's hash": "UPDATE audit_node SET hash = zeroblob(32) WHERE level = 2 AND position = 1",
    "node's level": "UPDATE audit_node SET level = 9 WHERE level = 2 AND position = 1",
    "node's position": "UPDATE audit_node SET position = 99 WHERE level = 1 AND position = 1",
    "node is gone": "DELETE FROM audit_node WHERE level = 3 AND position = 0",
    "node too many": "INSERT INTO audit_node VALUES (7, 0, zeroblob(32))",
    "checkpoint's size": "UPDATE audit_checkpoint SET size = 9 WHERE size = 8",
    "checkpoint's size, the newest": "UPDATE audit_checkpoint SET size = 16 WHERE size = 15",
    "checkpoint's note": "UPDATE audit_checkpoint SET note = replace(note, '15', '16') WHERE size = 15",
    "checkpoint's note is another's": "UPDATE audit_checkpoint SET note = "
    "(SELECT note FROM audit_checkpoint WHERE size = 8) WHERE size = 15",
    "checkpoint's note is no text": "UPDATE audit_checkpoint SET note = x'ff' WHERE size = 8",
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_every_column_is_watched(filled: Site, tampering: str) -> None:
    with filled.engine.begin() as connection:
        # The indexes take JSON alone; somebody with the key would remove them first.
        for index in ("audit_entry_action", "audit_entry_time"):
            connection.execute(text(f"DROP INDEX {index}"))
    change(filled, TAMPERINGS[tampering])
    with pytest.raises(AuditLogBroken):
        check(filled)


def test_a_checkpoint_signed_by_another_is_found(filled: Site) -> None:
    note = checkpoint.sign(current(filled), Ed25519PrivateKey.generate())
    values = {"size": SIZE, "signed": NOON, "note": note}
    with filled.engine.begin() as connection:
        connection.execute(audit_checkpoint.insert().values(**values))
    with pytest.raises(AuditLogBroken, match="this site's key"):
        check(filled)


def test_a_checkpoint_of_another_log_is_found(filled: Site, key: Ed25519PrivateKey) -> None:
    saved = checkpoint.sign(checkpoint.Checkpoint("veilsight.local/other", SIZE, current(filled).root), key)
    with pytest.raises(AuditLogBroken, match="another log"):
        check(filled, saved)


def test_two_signed_histories_are_found(filled: Site, key: Ed25519PrivateKey) -> None:
    saved = checkpoint.sign(checkpoint.Checkpoint(filled.origin, 15, bytes(32)), key)
    with pytest.raises(AuditLogBroken, match="differ"):
        check(filled, saved)


def current(site: Site) -> checkpoint.Checkpoint:
    with reading(site.engine) as connection:
        return checkpoint.Checkpoint(site.origin, log.size(connection), log.root(connection))


def test_the_log_goes_on_after_its_verification(filled: Site) -> None:
    def continued(connection: Connection) -> int:
        return append(connection, Event("test", "started", "engine"))

    check(filled)
    with filled.engine.begin() as connection:
        assert continued(connection) == SIZE
    assert check(filled).startswith("audit log verified: 21 entries")
