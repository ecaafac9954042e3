"""The site's two keys: one that encrypts the database, one that signs checkpoints and reports.

A key is looked for in the service manager's credentials directory first (systemd.exec(5), `LoadCredential=`), then in
the state directory, in a file that only its owner can read.
"""

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.errors import VeilsightError
from appliance.settings import Paths

DATABASE_KEY = "database.key"
SIGNING_KEY = "signing.key"
PUBLIC_KEY = "signing.pub"
KEY_BYTES = 32


class KeyMissing(VeilsightError):
    """A key is not where it should be."""


class KeyUnusable(VeilsightError):
    """A key file is damaged, or others can read it."""


@dataclass(frozen=True)
class DatabaseKey:
    """SQLCipher's raw key: 256 random bits. Never shown."""

    raw: bytes = field(repr=False)

    @property
    def identifier(self) -> str:
        """Tells two keys apart without giving away anything of either."""
        return hashlib.blake2b(b"veilsight database key", key=self.raw, digest_size=16).hexdigest()


def create_database_key(paths: Paths) -> DatabaseKey:
    """Make and keep a new random key. Raises `FileExistsError` where there is one: a key is never written over."""
    raw = secrets.token_bytes(KEY_BYTES)
    _write_new(paths, DATABASE_KEY, raw.hex().encode() + b"\n", 0o600)
    return DatabaseKey(raw)


def load_database_key(paths: Paths) -> DatabaseKey:
    """Raises `KeyMissing` and `KeyUnusable`."""
    path = _find(paths, DATABASE_KEY)
    try:
        raw = bytes.fromhex(_read_secret(paths, path).decode())
    except ValueError as error:
        raise KeyUnusable(f"The database key {path} is damaged; put its copy back.") from error
    if len(raw) != KEY_BYTES:
        raise KeyUnusable(f"The database key {path} is damaged; put its copy back.")
    return DatabaseKey(raw)


def create_signing_key(paths: Paths) -> Ed25519PrivateKey:
    """Make and keep the site's Ed25519 key (RFC 8032), with its public part beside it for everyone to read."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_new(paths, SIGNING_KEY, private, 0o600)
    _write_new(paths, PUBLIC_KEY, public_key_pem(key.public_key()), 0o644)
    return key


def load_signing_key(paths: Paths) -> Ed25519PrivateKey:
    """Raises `KeyMissing` and `KeyUnusable`."""
    path = _find(paths, SIGNING_KEY)
    try:
        key = serialization.load_pem_private_key(_read_secret(paths, path), password=None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"The site's signing key {path} is damaged; put its copy back.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"The site's signing key {path} is not an Ed25519 key.")
    return key


def load_public_key(paths: Paths) -> Ed25519PublicKey:
    """The public part of the site's signing key. Raises `KeyMissing` and `KeyUnusable`."""
    path = _find(paths, PUBLIC_KEY)
    return read_public_key(path)


def read_public_key(path: Path) -> Ed25519PublicKey:
    """An Ed25519 public key from a PEM file. Raises `KeyMissing` and `KeyUnusable`."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except FileNotFoundError as error:
        raise KeyMissing(f"There is no public key at {path}; ask the site for its signing.pub.") from error
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"The file {path} is not a public key in PEM form.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(f"The public key {path} is not an Ed25519 key.")
    return key


def public_key_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key's 32 bytes, in groups of four that can be read out on the telephone."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    digest = hashlib.sha256(raw).hexdigest()
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def _find(paths: Paths, name: str) -> Path:
    places = [directory / name for directory in (paths.credentials, paths.keys) if directory]
    for path in places:
        try:
            if path.is_file():
                return path
        except PermissionError:
            continue
    raise KeyMissing(f"The key {places[-1]} is missing; run `veilsight setup` on a new site, or put its copy back.")


def _read_secret(paths: Paths, path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"The key {path} can't be read ({error.strerror}); run this as its owner.") from error
    # The service manager guards its own directory; what lies in ours must be closed to others.
    if paths.credentials not in path.parents and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnusable(f"Others can read the key {path}; run `chmod 600 {path}` and consider the key known.")
    return content


def _write_new(paths: Paths, name: str, content: bytes, mode: int) -> None:
    """Write a key file whole or not at all; never over one that is there."""
    paths.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = paths.keys / name
    partial = paths.keys / f".{name}.{secrets.token_hex(4)}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link fails where the name is taken, which a rename would not.
        os.link(partial, target)
    finally:
        partial.unlink()
