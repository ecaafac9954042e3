"""People who may log in: their passwords are kept as Argon2id hashes only."""

import pytest
from sqlalchemy import select

from appliance.storage import users
from appliance.storage.site import Site
from appliance.storage.tables import user as user_table
from appliance.storage.users import (
    LastAdministrator,
    PasswordGuessable,
    PasswordTooShort,
    Role,
    UserExists,
    UserNameUnusable,
    UserUnknown,
)

PASSWORD = "correct horse 1"


def test_only_the_right_password_lets_in(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", PASSWORD, Role.MANAGER)
        assert users.verify(connection, "anna", PASSWORD)
        for name, password in (("anna", "wrong horse 1"), ("anna", ""), ("Anna", PASSWORD), ("nobody", PASSWORD)):
            assert not users.verify(connection, name, password)


def test_the_password_itself_is_not_stored(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", PASSWORD, Role.MANAGER)
        users.add(connection, "bert", PASSWORD, Role.MANAGER)
        hashes = connection.execute(select(user_table.c.password_hash)).scalars().all()
    assert all(each.startswith("$argon2id$") for each in hashes)
    assert len(set(hashes)) == 2


def test_a_new_password_replaces_the_old_one(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", PASSWORD, Role.MANAGER)
        users.set_password(connection, "anna", "battery staple")
        assert users.verify(connection, "anna", "battery staple")
        assert not users.verify(connection, "anna", PASSWORD)


def test_a_removed_user_does_not_get_in(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", PASSWORD, Role.MANAGER)
        users.remove(connection, "anna")
        assert not users.verify(connection, "anna", PASSWORD)
        assert users.list_users(connection) == ()


def test_names_are_used_once_and_have_to_be_there(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", PASSWORD, Role.MANAGER)
        with pytest.raises(UserExists, match="anna"):
            users.add(connection, "anna", PASSWORD, Role.MANAGER)
        with pytest.raises(UserUnknown, match="bert"):
            users.set_password(connection, "bert", PASSWORD)
        with pytest.raises(UserUnknown, match="bert"):
            users.remove(connection, "bert")


@pytest.mark.parametrize("password", ["", "123456789"])
def test_a_short_password_is_refused(site: Site, password: str) -> None:
    with site.engine.begin() as connection:
        with pytest.raises(PasswordTooShort, match="10"):
            users.add(connection, "anna", password, Role.MANAGER)
        users.add(connection, "anna", PASSWORD, Role.MANAGER)
        with pytest.raises(PasswordTooShort):
            users.set_password(connection, "anna", password)
        assert users.verify(connection, "anna", PASSWORD)


@pytest.mark.parametrize(
    "password", ["1234567890", "qwertyuiop", "password12", "veilsight1", "anna123456", "aaaaaaaaaaaaaaaa"]
)
def test_a_password_that_is_tried_first_is_refused(site: Site, password: str) -> None:
    with site.engine.begin() as connection, pytest.raises(PasswordGuessable):
        users.add(connection, "anna", password, Role.MANAGER)


@pytest.mark.parametrize(
    "password", ["four words that lie apart", "x" * 20 + "7f!pQ" * 40, "パスワード七つの海を渡る", PASSWORD]
)
def test_long_passwords_of_any_signs_are_taken_as_they_are(site: Site, password: str) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", password, Role.MANAGER)
        assert users.verify(connection, "anna", password)
        assert not users.verify(connection, "anna", password[:-1])


@pytest.mark.parametrize("name", ["", " anna", "anna\n", "\x1b[2J", "x" * 65, "program:web", "token:till"])
def test_a_name_that_cannot_be_shown_is_refused(site: Site, name: str) -> None:
    with site.engine.begin() as connection, pytest.raises(UserNameUnusable):
        users.add(connection, name, PASSWORD, Role.MANAGER)


def test_a_role_is_kept_and_can_be_changed(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", PASSWORD, Role.ADMINISTRATOR)
        users.add(connection, "bert", PASSWORD, Role.VIEWER)
        assert users.need(connection, "bert").role is Role.VIEWER
        users.set_role(connection, "bert", Role.AUDITOR)
        assert users.need(connection, "bert").role is Role.AUDITOR
        with pytest.raises(UserUnknown, match="cleo"):
            users.set_role(connection, "cleo", Role.AUDITOR)


def test_somebody_can_always_manage_the_users(site: Site) -> None:
    with site.engine.begin() as connection:
        users.add(connection, "anna", PASSWORD, Role.ADMINISTRATOR)
        users.add(connection, "bert", PASSWORD, Role.MANAGER)
        with pytest.raises(LastAdministrator, match="anna"):
            users.remove(connection, "anna")
        with pytest.raises(LastAdministrator, match="anna"):
            users.set_role(connection, "anna", Role.MANAGER)
        users.set_role(connection, "bert", Role.ADMINISTRATOR)
        users.set_role(connection, "anna", Role.MANAGER)
        users.remove(connection, "anna")
        assert [user.name for user in users.list_users(connection)] == ["bert"]
