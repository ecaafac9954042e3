"""A second factor of log-in: time-based codes (TOTP, RFC 6238), and recovery codes for whoever loses their device.

The secret lies in the encrypted database. A recovery code has 130 random bits, so its SHA-256 tells nothing of it;
it is good once, and so is each time-based code.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Literal

import pyotp
from sqlalchemy import Connection, select

from appliance.storage.recovery_code import make_recovery_code, read_recovery_code
from appliance.storage.tables import user as user_table
from appliance.storage.tables import user_recovery

STEP = timedelta(seconds=30)
# A clock may be one step off, either way (RFC 6238, section 5.2).
OFFSETS = (-1, 0, 1)
RECOVERY_CODES = 8

Used = Literal["code", "recovery code"]


def new_secret() -> str:
    """160 random bits in base 32, as authenticator programs take them."""
    return pyotp.random_base32(32)


def address_of(secret: str, name: str, issuer: str) -> str:
    """The otpauth address that an authenticator program reads from the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The number of the time step, since 1970, whose code this is; None if it is that of no step near `now`."""
    totp = pyotp.TOTP(secret)
    digits = code.replace(" ", "").encode()
    present = int(now.timestamp() // STEP.total_seconds())
    matching = [
        present + offset
        for offset in OFFSETS
        if hmac.compare_digest(totp.generate_otp(present + offset).encode(), digits)
    ]
    return matching[0] if matching else None


def is_on(connection: Connection, name: str) -> bool:
    """Whether this user must give a code after the password."""
    return bool(_secret(connection, name))


def turn_on(connection: Connection, name: str, secret: str, used: int) -> tuple[str, ...]:
    """From now on each log-in needs a code. `used` is the step of the code that proved that the device has the secret.

    Returns new recovery codes, to be shown once.
    """
    turn_off(connection, name)
    values = {"totp_secret": secret, "totp_used": used}
    connection.execute(user_table.update().where(user_table.c.name == name).values(**values))
    codes = tuple(make_recovery_code() for _ in range(RECOVERY_CODES))
    rows = [{"user": name, "code_hash": _recovery_hash(code)} for code in codes]
    connection.execute(user_recovery.insert(), rows)
    return codes


def turn_off(connection: Connection, name: str) -> None:
    """From now on the password is enough; the recovery codes are gone."""
    values = {"totp_secret": "", "totp_used": 0}
    connection.execute(user_table.update().where(user_table.c.name == name).values(**values))
    connection.execute(user_recovery.delete().where(user_recovery.c.user == name))


def use(connection: Connection, name: str, code: str, now: datetime) -> Used | None:
    """Take a code of the user's; which kind it was, or None where it is wrong or was used already.

    In a writing transaction, so that no two log-ins can use the same code.
    """
    secret = _secret(connection, name)
    if not secret:
        return None
    step = matching_step(secret, code, now)
    if step is not None:
        fresh = user_table.update().where(user_table.c.name == name, user_table.c.totp_used < step)
        return "code" if connection.execute(fresh.values(totp_used=step)).rowcount else None
    found = _recovery_hash(code)
    spent = user_recovery.delete().where(user_recovery.c.user == name, user_recovery.c.code_hash == found)
    return "recovery code" if found and connection.execute(spent).rowcount else None


def codes_left(connection: Connection, name: str) -> int:
    """How many recovery codes the user has not used yet."""
    query = select(user_recovery.c.code_hash).where(user_recovery.c.user == name)
    return len(connection.execute(query).all())


def _secret(connection: Connection, name: str) -> str:
    query = select(user_table.c.totp_secret).where(user_table.c.name == name)
    return str(connection.execute(query).scalar() or "")


def _recovery_hash(code: str) -> bytes:
    """Empty where this is no recovery code."""
    secret = read_recovery_code(code)
    return hashlib.sha256(secret).digest() if secret else b""
