"""Moments: whatever their time zone, they come back in UTC, to the second."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from appliance.storage.site import Site
from appliance.storage.tables import user

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
