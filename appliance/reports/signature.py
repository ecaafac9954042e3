"""The detached signature of a report: Ed25519 (RFC 8032) over the PDF's bytes.

The file `NAME.pdf.sig` is a few lines of text, so that the signature can also be checked with public tools alone; the
report's last section shows how.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.errors import VeilsightError
from appliance.storage.keys import fingerprint

SUFFIX = ".sig"
HEADING = "Veilsight report signature, version 1"
SIGNATURE_BYTES = 64
# A signature file is about 250 bytes.
MOST_BYTES = 4096


class SignatureDamaged(VeilsightError):
    """The file is no signature of a report."""


@dataclass(frozen=True)
class Signature:
    """What a signature file says: only `ed25519` proves anything; the rest explains a misfit."""

    sha256: str
    key: str
    ed25519: bytes

    def encode(self) -> bytes:
        """The text of the signature file."""
        signature = base64.b64encode(self.ed25519).decode("ascii")
        return f"{HEADING}\nsha256: {self.sha256}\nkey: {self.key}\ned25519: {signature}\n".encode("ascii")


def signature_path(report: Path) -> Path:
    """`NAME.pdf.sig` beside `NAME.pdf`."""
    return report.with_name(report.name + SUFFIX)


def sign(document: bytes, key: Ed25519PrivateKey) -> Signature:
    """Sign the bytes of a report with the site's key."""
    return Signature(hashlib.sha256(document).hexdigest(), fingerprint(key.public_key()), key.sign(document))


def parse(text: bytes) -> Signature:
    """Read a signature file. Raises `SignatureDamaged`."""
    pattern = (
        rf"{re.escape(HEADING)}\nsha256: ([0-9a-f]{{64}})\nkey: ([0-9a-f ]{{64,79}})\ned25519: ([A-Za-z0-9+/=]+)\n?"
    )
    found = re.fullmatch(pattern, text[:MOST_BYTES].decode("utf-8", "replace").replace("\r\n", "\n"))
    if not found:
        raise SignatureDamaged("The signature file is damaged; ask the site for the report's signature again.")
    try:
        ed25519 = base64.b64decode(found[3], validate=True)
    except binascii.Error:
        ed25519 = b""
    if len(ed25519) != SIGNATURE_BYTES:
        raise SignatureDamaged("The signature file is damaged; ask the site for the report's signature again.")
    return Signature(sha256=found[1], key=found[2], ed25519=ed25519)


def fits(document: bytes, signature: Signature, key: Ed25519PublicKey) -> bool:
    """Whether the holder of `key` signed exactly these bytes."""
    try:
        key.verify(signature.ed25519, document)
    except InvalidSignature:
        return False
    return True
