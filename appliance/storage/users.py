"""The people who may log in, and their roles. Passwords are kept as Argon2id hashes (RFC 9106)."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import Connection, Row, select

from appliance.errors import UsageError, VeilsightError
from appliance.storage.tables import user as user_table
from appliance.storage.tables import user_recovery

SHORTEST_PASSWORD = 10
LONGEST_NAME = 64
# As zxcvbn estimates (Wheeler, USENIX Security 2016): what withstands guessing over the network without any brake.
FEWEST_GUESSES = 10**6
LONGEST_JUDGED = 72
# What people here would think of first, beside the user's own name.
OBVIOUS_WORDS = ("veilsight", "camera", "store", "shop", "admin", "administrator", "manager", "till")
# A password that somebody else made and passed on is good for as long, and must be changed at its first use.
ONE_TIME = timedelta(days=7)


class Role(StrEnum):
    """What somebody is here for; `web/roles.py` says what each may open."""

    MANAGER = "manager"
    VIEWER = "viewer"
    INSTALLER = "installer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class UserExists(VeilsightError):
    """A user with this name is there already."""


class UserUnknown(VeilsightError):
    """No user has this name."""


class LastAdministrator(VeilsightError):
    """Without this user nobody could manage the others any more."""


class PasswordTooShort(UsageError):
    """A password that could be guessed."""


class PasswordGuessable(UsageError):
    """A password that is among the first that anybody would try."""


class UserNameUnusable(UsageError):
    """A user's name that could not be shown or typed."""


@dataclass(frozen=True, slots=True)
class User:
    """`stamp` changes whenever the password or the second factor does: a session that began with another one ends.

    `password_expires` is None where the password is the user's own.
    """

    name: str
    created: datetime
    role: Role
    password_expires: datetime | None
    has_second_factor: bool
    stamp: str


def add(connection: Connection, name: str, password: str, role: Role, now: datetime | None = None) -> None:
    """Raises `UserExists`, `UserNameUnusable`, `PasswordTooShort` and `PasswordGuessable`."""
    check_name(name)
    if any(user.name == name for user in list_users(connection)):
        raise UserExists(
            f"There is a user called {name} already; `veilsight user password {name}` sets a new password."
        )
    check_password(password, name)
    values = {"name": name, "password_hash": _hash(password), "created": now or datetime.now(UTC), "role": role.value}
    connection.execute(user_table.insert().values(**values))


def check_name(name: str) -> None:
    """Raises `UserNameUnusable` for what could not be shown or typed."""
    # With a colon the audit log names what is no person, such as program:web.
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip() or ":" in name:
        raise UserNameUnusable(
            f"Nobody can be called {name!r}; use 1 to {LONGEST_NAME} printable characters without a colon."
        )


def set_password(connection: Connection, name: str, password: str, expires: datetime | None = None) -> None:
    """With `expires` the password is good until then, and must be changed at its first use.

    Raises `UserUnknown`, `PasswordTooShort` and `PasswordGuessable`.
    """
    check_password(password, name)
    values = {"password_hash": _hash(password), "password_expires": expires}
    statement = user_table.update().where(user_table.c.name == name).values(**values)
    if not connection.execute(statement).rowcount:
        raise _unknown(name)


def set_role(connection: Connection, name: str, role: Role) -> None:
    """Raises `UserUnknown`, and `LastAdministrator` where nobody else could manage the users."""
    user = need(connection, name)
    if role is not Role.ADMINISTRATOR:
        _keep_administrator(connection, user)
    connection.execute(user_table.update().where(user_table.c.name == name).values(role=role.value))


def remove(connection: Connection, name: str) -> None:
    """Raises `UserUnknown`, and `LastAdministrator` where nobody else could manage the users."""
    _keep_administrator(connection, need(connection, name))
    connection.execute(user_table.delete().where(user_table.c.name == name))
    connection.execute(user_recovery.delete().where(user_recovery.c.user == name))


def verify(connection: Connection, name: str, password: str) -> bool:
    """Whether the password is this user's. An unknown name takes as long as a wrong password."""
    stored = connection.execute(select(user_table.c.password_hash).where(user_table.c.name == name)).scalar()
    if stored is None:
        _hasher().hash(password)
        return False
    try:
        return _hasher().verify(stored, password)
    except VerificationError:
        return False


def list_users(connection: Connection) -> tuple[User, ...]:
    """All users by name."""
    return tuple(_user(row) for row in connection.execute(select(user_table).order_by(user_table.c.name)))


def find(connection: Connection, name: str) -> User | None:
    row = connection.execute(select(user_table).where(user_table.c.name == name)).one_or_none()
    return None if row is None else _user(row)


def need(connection: Connection, name: str) -> User:
    """Raises `UserUnknown`."""
    user = find(connection, name)
    if user is None:
        raise _unknown(name)
    return user


def _user(row: Row[Any]) -> User:
    stamp = hashlib.sha256(f"{row.password_hash} {row.totp_secret}".encode()).hexdigest()
    return User(row.name, row.created, Role(row.role), row.password_expires, bool(row.totp_secret), stamp)


def _keep_administrator(connection: Connection, user: User) -> None:
    others = (each for each in list_users(connection) if each.name != user.name)
    if user.role is Role.ADMINISTRATOR and not any(each.role is Role.ADMINISTRATOR for each in others):
        raise LastAdministrator(
            f"{user.name} is the last administrator and stays one; make somebody else an administrator first, "
            "with `veilsight user add` or `veilsight user role`."
        )


def _hasher() -> PasswordHasher:
    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def check_password(password: str, name: str) -> None:
    """Raises `PasswordTooShort` and `PasswordGuessable`."""
    # Only for whoever sets a password: its lists of common passwords and words take megabytes.
    from zxcvbn import zxcvbn

    if len(password) < SHORTEST_PASSWORD:
        raise PasswordTooShort(f"A password needs at least {SHORTEST_PASSWORD} characters; choose a longer one.")
    guesses = zxcvbn(password[:LONGEST_JUDGED], user_inputs=[name, *OBVIOUS_WORDS])["guesses"]
    if guesses < FEWEST_GUESSES:
        raise PasswordGuessable(
            "This password is easily guessed; choose another, such as four words that don't belong."
        )


def _hash(password: str) -> str:
    return _hasher().hash(password)


def _unknown(name: str) -> UserUnknown:
    return UserUnknown(f"There is no user called {name}; `veilsight user list` shows those there are.")
