"""Is a report genuine? The verdict needs no database."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from appliance.reports import signature
from appliance.reports.verify import ReportUnreadable, State, verify_bytes, verify_report
from appliance.storage.keys import public_key_pem

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
DOCUMENT = b"%PDF-1.7 a report\n" * 20
SIGNED = signature.sign(DOCUMENT, KEY).encode()


def state(document: bytes, text: bytes | None, key: Ed25519PrivateKey = KEY) -> State:
    return verify_bytes("r.pdf", document, text, key.public_key()).state


def test_a_signed_report_is_valid() -> None:
    assert state(DOCUMENT, SIGNED) is State.VALID


def test_the_verdicts_are_told_apart() -> None:
    assert state(DOCUMENT + b" ", SIGNED) is State.ALTERED
    assert state(DOCUMENT, SIGNED, OTHER) is State.ANOTHER_SITE
    assert state(DOCUMENT, None) is State.SIGNATURE_MISSING
    assert state(DOCUMENT, b"") is State.SIGNATURE_DAMAGED
    assert state(DOCUMENT, SIGNED[:-20]) is State.SIGNATURE_DAMAGED


@given(position=st.integers(0, len(DOCUMENT) - 1), flipped=st.integers(1, 255))
def test_any_altered_byte_is_found(position: int, flipped: int) -> None:
    altered = bytearray(DOCUMENT)
    altered[position] ^= flipped
    assert state(bytes(altered), SIGNED) is State.ALTERED


@given(text=st.binary(max_size=400))
def test_no_text_but_the_signature_makes_a_report_valid(text: bytes) -> None:
    assert state(DOCUMENT, text) is State.SIGNATURE_DAMAGED


@given(position=st.integers(0, len(SIGNED) - 1), flipped=st.integers(1, 255))
def test_an_altered_signature_never_makes_another_document_valid(position: int, flipped: int) -> None:
    altered = bytearray(SIGNED)
    altered[position] ^= flipped
    assert state(DOCUMENT + b" ", bytes(altered)) is not State.VALID


def test_a_signature_that_claims_our_key_but_was_made_with_another_is_not_valid() -> None:
    forged = signature.Signature(
        sha256=signature.sign(DOCUMENT, OTHER).sha256,
        key=signature.sign(DOCUMENT, KEY).key,
        ed25519=signature.sign(DOCUMENT, OTHER).ed25519,
    )
    assert state(DOCUMENT, forged.encode()) is State.SIGNATURE_DAMAGED


def test_line_ends_of_another_system_do_no_harm() -> None:
    assert state(DOCUMENT, SIGNED.replace(b"\n", b"\r\n")) is State.VALID


def test_a_report_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReportUnreadable, match="No such file"):
        verify_report(tmp_path / "none.pdf", KEY.public_key())


def test_public_tools_alone_can_check_the_signature(tmp_path: Path) -> None:
    report = tmp_path / "REPORT.pdf"
    report.write_bytes(DOCUMENT)
    signature.signature_path(report).write_bytes(SIGNED)
    (tmp_path / "signing.pub").write_bytes(public_key_pem(KEY.public_key()))
    # The commands that the report's last section prints.
    script = (
        "sed -n 's/^ed25519: //p' REPORT.pdf.sig | base64 -d > signature.bin && openssl pkeyutl -verify -pubin "
        "-inkey signing.pub -rawin -in REPORT.pdf -sigfile signature.bin && "
        "openssl pkey -pubin -in signing.pub -outform DER | tail -c 32 | sha256sum"
    )

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)

    good = run()
    assert good.returncode == 0, good.stderr
    assert signature.parse(SIGNED).key.replace(" ", "") in good.stdout
    report.write_bytes(DOCUMENT + b" ")
    assert run().returncode != 0
