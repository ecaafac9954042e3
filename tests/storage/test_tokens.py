"""Tokens are known by their hash alone, have an end, and can be taken away."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from appliance.storage import tokens
from appliance.storage.site import Site
from appliance.storage.tables import token as token_table
from appliance.storage.tokens import TokenExists, TokenTooLong, TokenUnknown
from appliance.storage.users import Role, UserNameUnusable

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_only_the_secret_finds_its_token_until_it_ends(site: Site) -> None:
    with site.engine.begin() as connection:
        secret = tokens.add(connection, "till", Role.MANAGER, NOW + DAY, NOW)
        other = tokens.add(connection, "auditor", Role.AUDITOR, NOW + 2 * DAY, NOW)
        found = tokens.find(connection, secret, NOW)
        assert found is not None
        assert (found.name, found.role) == ("till", Role.MANAGER)
        assert tokens.find(connection, secret + "x", NOW) is None
        assert tokens.find(connection, "", NOW) is None
        assert tokens.find(connection, secret, NOW + DAY) is None
        assert tokens.find(connection, other, NOW + DAY) is not None
        tokens.remove(connection, "auditor")
        assert tokens.find(connection, other, NOW) is None
        with pytest.raises(TokenUnknown):
            tokens.remove(connection, "auditor")


def test_the_secret_is_not_stored(site: Site) -> None:
    with site.engine.begin() as connection:
        secret = tokens.add(connection, "till", Role.MANAGER, NOW + DAY, NOW)
        row = connection.execute(select(token_table)).one()
    assert secret not in str(row)
    assert len(secret) >= 43 + len(tokens.PREFIX)


def test_what_a_token_cannot_be(site: Site) -> None:
    with site.engine.begin() as connection:
        tokens.add(connection, "till", Role.MANAGER, NOW + DAY, NOW)
        with pytest.raises(TokenExists):
            tokens.add(connection, "till", Role.MANAGER, NOW + DAY, NOW)
        for expires in (NOW, NOW - DAY, NOW + 367 * DAY):
            with pytest.raises(TokenTooLong):
                tokens.add(connection, "other", Role.MANAGER, expires, NOW)
        with pytest.raises(UserNameUnusable):
            tokens.add(connection, "a:b", Role.MANAGER, NOW + DAY, NOW)
