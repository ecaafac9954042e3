"""The recovery code: 130 random bits that a person can write down, read out and type in again.

Crockford's base 32 leaves out letters that look like digits, and takes them as these digits. Two more characters are a
check, so that a slip of the pen is told from a code that is not this site's.
"""

import hashlib
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKALIKES = str.maketrans("OIL", "011")
SECRET_CHARACTERS = 26
CHECK_CHARACTERS = 2
GROUP = 4


def make_recovery_code() -> str:
    """A new code in seven groups of four characters."""
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_CHARACTERS))
    characters = secret + _check(secret)
    return "-".join(characters[start : start + GROUP] for start in range(0, len(characters), GROUP))


def read_recovery_code(text: str) -> bytes | None:
    """The code's secret, however it was typed; None where this is no recovery code or its check does not fit."""
    characters = "".join(text.upper().split()).replace("-", "").translate(LOOKALIKES)
    if len(characters) != SECRET_CHARACTERS + CHECK_CHARACTERS or not set(characters) <= set(ALPHABET):
        return None
    secret = characters[:SECRET_CHARACTERS]
    return secret.encode("ascii") if characters[SECRET_CHARACTERS:] == _check(secret) else None


def _check(secret: str) -> str:
    number = int.from_bytes(hashlib.sha256(b"veilsight recovery code" + secret.encode("ascii")).digest()[:2])
    return ALPHABET[number >> 5 & 31] + ALPHABET[number & 31]
