"""What is too old goes, and the log that remains still proves itself."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from appliance.audit import checkpoint, log, proof
from appliance.audit.log import EntryUnknown, Event, append
from appliance.audit.retention import Removed, months_before, record_run, remove_expired
from appliance.audit.verification import AuditLogBroken, verify
from appliance.settings import Paths, Retention
from appliance.storage import keys, measurements, users
from appliance.storage.database import forget_removed, reading
from appliance.storage.measurements import MeasurementRow
from appliance.storage.site import Site
from tests.audit.conftest import NOON

RETENTION = Retention(metrics_months=2, log_months=1)
DAY = timedelta(days=1)
MOMENTS = st.integers(-20_000_000, 20_000_000).map(lambda minutes: NOON + timedelta(minutes=minutes))


@pytest.fixture
def old_site(site: Site, key: Ed25519PrivateKey) -> Site:
    """An entry and a count a day for 100 days up to NOON, and a checkpoint after the 50th."""
    with site.engine.begin() as connection:
        for day in range(100):
            moment = NOON - (99 - day) * DAY
            append(connection, Event("test", "login", f"person {day}"), moment)
            row = MeasurementRow(moment, 900, "door", "crossings", "in", "person", "in", 1.0)
            measurements.add_bucket(connection, [row])
            if day == 49:
                checkpoint.make_checkpoint(connection, key, site.origin, moment)
    return site


def remove(site: Site, now: datetime = NOON) -> Removed:
    with site.engine.begin() as connection:
        return remove_expired(connection, RETENTION, "test", now)


def check(site: Site) -> str:
    with reading(site.engine) as connection:
        return str(verify(connection, site.public_key, site.origin))


def test_what_is_too_old_goes_and_nothing_else(old_site: Site) -> None:
    # From 23 October 12:00 on: 31 days and today; from 23 September on: 61 days and today.
    assert remove(old_site) == Removed(measurements=100 - 62, entries=100 - 32)
    with reading(old_site.engine) as connection:
        left = log.entries(connection)
        assert left[0].number == 68
        assert left[0].time == months_before(NOON, 1)
        assert [entry.event.action for entry in left[-2:]] == ["data-removed", "data-removed"]
        assert min(row.bucket_start for row in measurements.read(connection)) == months_before(NOON, 2)
        stored = connection.execute(text("SELECT group_concat(entry) FROM audit_entry")).scalar_one()
    assert '"person 67"' not in stored
    assert '"person 68"' in stored


def test_the_rest_of_the_log_still_holds(old_site: Site) -> None:
    before = check(old_site)
    remove(old_site)
    assert before.startswith("audit log verified: 100 entries, 1 checkpoint")
    assert check(old_site).startswith("audit log verified: 102 entries, 1 checkpoint")


def test_roots_and_proofs_stay_the_same(old_site: Site, key: Ed25519PrivateKey) -> None:
    with reading(old_site.engine) as connection:
        roots = [log.root(connection, size) for size in (1, 50, 77, 100)]
    remove(old_site)
    with old_site.engine.begin() as connection:
        assert [log.root(connection, size) for size in (1, 50, 77, 100)] == roots
        note = checkpoint.make_checkpoint(connection, key, old_site.origin)
        assert proof.check_entry(proof.prove_entry(connection, 70, note, 102), old_site.public_key).number == 70
        with pytest.raises(EntryUnknown, match="has entries 68 to 101"):
            proof.prove_entry(connection, 20, note, 102)


def test_a_second_removal_goes_on_from_the_first(old_site: Site) -> None:
    remove(old_site)
    assert remove(old_site) == Removed(0, 0)
    assert remove(old_site, NOON + 10 * DAY).entries == 11
    assert check(old_site).startswith("audit log verified")
    assert remove(old_site, NOON + 400 * DAY).entries > 0
    assert check(old_site).startswith("audit log verified")
    with reading(old_site.engine) as connection:
        assert [entry.event.action for entry in log.entries(connection)] == ["data-removed"] * 2


def test_a_young_log_is_left_alone(site: Site) -> None:
    assert remove(site) == Removed(0, 0)
    with site.engine.begin() as connection:
        append(connection, Event("test", "login", "anna"), NOON)
    assert remove(site) == Removed(0, 0)
    assert check(site).startswith("audit log verified: 1 entries")


@pytest.mark.parametrize("number", [68, 80])
def test_a_removal_that_the_log_does_not_tell_of_is_found(old_site: Site, number: int) -> None:
    """Somebody with the key makes more entries go the same way, or from the middle."""
    remove(old_site)
    with old_site.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO audit_node SELECT 0, number, leaf_hash FROM audit_entry WHERE number = :number"),
            {"number": number},
        )
        connection.execute(text("DELETE FROM audit_entry WHERE number = :number"), {"number": number})
    with pytest.raises(AuditLogBroken):
        check(old_site)


def test_a_changed_leaf_of_a_removed_entry_is_found(old_site: Site) -> None:
    remove(old_site)
    with old_site.engine.begin() as connection:
        connection.execute(text("UPDATE audit_node SET hash = zeroblob(32) WHERE level = 0 AND position = 9"))
    with pytest.raises(AuditLogBroken):
        check(old_site)


@given(moment=MOMENTS, months=st.integers(1, 120))
def test_months_are_counted_by_the_calendar(moment: datetime, months: int) -> None:
    earlier = months_before(moment, months)
    assert (moment.year - earlier.year) * 12 + moment.month - earlier.month == months
    assert earlier.day == min(moment.day, monthrange(earlier.year, earlier.month)[1])
    assert earlier.timetz() == moment.timetz()


def test_the_last_day_of_a_month_has_its_like() -> None:
    assert months_before(datetime(2026, 3, 31, tzinfo=UTC), 1) == datetime(2026, 2, 28, tzinfo=UTC)
    assert months_before(datetime(2026, 1, 1, tzinfo=UTC), 1) == datetime(2025, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("days", [0, 1, 2, 3])
def test_a_checkpoint_outlives_the_entries_about_its_signing(site: Site, key: Ed25519PrivateKey, days: int) -> None:
    """Signed at the terminal one day and once more on the page the next; either entry may be the first to go."""
    begin = NOON - 100 * DAY
    with site.engine.begin() as connection:
        append(connection, Event("cli:root", "checkpoint-signed", site.origin, details={"size": 1}), begin)
        checkpoint.make_checkpoint(connection, key, site.origin, begin)
        checkpoint.make_checkpoint(connection, key, site.origin, begin + DAY)
        append(connection, Event("anna", "checkpoint-signed", site.origin, details={"size": 1}), begin + DAY)
        append(connection, Event("anna", "login", "anna"), NOON)
        cutoff = begin + days * DAY
        remove_expired(connection, Retention(log_months=1), "test", cutoff.replace(month=cutoff.month + 1))
    assert check(site).startswith("audit log verified")


def test_each_day_the_log_says_that_the_age_of_the_data_was_looked_at(site: Site) -> None:
    nothing, something = Removed(0, 0), Removed(3, 0)
    for hours, removed in ((0, nothing), (1, nothing), (2, something), (3, nothing), (26, nothing)):
        with site.engine.begin() as connection:
            record_run(connection, 0, removed, "test", NOON + timedelta(hours=hours))
    with reading(site.engine) as connection:
        runs = log.entries(connection, actions=["retention-run"])
        assert [(run.time - NOON).total_seconds() / 3600 for run in runs] == [0, 2, 26]
        assert [run.event.details["numbers"] for run in runs] == [0, 3, 0]


def test_what_was_removed_stands_in_no_page_and_in_no_log_of_writes(site: Site, paths: Paths) -> None:
    """Looked for as somebody could who has the key, below SQLite: in each page of the file, used or not."""
    with site.engine.begin() as connection:
        users.add(connection, "somebody-to-be-forgotten", "a long password", users.Role.MANAGER)
    with site.engine.begin() as connection:
        users.remove(connection, "somebody-to-be-forgotten")
    forget_removed(site.engine)
    assert paths.database.with_name(paths.database.name + "-wal").stat().st_size == 0
    pages = decipher(paths.database.read_bytes(), keys.load_database_key(paths).raw)
    assert b"alembic_version" in pages
    assert b"somebody-to-be-forgotten" not in pages


def decipher(content: bytes, key: bytes) -> bytes:
    """SQLCipher 4's pages of 4096 bytes: AES-256-CBC, then 16 bytes of initialisation vector and 64 of HMAC."""
    plain = b""
    for start in range(0, len(content), 4096):
        page = content[start : start + 4096]
        decryptor = Cipher(algorithms.AES(key), modes.CBC(page[-80:-64])).decryptor()
        # The first page begins with the salt.
        plain += decryptor.update(page[16 if start == 0 else 0 : -80])
    return plain
