"""The certificate: what browsers need is in it, keys are private, and it is renewed when it must be."""

import ipaddress
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from appliance.settings import Paths, Settings, Web
from appliance.web.certificate import Certificate, CertificateError, SiteNames, find_names, load_or_make

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = SiteNames(
    ("localhost", "shop", "shop.local"), (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("10.1.2.3"))
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path / "settings.toml", tmp_path / "models", tmp_path / "run")


def make(paths: Paths, now: datetime = NOW, names: SiteNames = NAMES) -> Certificate:
    return load_or_make(paths, Settings(), now, names)


def alternatives(certificate: Certificate) -> x509.SubjectAlternativeName:
    loaded = x509.load_pem_x509_certificate(certificate.chain.read_bytes())
    return loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_names_and_addresses_are_in_the_certificate(paths: Paths) -> None:
    found = alternatives(make(paths))
    assert set(found.get_values_for_type(x509.DNSName)) == set(NAMES.names)
    assert set(found.get_values_for_type(x509.IPAddress)) == set(NAMES.addresses)


def test_the_machine_itself_is_found() -> None:
    names = find_names()
    assert names.names[0] == "localhost"
    assert ipaddress.ip_address("127.0.0.1") in names.addresses


def test_an_independent_tool_accepts_the_chain(paths: Paths) -> None:
    certificate = make(paths, datetime.now(UTC))
    command = ["openssl", "verify", "-x509_strict", "-verify_hostname", "shop.local", "-purpose", "sslserver",
               "-CAfile", str(certificate.authority), str(certificate.chain)]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate.chain, certificate.key)


def test_the_authority_cannot_sign_for_others(paths: Paths) -> None:
    certificate = make(paths)
    authority = x509.load_pem_x509_certificate(certificate.authority.read_bytes())
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    hosts = {name.value for name in limits.value.permitted_subtrees or [] if isinstance(name, x509.DNSName)}
    assert hosts == set(NAMES.names)


def test_keys_are_readable_by_their_owner_only(paths: Paths) -> None:
    make(paths)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in paths.tls.iterdir()}
    assert modes == {"authority.key": 0o600, "authority.pem": 0o644, "server.key": 0o600, "server.pem": 0o644}
    assert stat.S_IMODE(paths.tls.stat().st_mode) == 0o700


def test_the_second_start_keeps_the_certificate(paths: Paths) -> None:
    first = make(paths).fingerprint
    assert make(paths, NOW + timedelta(days=100)).fingerprint == first


def test_an_old_certificate_is_renewed_under_the_same_authority(paths: Paths) -> None:
    first = make(paths)
    fingerprint, authority = first.fingerprint, first.authority.read_bytes()
    renewed = make(paths, NOW + timedelta(days=350))
    assert renewed.fingerprint != fingerprint
    assert renewed.authority.read_bytes() == authority


def test_a_new_private_address_keeps_the_authority(paths: Paths) -> None:
    first = make(paths)
    authority = first.authority.read_bytes()
    moved = make(paths, names=SiteNames(NAMES.names, (ipaddress.ip_address("192.168.7.8"),)))
    assert alternatives(moved).get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("192.168.7.8")]
    assert moved.authority.read_bytes() == authority


def test_a_public_address_seen_later_is_left_out(paths: Paths) -> None:
    make(paths)
    public = SiteNames(NAMES.names, (*NAMES.addresses, ipaddress.ip_address("198.51.100.7")))
    assert set(alternatives(make(paths, names=public)).get_values_for_type(x509.IPAddress)) == set(NAMES.addresses)


def test_a_new_host_name_makes_a_new_authority(paths: Paths) -> None:
    authority = make(paths).authority.read_bytes()
    renamed = make(paths, names=SiteNames(("localhost", "kiosk"), NAMES.addresses))
    assert renamed.authority.read_bytes() != authority
    assert "kiosk" in alternatives(renamed).get_values_for_type(x509.DNSName)


@pytest.mark.parametrize("name", ["server.key", "server.pem", "authority.key", "authority.pem"])
def test_a_damaged_file_is_made_anew(paths: Paths, name: str) -> None:
    fingerprint = make(paths).fingerprint
    (paths.tls / name).write_bytes(b"damaged")
    repaired = make(paths)
    assert repaired.fingerprint != fingerprint
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(repaired.chain, repaired.key)


def own(certificate: Path, key: Path) -> Settings:
    return Settings(web=Web(certificate=str(certificate), key=str(key)))


def test_a_certificate_of_ones_own_takes_its_place(paths: Paths, tmp_path: Path) -> None:
    made = load_or_make(Paths(tmp_path / "other", *([tmp_path / "none"] * 3)), Settings(), names=NAMES)
    used = load_or_make(paths, own(made.chain, made.key))
    assert (used.chain, used.key) == (made.chain, made.key)
    assert used.fingerprint == made.fingerprint
    assert not paths.tls.exists()


def test_a_certificate_of_ones_own_that_cannot_be_used_is_one_sentence(paths: Paths, tmp_path: Path) -> None:
    first = make(paths)
    other = load_or_make(Paths(tmp_path / "other", *([tmp_path / "none"] * 3)), Settings(), names=NAMES)
    for chain, key in ((first.chain, other.key), (tmp_path / "missing", first.key), (first.chain, Path())):
        with pytest.raises(CertificateError, match=r"under \[web\]"):
            load_or_make(paths, own(chain, key))


def test_further_names_are_in_the_certificate(paths: Paths) -> None:
    made = load_or_make(paths, Settings(web=Web(names=("Counter.Example",))))
    assert "counter.example" in alternatives(made).get_values_for_type(x509.DNSName)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = Paths(tmp_path / "file", tmp_path / "settings.toml", tmp_path, tmp_path)
    with pytest.raises(CertificateError, match=r"can't be read or written"):
        make(blocked)
