"""Is this report genuine and unchanged? Needs the PDF, its signature beside it and the site's public key; no more."""

import hashlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from appliance.errors import VeilsightError
from appliance.reports import signature
from appliance.storage.keys import fingerprint


class ReportUnreadable(VeilsightError):
    """There is no report to check."""


class State(Enum):
    """What a check can find."""

    VALID = "valid"
    ALTERED = "altered"
    ANOTHER_SITE = "another-site"
    SIGNATURE_MISSING = "signature-missing"
    SIGNATURE_DAMAGED = "signature-damaged"


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check. `sha256` is that of the report's bytes, `sentence` what a person is told."""

    state: State
    sha256: str
    sentence: str

    @property
    def valid(self) -> bool:
        return self.state is State.VALID


def verify_report(report: Path, key: Ed25519PublicKey) -> Verdict:
    """Check the report and the signature beside it against a site's public key. Raises `ReportUnreadable`."""
    try:
        document = report.read_bytes()
    except OSError as error:
        raise ReportUnreadable(f"The report {report} can't be read: {error.strerror}.") from error
    beside = signature.signature_path(report)
    try:
        text: bytes | None = beside.read_bytes()
    except FileNotFoundError:
        text = None
    except OSError as error:
        raise ReportUnreadable(f"The signature {beside} can't be read: {error.strerror}.") from error
    return verify_bytes(report.name, document, text, key)


def verify_bytes(name: str, document: bytes, text: bytes | None, key: Ed25519PublicKey) -> Verdict:
    """Check a report's bytes and its signature file's text (None: there is none)."""
    sha256 = hashlib.sha256(document).hexdigest()

    def verdict(state: State, sentence: str) -> Verdict:
        return Verdict(state, sha256, sentence)

    if text is None:
        return verdict(
            State.SIGNATURE_MISSING, f"{name}: no signature; keep {name}{signature.SUFFIX} beside it and check again."
        )
    try:
        signed = signature.parse(text)
    except signature.SignatureDamaged as error:
        return verdict(State.SIGNATURE_DAMAGED, f"{name}: {error}")
    own = fingerprint(key)
    if signature.fits(document, signed, key):
        return verdict(State.VALID, f"{name}: valid, signed by the site with the key {own}.")
    if signed.key != own:
        return verdict(
            State.ANOTHER_SITE, f"{name}: NOT signed by this site: the signature names the key {signed.key}, not {own}."
        )
    if signed.sha256 != sha256:
        return verdict(State.ALTERED, f"{name}: ALTERED after it was signed, or not the file that was signed.")
    return verdict(
        State.SIGNATURE_DAMAGED, f"{name}: the signature does not fit this report; it is damaged or was made up."
    )
