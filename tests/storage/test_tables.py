"""Moments come back in UTC, to the second; and what the tables can't hold."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, StatementError

from appliance.storage.site import Site
from appliance.storage.tables import measurement, metadata, user

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 30), timezones=OFFSETS)  # noqa: DTZ001 - zones follow


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=MOMENTS)
def test_a_moment_comes_back_in_utc_to_the_second(site: Site, moment: datetime) -> None:
    with site.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(user.insert().values(name="anna", password_hash="", created=moment))
        found = connection.execute(select(user.c.created)).scalar_one()
        chosen = connection.execute(select(user.c.name).where(user.c.created >= moment)).scalars().all()
        transaction.rollback()
    assert found == moment.replace(microsecond=0)
    assert found.tzinfo is UTC
    assert chosen == ["anna"]


def test_a_moment_without_a_time_zone_is_refused(site: Site) -> None:
    with site.engine.begin() as connection, pytest.raises(StatementError, match="time zone"):
        connection.execute(user.insert().values(name="anna", password_hash="", created=datetime(2026, 11, 23)))  # noqa: DTZ001


# Every column there is. Who adds one says here what it holds, and that it can't tell of a single passer-by.
COLUMNS = {
    "site": {"name", "value"},
    "measurement": {
        *("bucket_start", "bucket_seconds", "camera", "measure", "place", "kind", "direction"),
        *("mode", "epsilon", "value", "variance"),
    },
    "series": {"number", "measure", "kind", "direction", "camera", "place", "mode"},
    "bucket_sum": {"series", "start", "value", "variance", "squares", "observed"},
    "hour_sum": {"series", "start", "value", "variance", "squares", "observed"},
    "hour_made": {"camera", "start", "mode", "epsilon", "longest"},
    "day_sum": {"series", "start", "value", "variance", "squares", "observed"},
    "summed_day": {"start", "end", "modes", "longest"},
    "stored_part": {"camera", "number"},
    "camera": {
        *("name", "source", "username", "password", "loop", "realtime", "lines", "zones", "created"),
        *("masks", "rate", "enabled", "transport", "ignored", "mounting", "heat_map", "vehicle_labels"),
    },
    "floor_plan": {"number", "plan", "changed"},
    "camera_record": {"camera", "location", "field_of_view", "signs", "signs_seen", "changed"},
    "counting_check": {"camera", "checked", "user", "seconds", "difference"},
    "alert_waiting": {"number", "name", "destination", "reached", "queued"},
    "user": {
        *("name", "password_hash", "created", "role"),
        *("password_expires", "totp_secret", "totp_used"),
    },
    "user_recovery": {"user", "code_hash"},
    "token": {"name", "role", "secret_hash", "created", "expires"},
    "report": {
        *("name", "first_day", "last_day", "built", "actor", "byte_count", "sha256", "checkpoint"),
        *("schedule", "state", "checked"),
    },
    "delivery": {"report", "destination", "attempts", "next_attempt", "delivered", "last_error"},
    "destination_trial": {"destination", "asked", "signature", "finished", "problem"},
    "destination_secret": {"destination", "nonce", "ciphertext", "changed"},
    "audit_entry": {"number", "entry", "leaf_hash"},
    "audit_node": {"level", "position", "hash"},
    "audit_checkpoint": {"size", "signed", "note"},
}
PASSERS_BY = re.compile(r"track|box|face|plate|embedding|dwell_of|visitor|x1|y1|frame|picture|image", re.IGNORECASE)


def test_every_column_is_known_and_none_is_named_after_a_passer_by() -> None:
    found = {table.name: {column.name for column in table.columns} for table in metadata.sorted_tables}
    for table, columns in COLUMNS.items():
        assert columns <= found[table]
    assert {
        f"{table}.{column}" for table, columns in found.items() for column in columns - COLUMNS.get(table, set())
    } == set()
    assert [column for columns in found.values() for column in columns if PASSERS_BY.search(column)] == []


ROW = {
    "bucket_start": datetime(2026, 11, 23, 8, tzinfo=UTC),
    "bucket_seconds": 900,
    "camera": "door",
    "measure": "crossings",
    "place": "in",
    "kind": "person",
    "direction": "in",
    "mode": "differential",
    "epsilon": 2.0,
    "value": -1.0,
    "variance": 3.0,
}


@pytest.mark.parametrize(
    "finer",
    [
        {"bucket_start": datetime(2026, 11, 23, 8, 3, 17, tzinfo=UTC)},
        {"bucket_start": datetime(2026, 11, 23, 8, 5, tzinfo=UTC)},
        {"bucket_seconds": 60},
        {"bucket_seconds": 1},
        {"kind": "woman"},
        {"kind": "track 17"},
        {"mode": "none"},
        {"place": "x" * 131},
        {"direction": "417.25,118.5,460.0,250.0"},
        {"variance": -1.0},
    ],
)
def test_the_database_itself_refuses_what_is_finer_than_a_bucket(site: Site, finer: dict[str, object]) -> None:
    with site.engine.begin() as connection:
        connection.execute(measurement.insert().values(**ROW))
    with pytest.raises(IntegrityError, match="CHECK"), site.engine.begin() as connection:
        connection.execute(measurement.insert().values(**(ROW | {"camera": "other"} | finer)))


def test_a_text_is_no_value(site: Site) -> None:
    columns = ", ".join(ROW)
    values = "0, 900, 'door', 'crossings', 'in', 'person', 'in', 'off', 0, 'track 17', 0"
    with pytest.raises(IntegrityError, match="CHECK"), site.engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO measurement ({columns}) VALUES ({values})")  # noqa: S608 - a test's own
