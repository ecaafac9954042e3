"""The certificates behind the signature inside a report's PDF, made from the site's key.

    the site's Ed25519 key ──certifies──▶ P-256 key, derived from it ──signs──▶ the PDF (ECDSA, SHA-256)

PDF readers in use show ECDSA signatures on P-256 and hardly any Ed25519 (RFC 8419), so the PDF is signed with a second
key. It is derived from the first (HKDF-SHA256, RFC 5869, then FIPS 186-5, A.2.1), so there is nothing more to keep, to
back up or to lose, and the first certifies it (RFC 8410): whoever has the site's public key can check both.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

# The order of P-256's group (SP 800-186, 3.2.1.3).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PURPOSE = b"veilsight: key that signs the report's PDF"
# Equal names give equal certificates, so that a reader that trusts one trusts all of a site's reports. The end is what
# RFC 5280, 4.1.2.5, says where there is none.
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
# X.520's longest common name.
LONGEST_NAME = 64


@dataclass(frozen=True)
class Signing:
    """What signs a PDF: the P-256 key, its certificate, and the site's own, which issued it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    issuer: x509.Certificate

    def pem(self) -> bytes:
        """Both certificates for a PDF reader or OpenSSL, the signing one first; nothing secret."""
        return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (self.certificate, self.issuer))


def make_signing(key: Ed25519PrivateKey, site_name: str, identifier: str) -> Signing:
    """The same for the same arguments. `identifier` tells sites of one name apart."""
    derived = derive_key(key)
    own = _name(site_name, f"Veilsight site {identifier}")
    issuer = _build(own, own, key.public_key(), key, None)
    subject = _name(site_name, f"Veilsight reports {identifier}")
    return Signing(derived, _build(subject, own, derived.public_key(), key, key.public_key()), issuer)


def derive_key(key: Ed25519PrivateKey) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of a site. 64 bits more than the order has make every key as likely as every other."""
    drawn = HKDF(hashes.SHA256(), 40, None, PURPOSE).derive(key.private_bytes_raw())
    return ec.derive_private_key(int.from_bytes(drawn, "big") % (P256_ORDER - 1) + 1, ec.SECP256R1())


def _name(site_name: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, site_name[:LONGEST_NAME]),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:LONGEST_NAME]),
        ]
    )


def _build(
    subject: x509.Name,
    issuer: x509.Name,
    public: Ed25519PublicKey | ec.EllipticCurvePublicKey,
    key: Ed25519PrivateKey,
    authority: Ed25519PublicKey | None,
) -> x509.Certificate:
    """A certificate of `public` by `key`; the site's own where there is no `authority`."""
    is_own = authority is None
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    serial = hashlib.sha256(spki + subject.public_bytes() + issuer.public_bytes()).digest()[:16]
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public)
        .serial_number(int.from_bytes(serial, "big") >> 1 or 1)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=is_own, path_length=0 if is_own else None), critical=True)
        .add_extension(_usage(is_own), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if authority is not None:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), critical=False)
    return builder.sign(key, None)


def _usage(is_own: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_own,
        # The "non-repudiation" that readers expect of who signs documents.
        content_commitment=not is_own,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_own,
        crl_sign=is_own,
        encipher_only=False,
        decipher_only=False,
    )
