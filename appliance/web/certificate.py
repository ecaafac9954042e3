"""The certificate of the page: made at first start, renewed by itself, never sent anywhere; or one of the settings.

A small site authority signs the server's certificate. Staff who install `authority.pem` on their devices see no browser
warning, even after the server's certificate is renewed. The authority can sign only for this machine's names and for
private addresses (name constraints, RFC 5280 section 4.2.1.10), so that its key is of little use to a thief.
"""

import ipaddress
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.errors import VeilsightError
from appliance.files import write_whole
from appliance.settings import Paths, Settings

AUTHORITY_LIFETIME = timedelta(days=3650)
# Browsers refuse server certificates that live longer than 398 days.
SERVER_LIFETIME = timedelta(days=397)
RENEW_BEFORE = timedelta(days=60)
CLOCK_TOLERANCE = timedelta(days=1)
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7")
TEMPORARY_ADDRESS = 0x01  # IFA_F_TEMPORARY of linux/if_addr.h: an IPv6 privacy address, gone by tomorrow

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class CertificateError(VeilsightError):
    """The page's certificate can't be read or made."""


@dataclass(frozen=True)
class Certificate:
    """Where the page's certificate lies. `chain` holds the server's certificate, then the authority's."""

    chain: Path
    key: Path
    authority: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the server's certificate in pairs of hexadecimal digits, as browsers show it."""
        certificate = x509.load_pem_x509_certificate(self.chain.read_bytes())
        return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


@dataclass(frozen=True)
class SiteNames:
    """The names and addresses under which a browser may reach the page."""

    names: tuple[str, ...]
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Pair:
    """A certificate and the private key that belongs to it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def load_or_make(
    paths: Paths, settings: Settings, now: datetime | None = None, names: SiteNames | None = None
) -> Certificate:
    """The page's certificate in `paths.tls`, made or renewed if it is missing, old, or lacks a name of this machine.

    The authority is made anew only when the host's name changes or it grows old, since people install it by hand; an
    address that it may not sign for is left out. Key files get mode 0600 and their directory 0700. Raises
    `CertificateError` if a file can't be read or written.
    """
    if settings.web.certificate or settings.web.key:
        return check_own(Path(settings.web.certificate), Path(settings.web.key))
    now = now or datetime.now(UTC)
    names = names or find_names(settings.web.names)
    folder = paths.tls
    certificate = Certificate(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        authority = _read_pair(folder / "authority.pem", folder / "authority.key")
        server = _read_pair(certificate.chain, certificate.key)
        if authority is None or not _authority_is_usable(authority, names, now):
            authority = make_authority(settings.site.name, names, now)
            write_whole(folder / "authority.key", _key_text(authority.key), mode=0o600)
            write_whole(folder / "authority.pem", _text(authority.certificate), mode=0o644)
        names = _permitted_names(authority, names)
        if server is None or not _server_is_usable(server, authority, names, now):
            server = make_server_certificate(authority, names, now)
            write_whole(certificate.key, _key_text(server.key), mode=0o600)
            write_whole(certificate.chain, _text(server.certificate) + _text(authority.certificate), mode=0o644)
    except OSError as error:
        raise CertificateError(f"The page's certificate in {folder} can't be read or written ({error}).") from error
    return certificate


def check_own(chain: Path, key: Path) -> Certificate:
    """The certificate that the settings name, in the place of the site's own. Raises `CertificateError`."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(chain, key, password="")
    except (OSError, ValueError) as error:
        raise CertificateError(
            f"The certificate {chain} with the key {key} can't be used ({error}); "
            "set `certificate` and `key` under [web] to PEM files that belong together, the key without a passphrase."
        ) from error
    return Certificate(chain, key, chain)


def make_authority(site: str, names: SiteNames, now: datetime) -> Pair:
    """A self-signed authority that may sign for `names` and for private addresses only."""
    key = ec.generate_private_key(ec.SECP256R1())
    # RFC 5280 allows 64 characters in a common name.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Veilsight at {site}"[:64])])
    networks = [ipaddress.ip_network(network) for network in PRIVATE_NETWORKS]
    for address in names.addresses:
        if not _is_within(address, networks):
            # The interface half of an IPv6 address may change from day to day; its network, 64 bits, does not.
            networks.append(ipaddress.ip_network((address, 64 if address.version == 6 else 32), strict=False))
    permitted = [x509.DNSName(name) for name in names.names] + [x509.IPAddress(each) for each in networks]
    builder = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def make_server_certificate(authority: Pair, names: SiteNames, now: datetime) -> Pair:
    """A server certificate for `names`, signed by the authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names.names[0][:64])])
    alternatives = [x509.DNSName(name) for name in names.names] + [x509.IPAddress(each) for each in names.addresses]
    issuer_key = authority.key.public_key()
    builder = (
        _builder(subject, authority.certificate.subject, key.public_key(), now, SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def find_names(further: Iterable[str] = ()) -> SiteNames:
    """localhost, the host's name (also under .local, as multicast DNS announces it), `further`, and every address."""
    host = socket.gethostname().lower()
    short = host.partition(".")[0]
    names = ["localhost", host, short, f"{short}.local", *(name.lower() for name in further)]
    usable = [name for name in dict.fromkeys(names) if name and name.isascii() and len(name) < 254]
    return SiteNames(tuple(usable), tuple(sorted(_addresses(), key=lambda address: (address.version, address))))


def _addresses() -> set[Address]:
    """This machine's addresses after the kernel's tables (proc(5)), without opening a socket."""
    found: set[Address] = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    last = ""
    for line in _lines("/proc/net/fib_trie"):
        if "|-- " in line:
            last = line.split()[-1]
        elif "/32 host LOCAL" in line:
            found.add(ipaddress.ip_address(last))
    for line in _lines("/proc/net/if_inet6"):
        digits, _, _, _, flags, _ = line.split()
        address = ipaddress.IPv6Address(bytes.fromhex(digits))
        # A link-local address needs an interface's name beside it, which no certificate can hold.
        if not address.is_link_local and not int(flags, 16) & TEMPORARY_ADDRESS:
            found.add(address)
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return []


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + lifetime - CLOCK_TOLERANCE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _is_within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_fresh(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE


def _authority_is_usable(authority: Pair, names: SiteNames, now: datetime) -> bool:
    hosts = {name.value for name in _limits(authority) if isinstance(name, x509.DNSName)}
    # A server certificate must not outlive its authority.
    return hosts >= set(names.names) and _is_fresh(authority.certificate, now + SERVER_LIFETIME)


def _permitted_names(authority: Pair, names: SiteNames) -> SiteNames:
    """`names` without the addresses that the authority may not sign for."""
    networks = [name.value for name in _limits(authority) if isinstance(name, x509.IPAddress)]
    allowed = [network for network in networks if isinstance(network, Network)]
    return SiteNames(names.names, tuple(address for address in names.addresses if _is_within(address, allowed)))


def _limits(authority: Pair) -> list[x509.GeneralName]:
    try:
        constraints = authority.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return []
    return list(constraints.permitted_subtrees or [])


def _server_is_usable(server: Pair, authority: Pair, names: SiteNames, now: datetime) -> bool:
    try:
        server.certificate.verify_directly_issued_by(authority.certificate)
        alternatives = server.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    hosts = set(alternatives.get_values_for_type(x509.DNSName))
    addresses = set(alternatives.get_values_for_type(x509.IPAddress))
    return hosts >= set(names.names) and addresses >= set(names.addresses) and _is_fresh(server.certificate, now)


def _read_pair(certificate: Path, key: Path) -> Pair | None:
    """The pair in these files, or None where they are missing, damaged or don't belong together."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != loaded.public_key():
        return None
    return Pair(loaded, private)


def _text(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
