"""Is a report genuine? The verdict needs no database, and other people's tools come to the same one."""

import asyncio
import base64
import io
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from appliance.audit import checkpoint
from appliance.reports import signature
from appliance.reports.attachments import read_attachments
from appliance.reports.build import build_report
from appliance.reports.certificate import make_signing
from appliance.reports.signature import signature_path
from appliance.reports.verify import ReportUnreadable, State, Verdict, verify_bytes, verify_report
from appliance.settings import find_paths
from appliance.storage.database import reading
from appliance.storage.keys import fingerprint, load_signing_key, public_key_pem
from appliance.storage.site import open_site
from tests.reports.conftest import NOW, Place, make_place, utc

OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


@dataclass(frozen=True)
class Built:
    """Two reports of one site, the second later; the site's key."""

    folder: Path
    first: Path
    second: Path
    key: Ed25519PrivateKey
    place: Place

    @property
    def document(self) -> bytes:
        return self.second.read_bytes()

    @property
    def text(self) -> bytes:
        return signature_path(self.second).read_bytes()


def build(place: Place, day: int) -> Path:
    return build_report(
        place.paths, place.settings, place.engine, date(2026, 10, day), date(2026, 10, day), "ada", NOW
    ).path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("site")
    place = make_place(folder)
    place.happened(utc(1), "system", "started", "engine")
    first = build(place, 1)
    place.happened(utc(2), "ada", "login", "page")
    second = build(place, 2)
    yield Built(folder, first, second, load_signing_key(place.paths), place)
    place.engine.dispose()


def judge(built: Built, document: bytes, text: bytes | None, key: Ed25519PrivateKey | None = None) -> State:
    return verify_bytes("r.pdf", document, text, (key or built.key).public_key(), needs_signature_file=False).state


def test_a_report_is_valid_with_and_without_its_signature_file(built: Built) -> None:
    assert judge(built, built.document, built.text) is State.VALID
    assert judge(built, built.document, None) is State.VALID
    assert verify_report(built.second, built.key.public_key()).valid


def test_the_verdicts_are_told_apart(built: Built) -> None:
    document, text = built.document, built.text
    for file in (text, None):
        assert judge(built, document + b" ", file) is State.ALTERED
        assert judge(built, document, file, OTHER) is State.ANOTHER_SITE
        assert judge(built, document[:-1], file) is State.INCOMPLETE
        assert judge(built, document[: len(document) // 2], file) is State.INCOMPLETE
        assert judge(built, b"", file) is State.INCOMPLETE
    whole = verify_bytes("r.pdf", document, None, built.key.public_key())
    assert whole.state is State.INCOMPLETE
    assert "r.pdf.sig" in whole.sentence
    for damaged in (b"", text[:-20], text.replace(b"  ", b" ")):
        assert judge(built, document, damaged) is State.ALTERED


def test_another_reports_signature_file_is_noticed(built: Built) -> None:
    assert judge(built, built.document, signature_path(built.first).read_bytes()) is State.ALTERED
    theirs = signature.sign("r.pdf", built.document, {}, OTHER, "veilsight.local/other")
    assert judge(built, built.document, theirs) is State.ALTERED


def test_an_attachment_that_was_signed_must_be_there(built: Built) -> None:
    attached = {"veilsight-report.json": b"", "more.csv": b""}
    text = signature.sign("r.pdf", built.document, attached, built.key, built.place.site.origin)
    assert judge(built, built.document, text) is State.INCOMPLETE


@given(data=st.data(), flipped=st.integers(1, 255), with_file=st.booleans())
def test_any_altered_byte_of_the_report_is_found(
    built: Built, data: st.DataObject, flipped: int, with_file: bool
) -> None:
    altered = bytearray(built.document)
    # Half of the tries among the signature's own bytes, which no digest covers.
    own = altered.rindex(b"/Contents <")
    position = data.draw(st.one_of(st.integers(0, len(altered) - 1), st.integers(own, own + 3000)))
    altered[position] ^= flipped
    state = judge(built, bytes(altered), built.text if with_file else None)
    assert state in (State.ALTERED, State.INCOMPLETE)


@given(data=st.data(), flipped=st.integers(1, 255))
def test_any_altered_byte_of_the_signature_file_is_found(built: Built, data: st.DataObject, flipped: int) -> None:
    altered = bytearray(built.text)
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= flipped
    assert judge(built, built.document, bytes(altered)) is State.ALTERED


@given(text=st.binary(max_size=400))
def test_no_other_signature_file_is_taken(built: Built, text: bytes) -> None:
    assert judge(built, built.document, text) is State.ALTERED


def test_line_ends_of_another_system_do_no_harm(built: Built) -> None:
    assert judge(built, built.document, built.text.replace(b"\n", b"\r\n")) is State.VALID


def test_a_report_of_the_first_version_still_verifies(built: Built) -> None:
    document = b"%PDF-1.7 a report without a signature of its own\n"
    text = (
        f"Veilsight report signature, version 1\nsha256: {signature.digest(document)}\n"
        f"key: {fingerprint(built.key.public_key())}\ned25519: {base64.b64encode(built.key.sign(document)).decode()}\n"
    ).encode()
    assert judge(built, document, text) is State.VALID
    assert judge(built, document + b" ", text) is State.ALTERED
    assert judge(built, document, text, OTHER) is State.ANOTHER_SITE


def test_a_report_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReportUnreadable, match="No such file"):
        verify_report(tmp_path / "none.pdf", OTHER.public_key())


def compare(built: Built, report: Path, *earlier: Path) -> Verdict:
    return verify_report(report, built.key.public_key(), earlier)


def test_a_report_proves_that_the_log_only_grew_since_an_earlier_one(built: Built, tmp_path: Path) -> None:
    assert compare(built, built.second, built.first).valid
    assert compare(built, built.second, built.second).valid
    with reading(built.place.engine) as connection:
        oldest = checkpoint.stored_checkpoints(connection)[0]
    note = tmp_path / "checkpoint.txt"
    note.write_text(oldest.note, encoding="utf-8")
    assert compare(built, built.second, note).valid
    (tmp_path / "nothing.txt").write_text("nothing", encoding="utf-8")
    with pytest.raises(ReportUnreadable, match="neither a report nor a checkpoint"):
        compare(built, built.second, tmp_path / "nothing.txt")


def test_a_log_that_lost_what_an_earlier_report_fixed_is_inconsistent(built: Built, tmp_path: Path) -> None:
    assert compare(built, built.first, built.second).state is State.INCONSISTENT, "the log has become shorter"
    # The site as it was, put back from a copy, goes another way and has never heard of the third report.
    built.place.engine.dispose()
    past = find_paths({"HOME": str(tmp_path)}, tmp_path / "past")
    shutil.copytree(built.place.paths.state, past.state)
    built.place.happened(utc(3), "ada", "login", "page")
    third = build(built.place, 3)
    fork = Place(past, built.place.settings, open_site(past))
    for _ in range(5):
        fork.happened(utc(3), "eve", "login", "page")
    forked = build(fork, 4)
    fork.engine.dispose()
    assert compare(built, forked, built.second).valid
    verdict = compare(built, forked, third)
    assert verdict.state is State.INCONSISTENT, verdict.sentence


def test_public_tools_alone_can_check_the_bundle(built: Built, tmp_path: Path) -> None:
    shutil.copy(built.second, tmp_path / "REPORT.pdf")
    name = built.second.name.encode()
    text = signature.sign(
        "REPORT.pdf", built.document, read_attachments(built.document), built.key, built.place.site.origin
    )
    assert text.splitlines()[1] == built.text.splitlines()[1].replace(name, b"REPORT.pdf")
    (tmp_path / "REPORT.pdf.sig").write_bytes(text)
    (tmp_path / "signing.pub").write_bytes(public_key_pem(built.key.public_key()))
    # The commands that the report's last section prints.
    script = (
        "openssl pkey -pubin -in signing.pub -outform DER | tail -c 32 | sha256sum && "
        "sed '/^$/,$d' REPORT.pdf.sig > signed.txt && "
        "sed -n 's/^— [^ ]* //p' REPORT.pdf.sig | base64 -d | tail -c 64 > signature.bin && "
        "openssl pkeyutl -verify -pubin -inkey signing.pub -rawin -in signed.txt -sigfile signature.bin && "
        "pdfdetach -saveall REPORT.pdf && sha256sum --check signed.txt"
    )

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)

    good = run()
    assert good.returncode == 0, good.stderr
    assert fingerprint(built.key.public_key()).replace(" ", "") in good.stdout
    assert "veilsight-report.json: OK" in good.stdout
    (tmp_path / "REPORT.pdf").write_bytes(built.document + b" ")
    assert run().returncode != 0


def test_other_peoples_validators_find_the_signature_inside_good(built: Built, tmp_path: Path) -> None:
    shown = subprocess.run(["pdfsig", built.second], capture_output=True, text=True, check=False).stdout
    for line in ("Signature is Valid", "Total document signed", "ETSI.CAdES.detached", "Veilsight reports"):
        assert line in shown, shown
    checked = subprocess.run(["qpdf", "--check", built.second], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    signing = make_signing(built.key, built.place.settings.site.name, built.place.site.identifier)
    (tmp_path / "site.pem").write_bytes(signing.issuer.public_bytes(Encoding.PEM))
    (tmp_path / "signing.pem").write_bytes(signing.certificate.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "site.pem", tmp_path / "signing.pem"]
    trusted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert trusted.returncode == 0, trusted.stderr
    root = asn1.Certificate.load(signing.issuer.public_bytes(Encoding.DER))
    (embedded,) = PdfFileReader(io.BytesIO(built.document)).embedded_signatures
    context = ValidationContext(trust_roots=[root], allow_fetching=False)
    status = asyncio.run(async_validate_pdf_signature(embedded, context))
    assert status.bottom_line, status.pretty_print_details()


def test_the_certificates_are_the_same_for_each_report(built: Built) -> None:
    once, again = (make_signing(built.key, "Shop", "0123") for _ in range(2))
    assert once.pem() == again.pem()
    assert make_signing(OTHER, "Shop", "0123").pem() != once.pem()
    make_signing(built.key, "入" * 120, "0123")
