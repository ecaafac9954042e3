"""The people who may log in. Passwords are kept as Argon2id hashes (RFC 9106)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import Connection, select

from appliance.errors import UsageError, VeilsightError
from appliance.storage.tables import user as user_table

SHORTEST_PASSWORD = 10
LONGEST_NAME = 64


class UserExists(VeilsightError):
    """A user with this name is there already."""


class UserUnknown(VeilsightError):
    """No user has this name."""


class PasswordTooShort(UsageError):
    """A password that could be guessed."""


class UserNameUnusable(UsageError):
    """A user's name that could not be shown or typed."""


@dataclass(frozen=True, slots=True)
class User:
    name: str
    created: datetime


def add(connection: Connection, name: str, password: str, now: datetime | None = None) -> None:
    """Raises `UserExists`, `UserNameUnusable` and `PasswordTooShort`."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise UserNameUnusable(f"A user can't be called {name!r}; use 1 to {LONGEST_NAME} printable characters.")
    if any(user.name == name for user in list_users(connection)):
        raise UserExists(
            f"There is a user called {name} already; `veilsight user password {name}` sets a new password."
        )
    values = {"name": name, "password_hash": _hash(password), "created": now or datetime.now(UTC)}
    connection.execute(user_table.insert().values(**values))


def set_password(connection: Connection, name: str, password: str) -> None:
    """Raises `UserUnknown` and `PasswordTooShort`."""
    statement = user_table.update().where(user_table.c.name == name).values(password_hash=_hash(password))
    if not connection.execute(statement).rowcount:
        raise _unknown(name)


def remove(connection: Connection, name: str) -> None:
    """Raises `UserUnknown`."""
    if not connection.execute(user_table.delete().where(user_table.c.name == name)).rowcount:
        raise _unknown(name)


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
    query = select(user_table.c.name, user_table.c.created).order_by(user_table.c.name)
    return tuple(User(row.name, row.created) for row in connection.execute(query))


def _hasher() -> PasswordHasher:
    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def _hash(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordTooShort(f"A password needs at least {SHORTEST_PASSWORD} characters; choose a longer one.")
    return _hasher().hash(password)


def _unknown(name: str) -> UserUnknown:
    return UserUnknown(f"There is no user called {name}; `veilsight user list` shows those there are.")
