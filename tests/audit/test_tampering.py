"""Any single column of any row of the log can be changed to anything, or any row removed: verification notices.

Whoever holds the keys of a running site can open its database; these tests change it as such a person would.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from appliance.audit import checkpoint
from appliance.audit.log import Event, append
from appliance.audit.verification import AuditLogBroken, verify
from appliance.storage.database import reading
from appliance.storage.site import Site
from tests.audit.conftest import NOON

HOUR = timedelta(hours=1)
# Each row of `sealed`: its table and its key.
KEYS = (
    [("audit_entry", f"number = {number}") for number in range(20)]
    + [("audit_node", f"level = 1 AND position = {position}") for position in range(10)]
    + [("audit_node", f"level = {level} AND position = 0") for level in (2, 3, 4)]
    + [("audit_checkpoint", f"size = {size}") for size in (7, 14)]
)
ROWS = st.sampled_from(KEYS)
COLUMNS = {
    "audit_entry": ("number", "entry", "leaf_hash"),
    "audit_node": ("level", "position", "hash"),
    "audit_checkpoint": ("size", "signed", "note"),
}
VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 40),
    st.floats(allow_nan=False),
    st.binary(max_size=40),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
    st.sampled_from(["1", "{}", '{"action":"checkpoint-signed","details":{"size":7}}', "null"]),
)


@pytest.fixture
def sealed(site: Site, key: Ed25519PrivateKey) -> Site:
    """A log of 20 entries and two checkpoints, each with its entry: one as the last covered, one right after."""
    with site.engine.begin() as connection:
        fill(connection, 6)
        append(connection, Event("cli:root", "checkpoint-signed", site.origin, "log", details={"size": 7}), NOON + HOUR)
        checkpoint.make_checkpoint(connection, key, site.origin, NOON + HOUR)
        fill(connection, 7)
        now = NOON + 2 * HOUR
        checkpoint.make_checkpoint(connection, key, site.origin, now)
        append(connection, Event("anna", "checkpoint-signed", site.origin, "log", details={"size": 14}), now)
        fill(connection, 5)
        # The indexes take JSON alone; somebody with the key would remove them first.
        for index in ("audit_entry_action", "audit_entry_time"):
            connection.execute(text(f"DROP INDEX {index}"))
    return site


def fill(connection: Connection, count: int) -> None:
    for number in range(count):
        append(connection, Event("test", "login", f"person {number}"), NOON)


@contextmanager
def changing(site: Site) -> Iterator[Connection]:
    """A transaction whose changes are taken back."""
    with site.engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def test_the_log_holds_before(sealed: Site) -> None:
    with reading(sealed.engine) as connection:
        assert str(verify(connection, sealed.public_key, sealed.origin)).startswith("audit log verified: 20 entries, 2")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=ROWS, data=st.data(), value=VALUES)
def test_any_changed_column_is_noticed(sealed: Site, row: tuple[str, str], data: st.DataObject, value: object) -> None:
    table, where = row
    column = data.draw(st.sampled_from(COLUMNS[table]))
    with changing(sealed) as connection:
        select = text(f"SELECT * FROM {table}")  # noqa: S608
        before = connection.execute(select).all()
        try:
            update = text(f"UPDATE {table} SET {column} = :value WHERE {where}")  # noqa: S608
            connection.execute(update, {"value": value})
        except IntegrityError:
            # The number is taken, or no number at all.
            assume(False)
        assume(connection.execute(select).all() != before)
        with pytest.raises(AuditLogBroken):
            verify(connection, sealed.public_key, sealed.origin)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=ROWS)
def test_any_removed_row_is_noticed(sealed: Site, row: tuple[str, str]) -> None:
    table, where = row
    with changing(sealed) as connection:
        assert connection.execute(text(f"DELETE FROM {table} WHERE {where}")).rowcount == 1  # noqa: S608
        with pytest.raises(AuditLogBroken):
            verify(connection, sealed.public_key, sealed.origin)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_two_exchanged_rows_are_noticed(sealed: Site, data: st.DataObject) -> None:
    """Whole entries with their hashes, or hashes alone, or checkpoints: everything but the key changes its place."""
    table = data.draw(st.sampled_from(sorted(COLUMNS)))
    places = [where for name, where in KEYS if name == table]
    first, second = data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2, unique=True))
    columns = {"audit_entry": ("entry", "leaf_hash"), "audit_node": ("hash",), "audit_checkpoint": ("signed", "note")}
    names = ", ".join(columns[table])
    marks = ", ".join(f":{name}" for name in columns[table])
    with changing(sealed) as connection:
        one, other = (
            connection.execute(text(f"SELECT {names} FROM {table} WHERE {where}")).one()  # noqa: S608
            for where in (first, second)
        )
        assume(one != other)
        for where, row in ((first, other), (second, one)):
            statement = text(f"UPDATE {table} SET ({names}) = ({marks}) WHERE {where}")  # noqa: S608
            connection.execute(statement, row._asdict())
        with pytest.raises(AuditLogBroken):
            verify(connection, sealed.public_key, sealed.origin)
