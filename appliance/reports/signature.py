"""The detached signature of a report, over the whole bundle: the PDF and the files that are attached to it.

`NAME.pdf.sig` is a signed note (https://c2sp.org/signed-note), as the log's checkpoints are, with an Ed25519 signature
(RFC 8032). Its text is the list that `sha256sum --check` reads:

    Veilsight report, version 2
    9f86d08…  NAME.pdf
    60303ae…  veilsight-report.json

    — veilsight.local/SITE BASE64

so that it can also be checked with public tools alone.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.audit.checkpoint import SIGNATURE_PREFIX, decode_base64, key_identifier
from appliance.errors import VeilsightError
from appliance.storage.keys import fingerprint

SUFFIX = ".sig"
HEADING = "Veilsight report, version 2"
# A name begins with the part of the key that a note names.
KEY_HINT_BYTES = 4
# A signature file is about 400 bytes.
MOST_BYTES = 16384

_NOTE = re.compile(
    rf"({re.escape(HEADING)}\n(?:[0-9a-f]{{64}}  [^\n/]+\n)+)\n{SIGNATURE_PREFIX}([^ \n+]+) ([A-Za-z0-9+/=]+)\n"
)
_VERSION_1 = re.compile(
    r"Veilsight report signature, version 1\n"
    r"sha256: ([0-9a-f]{64})\nkey: ([0-9a-f ]{79})\ned25519: ([A-Za-z0-9+/=]+)\n?"
)


class SignatureDamaged(VeilsightError):
    """The file is no signature of a report, or was changed."""


class SignedByOther(VeilsightError):
    """The file names another site's key."""


@dataclass(frozen=True)
class Sums:
    """What was signed: SHA-256 in hexadecimal digits, of the report and of each of its attachments by name.

    `attached` is None in the first version's signatures, which were of the report's bytes alone.
    """

    report: str
    attached: Mapping[str, str] | None


def signature_path(report: Path) -> Path:
    """`NAME.pdf.sig` beside `NAME.pdf`."""
    return report.with_name(report.name + SUFFIX)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sign(name: str, document: bytes, attached: Mapping[str, bytes], key: Ed25519PrivateKey, origin: str) -> bytes:
    """The text of the signature file of the report `name`; `origin` names the site, as in its checkpoints."""
    lines = [f"{digest(content)}  {each}\n" for each, content in [(name, document), *sorted(attached.items())]]
    body = f"{HEADING}\n{''.join(lines)}"
    signature = key_identifier(origin, key.public_key()) + key.sign(body.encode())
    return f"{body}\n{SIGNATURE_PREFIX}{origin} {base64.b64encode(signature).decode()}\n".encode()


def read(text: bytes, document: bytes, key: Ed25519PublicKey) -> Sums:
    """What the holder of `key` signed. `document` is needed for the first version's signatures, which fit only whole.

    Raises `SignatureDamaged` and `SignedByOther`.
    """
    decoded = text[:MOST_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")
    if old := _VERSION_1.fullmatch(decoded):
        return _read_version_1(old, document, key)
    found = _NOTE.fullmatch(decoded)
    if not found:
        raise SignatureDamaged("the signature file is damaged; ask the site for it again.")
    body, origin = found[1], found[2]
    signature = _decode(found[3])
    hint = key_identifier(origin, key)
    if not _holds(key, signature[KEY_HINT_BYTES:], body.encode()):
        if signature[:KEY_HINT_BYTES] != hint:
            raise SignedByOther("the signature file names another site's key.")
        raise SignatureDamaged("the signature file is damaged, or was made up.")
    if signature[:KEY_HINT_BYTES] != hint:
        raise SignatureDamaged("the signature file was changed.")
    (first, _), *others = (line.split("  ", 1) for line in body.splitlines()[1:])
    return Sums(first, {name: sum_ for sum_, name in others})


def _read_version_1(found: re.Match[str], document: bytes, key: Ed25519PublicKey) -> Sums:
    if not _holds(key, _decode(found[3]), document):
        if found[2] != fingerprint(key):
            raise SignedByOther(f"the signature file names the key {found[2]}.")
        if found[1] == digest(document):
            raise SignatureDamaged("the signature file is damaged, or was made up.")
    elif (found[1], found[2]) != (digest(document), fingerprint(key)):
        raise SignatureDamaged("the signature file was changed.")
    return Sums(found[1], None)


def _decode(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise SignatureDamaged("the signature file is damaged; ask the site for it again.") from error


def _holds(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
