"""The signature inside the PDF: PAdES baseline B-B (ETSI EN 319 142-1), over every byte of the file but its own.

A reader checks what it knows of. This module checks more: the signature's own bytes must be exactly those that the site
would write, so that no byte of the file can be changed unnoticed.
"""

import hashlib
import io
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.reports.certificate import Signing

FIELD = "Signature"
REASON = "Compliance report"
SUBFILTER = b"/ETSI.CAdES.detached"
# Several times what two certificates and a signature take.
RESERVED_BYTES = 6144
BYTE_RANGE = re.compile(rb"/ByteRange \[0 (\d{1,12}) (\d{1,12}) (\d{1,12})\]")
SHA256 = {"algorithm": "sha256"}


class SignatureMissing(Exception):
    """The file holds no signature, or its end is missing. The text says which, as a part of a sentence."""


class SignatureWrong(Exception):
    """The signature does not fit the file."""


@dataclass(frozen=True)
class _Parts:
    """What a signature is made of; everything else of its bytes follows from these."""

    certificate: bytes
    issuer: bytes
    message_digest: bytes
    signature: bytes


def sign_pdf(document: bytes, signing: Signing, site_name: str, now: datetime) -> bytes:
    """The document with an invisible signature field, added as an incremental update.

    Metadata and version stay as they are, so that PDF/A-3b stays PDF/A-3b. Equal arguments give equal bytes, but for
    the file's second identifier (ISO 32000-1, 14.4).
    """
    # Loading it takes half a second, for which only those should wait who build reports.
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko.sign.signers import cms_embedder, constants, pdf_byterange

    class Writer(IncrementalPdfFileWriter):
        def _update_meta(self) -> None:
            """The document was made at the time that its metadata say, by what they say."""

    writer = Writer(io.BytesIO(document))
    writer.register_extension(constants.ESIC_EXTENSION_1)
    steps = cms_embedder.PdfCMSEmbedder().write_cms(FIELD, writer)
    next(steps)
    placeholder = pdf_byterange.SignatureObject(
        subfilter=SigSeedSubFilter.PADES,
        timestamp=now,
        name=site_name,
        reason=REASON,
        bytes_reserved=2 * RESERVED_BYTES,
    )
    steps.send(cms_embedder.SigObjSetup(sig_placeholder=placeholder))
    prepared, output = steps.send(cms_embedder.SigIOSetup(md_algorithm="sha256"))
    certificate, issuer = (each.public_bytes(Encoding.DER) for each in (signing.certificate, signing.issuer))
    attributes = _attributes(certificate, prepared.document_digest)
    signature = signing.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    steps.send(_encode(_Parts(certificate, issuer, prepared.document_digest, signature)))
    return bytes(output.getbuffer())


def check_pdf(document: bytes) -> Ed25519PublicKey:
    """The key of the site that signed exactly these bytes. Raises `SignatureMissing` and `SignatureWrong`."""
    before, contents, after = _cut(document)
    der = _decode_hex(contents)
    parts = _take_apart(der)
    if parts.message_digest != hashlib.sha256(before + after).digest():
        raise SignatureWrong
    try:
        certificate, issuer = (x509.load_der_x509_certificate(each) for each in (parts.certificate, parts.issuer))
        issuer.verify_directly_issued_by(issuer)
        certificate.verify_directly_issued_by(issuer)
        site, key = issuer.public_key(), certificate.public_key()
        if not isinstance(site, Ed25519PublicKey) or not isinstance(key, ec.EllipticCurvePublicKey):
            raise SignatureWrong
        signed = _attributes(parts.certificate, parts.message_digest).dump()
        key.verify(parts.signature, signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError) as error:
        raise SignatureWrong from error
    return site


def _cut(document: bytes) -> tuple[bytes, bytes, bytes]:
    """What is before the signature's bytes, these, and what is after them."""
    found = list(BYTE_RANGE.finditer(document))
    if not found:
        if SUBFILTER in document:
            raise SignatureWrong
        raise SignatureMissing("holds no signature, or its end is missing")
    end, start, length = map(int, found[-1].groups())
    if start + length > len(document):
        raise SignatureMissing("ends before its end")
    if not 0 < end < start or start + length < len(document):
        raise SignatureWrong
    return document[:end], document[end:start], document[start:]


def _decode_hex(contents: bytes) -> bytes:
    """The DER between `<` and `>`, in upper-case hexadecimal digits with zeros after it and nothing else."""
    found = re.fullmatch(rb"<([0-9A-F]+)>", contents)
    if not found or len(found[1]) % 2:
        raise SignatureWrong
    padded = bytes.fromhex(found[1].decode("ascii"))
    try:
        der = core.Any.load(padded).dump()
    except ValueError as error:
        raise SignatureWrong from error
    if padded[len(der) :].strip(b"\x00"):
        raise SignatureWrong
    return bytes(der)


def _take_apart(der: bytes) -> _Parts:
    """Read the CMS SignedData and see that nothing is in it but what follows from its parts."""
    try:
        signed = cms.ContentInfo.load(der, strict=True)["content"]
        (signer,) = signed["signer_infos"]
        certificates = [each.chosen for each in signed["certificates"]]
        (issuer,) = (each for each in certificates if each.ca)
        (certificate,) = (each for each in certificates if not each.ca)
        digests = [
            each["values"][0].native for each in signer["signed_attrs"] if each["type"].native == "message_digest"
        ]
        parts = _Parts(certificate.dump(), issuer.dump(), digests[0], signer["signature"].native)
        encoded = _encode(parts)
    # Bytes that make no sense make asn1crypto raise whatever its parts raise.
    except Exception as error:
        raise SignatureWrong from error
    if encoded != der:
        raise SignatureWrong
    return parts


def _encode(parts: _Parts) -> bytes:
    """The CMS SignedData (RFC 5652) of these parts."""
    certificate, issuer = (asn1.Certificate.load(each) for each in (parts.certificate, parts.issuer))
    sid = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    signer = {
        "version": "v1",
        "sid": cms.SignerIdentifier({"issuer_and_serial_number": cms.IssuerAndSerialNumber(sid)}),
        "digest_algorithm": SHA256,
        "signed_attrs": _attributes(parts.certificate, parts.message_digest),
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": parts.signature,
    }
    signed = {
        "version": "v1",
        "digest_algorithms": [SHA256],
        "encap_content_info": {"content_type": "data"},
        "certificates": [certificate, issuer],
        "signer_infos": [signer],
    }
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)}).dump())


def _attributes(certificate: bytes, digest: bytes) -> Any:
    """What the P-256 key signs: the document's digest and the certificate's (RFC 5035), as PAdES demands."""
    # The package knows this attribute only once its module of time stamps is loaded.
    named = tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(certificate).digest()}]})
    return cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["data"]},
            {"type": "message_digest", "values": [digest]},
            {"type": "signing_certificate_v2", "values": [named]},
        ]
    )
