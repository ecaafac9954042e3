"""Tokens with which other programs ask the JSON API: each has a role and an end, and only its hash is kept.

A token's secret has 256 random bits, so its SHA-256 tells nothing of it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, select

from appliance.errors import UsageError, VeilsightError
from appliance.storage.tables import token as token_table
from appliance.storage.users import Role, check_name

# So that programs which look for secrets in the wrong places know one when they see it.
PREFIX = "veilsight_"
LONGEST = timedelta(days=366)
USUAL_DAYS = 90


class TokenExists(VeilsightError):
    """A token with this name is there already."""


class TokenUnknown(VeilsightError):
    """No token has this name."""


class TokenTooLong(UsageError):
    """A token that would be good for nothing, or for too long."""


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    role: Role
    created: datetime
    expires: datetime


def add(connection: Connection, name: str, role: Role, expires: datetime, now: datetime) -> str:
    """Returns the secret, which is not kept. Raises `TokenExists`, `TokenTooLong` and `UserNameUnusable`."""
    check_name(name)
    if not timedelta(0) < expires - now <= LONGEST:
        raise TokenTooLong(f"A token is good for 1 to {LONGEST.days} days; choose a number of days in between.")
    if any(token.name == name for token in list_tokens(connection)):
        raise TokenExists(f"There is a token called {name} already; remove it first with `veilsight token remove`.")
    secret = PREFIX + secrets.token_urlsafe(32)
    values = {"name": name, "role": role.value, "secret_hash": _hash(secret), "created": now, "expires": expires}
    connection.execute(token_table.insert().values(**values))
    return secret


def remove(connection: Connection, name: str) -> None:
    """Raises `TokenUnknown`."""
    if not connection.execute(token_table.delete().where(token_table.c.name == name)).rowcount:
        raise TokenUnknown(f"There is no token called {name}; `veilsight token list` shows those there are.")


def find(connection: Connection, secret: str, now: datetime) -> Token | None:
    """The token that has this secret and is good still."""
    row = connection.execute(select(token_table).where(token_table.c.secret_hash == _hash(secret))).one_or_none()
    return None if row is None or row.expires <= now else _token(row)


def list_tokens(connection: Connection) -> tuple[Token, ...]:
    """All tokens by name, those too that are past their end."""
    return tuple(_token(row) for row in connection.execute(select(token_table).order_by(token_table.c.name)))


def _token(row: Row[tuple[object, ...]]) -> Token:
    return Token(row.name, Role(row.role), row.created, row.expires)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
