"""The small file that a destination is tested with. Nothing here can send."""

from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.destinations import Destination, Sendable
from appliance.reports import signature
from appliance.reports.signature import SignatureDamaged, SignedByOther

NAME = "veilsight-test.txt"
# What takes alerts gets a test as it gets those: one small JSON object.
ALERT_NAME = "veilsight-test.json"


def file_name(destination: Destination) -> str:
    return NAME if destination.takes(Sendable.REPORT) else ALERT_NAME


def content(destination: Destination, site_name: str, when: datetime) -> bytes:
    """What is sent: one line of text, or JSON where the destination takes no reports."""
    at = when.isoformat(timespec="seconds")
    if not destination.takes(Sendable.REPORT):
        facts = {"site": site_name, "test": True, "destination": destination.name, "at": at}
        return msgspec.json.encode(facts)
    return f"A test of the destination {destination.name} by {site_name}, {at}. It may be removed.\n".encode()


def sign(destination: Destination, site_name: str, when: datetime, key: Ed25519PrivateKey, origin: str) -> bytes:
    """The signature file of `content`."""
    return signature.sign(file_name(destination), content(destination, site_name, when), {}, key, origin)


def fits(text: bytes, document: bytes, key: Ed25519PublicKey) -> bool:
    """Whether this site signed the file."""
    try:
        sums = signature.read(text, document, key)
    except (SignatureDamaged, SignedByOther):
        return False
    return sums.report == signature.digest(document)
