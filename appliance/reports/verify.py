"""Is this report genuine, unchanged and whole? Needs the PDF and the site's public key; no site, and no network.

Two signatures are looked at: the one inside the PDF, and the detached one where it lies beside it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from appliance.audit import checkpoint
from appliance.audit.checkpoint import Checkpoint, CheckpointInvalid
from appliance.errors import VeilsightError
from appliance.reports import embedded_signature, growth, signature
from appliance.reports.attachments import FACTS, read_attachments
from appliance.storage.keys import fingerprint


class ReportUnreadable(VeilsightError):
    """There is no report to check."""


class State(Enum):
    """What a check can find."""

    VALID = "valid"
    ALTERED = "altered"
    ANOTHER_SITE = "another-site"
    INCOMPLETE = "incomplete"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check. `sha256` is that of the report's bytes, `sentence` what a person is told."""

    state: State
    sha256: str
    sentence: str

    @property
    def valid(self) -> bool:
        return self.state is State.VALID


class _Found(Exception):
    """Ends a check: a state other than valid, and why."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state = state


def verify_report(
    report: Path, key: Ed25519PublicKey, earlier: Sequence[Path] = (), needs_signature_file: bool = True
) -> Verdict:
    """Check the report, and the signature file beside it, against a site's public key. Raises `ReportUnreadable`.

    `earlier` are reports or checkpoints of that site which were kept: what they fix must still be in the log. A bundle
    without its signature file is incomplete if `needs_signature_file`.
    """
    document = _read(report)
    beside = signature.signature_path(report)
    text = _read(beside) if beside.exists() else None
    verdict = verify_bytes(report.name, document, text, key, needs_signature_file)
    if not verdict.valid or not earlier:
        return verdict
    try:
        compared = _compare(document, [(path.name, _read(path)) for path in earlier], key)
    except _Found as found:
        return replace(verdict, state=found.state, sentence=f"{report.name}: {_word(found.state)}: {found}")
    return replace(verdict, sentence=f"{verdict.sentence} {compared}")


def verify_bytes(
    name: str, document: bytes, text: bytes | None, key: Ed25519PublicKey, needs_signature_file: bool = True
) -> Verdict:
    """Check a report's bytes and its signature file's text (None: there is none)."""
    sha256 = signature.digest(document)
    try:
        sums = _read_signature_file(name, document, text, key)
        _check_document(name, document, sums, key)
        if sums is None and needs_signature_file:
            raise _Found(State.INCOMPLETE, f"its signature file is missing; keep {name}.sig beside it and check again.")
    except _Found as found:
        return Verdict(found.state, sha256, f"{name}: {_word(found.state)}: {found}")
    own = fingerprint(key)
    without = "" if sums else f" {name}.sig is not here and was not needed."
    return Verdict(State.VALID, sha256, f"{name}: valid, signed by the site with the key {own}.{without}")


def _word(state: State) -> str:
    return {
        State.ALTERED: "ALTERED",
        State.ANOTHER_SITE: "signed by ANOTHER SITE",
        State.INCOMPLETE: "INCOMPLETE",
        State.INCONSISTENT: "INCONSISTENT with an earlier report",
    }[state]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportUnreadable(f"The file {path} can't be read: {error.strerror}.") from error


def _read_signature_file(
    name: str, document: bytes, text: bytes | None, key: Ed25519PublicKey
) -> signature.Sums | None:
    """What the signature file says was signed. Another site's is told after the document's own signature."""
    if text is None:
        return None
    try:
        return signature.read(text, document, key)
    except signature.SignatureDamaged as error:
        raise _Found(State.ALTERED, str(error)) from error
    except signature.SignedByOther as error:
        other = _site_of(document)
        if other is not None and fingerprint(other) == fingerprint(key):
            raise _Found(State.ALTERED, f"{name}.sig is not this report's: {error}") from error
        raise _Found(State.ANOTHER_SITE, str(error)) from error


def _site_of(document: bytes) -> Ed25519PublicKey | None:
    """The key of whoever signed the PDF; None where nobody did, or it was changed."""
    try:
        return embedded_signature.check_pdf(document)
    except (embedded_signature.SignatureMissing, embedded_signature.SignatureWrong):
        return None


def _check_document(name: str, document: bytes, sums: signature.Sums | None, key: Ed25519PublicKey) -> None:
    """Compare the PDF with its own signature and with what the signature file says."""
    if sums is not None and sums.attached is None:
        # The first version's reports have no signature inside.
        if sums.report != signature.digest(document):
            raise _Found(State.ALTERED, "the file was changed after it was signed.")
        return
    try:
        site = embedded_signature.check_pdf(document)
    except embedded_signature.SignatureMissing as error:
        raise _Found(State.INCOMPLETE, f"the file {error}; get it from the site again.") from error
    except embedded_signature.SignatureWrong as error:
        raise _Found(State.ALTERED, "the file was changed after it was signed.") from error
    if fingerprint(site) != fingerprint(key):
        raise _Found(State.ANOTHER_SITE, f"the key is {fingerprint(site)}, not {fingerprint(key)}.")
    if sums is None:
        return
    if sums.report != signature.digest(document):
        raise _Found(State.ALTERED, f"{name} is not the report that its signature file is of.")
    attached = _attachments(document)
    missing = sorted(set(sums.attached or ()) - attached.keys())
    if missing:
        raise _Found(State.INCOMPLETE, f"{', '.join(missing)} is not attached.")
    if {each: signature.digest(content) for each, content in attached.items()} != sums.attached:
        raise _Found(State.ALTERED, "an attached file is not the one that was signed.")


def _attachments(document: bytes) -> Mapping[str, bytes]:
    try:
        return read_attachments(document)
    except ValueError as error:
        raise _Found(State.ALTERED, "the PDF can't be read.") from error


def _compare(document: bytes, earlier: Sequence[tuple[str, bytes]], key: Ed25519PublicKey) -> str:
    """Whether the log only grew since each of the earlier files; the sentence that says so. Raises `_Found`.

    Where a report has no proof from one of them, a proof by way of another one will do.
    """
    facts = [_facts(document)]
    waiting = [(name, *_fixed(name, content, key)) for name, content in earlier]
    # The newest first, so that what each proves is there for those before it.
    for name, old, known in sorted(waiting, key=lambda each: -each[1].size):
        found = [growth.has_grown(each, old, key, known is not None) for each in facts]
        if any(each.known and not each.holds for each in found):
            raise _Found(State.INCONSISTENT, f"its log does not begin with the {old.size} entries that {name} fixes.")
        if not any(each.holds for each in found):
            raise _Found(
                State.INCOMPLETE,
                f"it holds no proof from the checkpoint of {name}; give the reports between as further --earlier.",
            )
        if known is not None:
            facts.append(known)
    return f"Its log still holds everything that {' and '.join(name for name, _ in earlier)} fixed."


def _fixed(name: str, content: bytes, key: Ed25519PublicKey) -> tuple[Checkpoint, dict[str, Any] | None]:
    """The checkpoint of an earlier report, which must be genuine, with its facts; or one that was saved by itself."""
    facts = None
    if content.startswith(b"%PDF"):
        verdict = verify_bytes(name, content, None, key, needs_signature_file=False)
        if not verdict.valid:
            raise ReportUnreadable(f"The earlier report can't be compared with. {verdict.sentence}")
        facts = _facts(content)
    try:
        note = facts["integrity"]["checkpoint"] if facts else content.decode()
        return checkpoint.read(note, key), facts
    except (CheckpointInvalid, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ReportUnreadable(f"The earlier {name} is neither a report nor a checkpoint of this site.") from error


def _facts(document: bytes) -> dict[str, Any]:
    attached = _attachments(document).get(FACTS)
    if attached is None:
        raise _Found(State.INCOMPLETE, f"{FACTS} is not attached.")
    facts: dict[str, Any] = json.loads(attached)
    return facts
