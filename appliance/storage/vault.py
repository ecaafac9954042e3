"""The vault: the site's keys, each wrapped, in one file beside the database.

    what opens it ──▶ root secret ──┬─▶ key of the database keys ──▶ SQLCipher's raw key
    (key file, credential,          ├─▶ key of the signing key  ──▶ Ed25519 private key
     passphrase, recovery code)     └─▶ the courier's key       ──▶ destinations' secrets (in the database)

Every arrow is AES-256-GCM (NIST SP 800-38D) or HKDF-SHA256 (RFC 5869); a passphrase goes through Argon2id (RFC 9106)
first. A program is handed the key of what it needs and no more: with the first the engine and the courier open the
database and can sign nothing; the third is the courier's alone. The file holds no secret that is not wrapped.
"""

import hashlib
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta

from appliance.errors import VeilsightError
from appliance.files import write_whole
from appliance.storage.recovery_code import make_recovery_code, read_recovery_code

KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
# RFC 9106's second recommendation, with its memory as the least that is accepted.
MEMORY_KIB = 64 * 1024
PASSES = 3
LANES = 4
SHORTEST_PASSPHRASE = 12
SIGNING_PURPOSE = "signing key"

Kind = Literal["key-file", "credential", "passphrase", "recovery-code"]
# How a site can be opened without a person's help from its recovery code.
Protection = Literal["key-file", "credential", "passphrase"]
# What the root secret's parts are for; also the names of the credentials that hold them.
Part = Literal["database-vault.key", "signing-vault.key", "courier-vault.key"]
DATABASE_PART: Part = "database-vault.key"
SIGNING_PART: Part = "signing-vault.key"
COURIER_PART: Part = "courier-vault.key"


class KeyMissing(VeilsightError):
    """A key is not where it should be."""


class KeyUnusable(VeilsightError):
    """A key is damaged, is not this site's, or others can read it."""


class PassphraseTooShort(KeyUnusable):
    """A passphrase that could be guessed."""

    exit_code = 2


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something encrypted and authenticated with AES-256-GCM."""

    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    ciphertext: bytes


class Wrapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The root secret, wrapped under one of the secrets that open the vault. Argon2id's cost is a passphrase's."""

    kind: Kind
    salt: bytes
    sealed: Sealed
    memory_kib: Annotated[int, Meta(ge=MEMORY_KIB, le=4 * 1024 * 1024)] = MEMORY_KIB
    passes: Annotated[int, Meta(ge=1, le=100)] = PASSES
    lanes: Annotated[int, Meta(ge=1, le=64)] = LANES


class SealedDatabaseKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identifier: str
    sealed: Sealed


class Vault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content. There are two database keys only while one is changed for the other, the newer one first."""

    wrappings: tuple[Wrapping, ...]
    database_keys: Annotated[tuple[SealedDatabaseKey, ...], Meta(min_length=1, max_length=2)]
    signing_key: Sealed
    format: Literal["veilsight-vault"] = "veilsight-vault"
    version: Literal[1] = 1

    @property
    def protection(self) -> Protection | None:
        """What opens the vault, apart from the recovery code."""
        for wrapping in self.wrappings:
            if wrapping.kind != "recovery-code":
                return wrapping.kind
        return None

    @property
    def has_recovery_code(self) -> bool:
        return any(wrapping.kind == "recovery-code" for wrapping in self.wrappings)


@dataclass(frozen=True)
class DatabaseKey:
    """SQLCipher's raw key: 256 random bits. Never shown."""

    raw: bytes = field(repr=False)

    @property
    def identifier(self) -> str:
        """Tells two keys apart without giving away anything of either."""
        return hashlib.blake2b(b"veilsight database key", key=self.raw, digest_size=16).hexdigest()


def new_secret() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(KEY_BYTES)


def new_vault(root: bytes, database_key: DatabaseKey, signing_key: bytes) -> Vault:
    """A vault that nothing opens yet; `signing_key` is the 32 bytes of an Ed25519 private key."""
    sealed = _seal(part_of(root, SIGNING_PART), signing_key, SIGNING_PURPOSE)
    return Vault((), (seal_database_key(part_of(root, DATABASE_PART), database_key),), sealed)


def with_signing_key(vault: Vault, part: bytes, signing_key: bytes) -> Vault:
    return msgspec.structs.replace(vault, signing_key=_seal(part, signing_key, SIGNING_PURPOSE))


def part_of(root: bytes, part: Part) -> bytes:
    """The key of the database keys, that of the signing key, or the courier's."""
    return _derive(root, b"", f"veilsight vault: {part}")


def seal_database_key(part: bytes, key: DatabaseKey) -> SealedDatabaseKey:
    return SealedDatabaseKey(key.identifier, _seal(part, key.raw, f"database key {key.identifier}"))


def database_keys(vault: Vault, part: bytes) -> tuple[DatabaseKey, ...]:
    """The database's key; two, the newer one first, where changing it was broken off. Raises `KeyUnusable`."""
    found = (_unseal(part, each.sealed, f"database key {each.identifier}") for each in vault.database_keys)
    return tuple(DatabaseKey(raw) for raw in found)


def signing_key(vault: Vault, part: bytes) -> bytes:
    """The 32 bytes of the Ed25519 private key. Raises `KeyUnusable`."""
    return _unseal(part, vault.signing_key, SIGNING_PURPOSE)


def seal_destination_secret(part: bytes, name: str, secret: bytes) -> Sealed:
    """What opens a destination, sealed under the courier's part."""
    return _seal(part, secret, f"secret of the destination {name}")


def open_destination_secret(part: bytes, name: str, sealed: Sealed) -> bytes:
    """Raises `KeyUnusable`."""
    return _unseal(part, sealed, f"secret of the destination {name}")


def with_secret(vault: Vault, root: bytes, kind: Kind, secret: bytes) -> Vault:
    """The vault as it is when this secret opens it; other ones of its kind no longer do.

    A passphrase, a key file and a credential take each other's place, the recovery code stays beside them.
    """
    recovery = kind == "recovery-code"
    kept = tuple(each for each in vault.wrappings if (each.kind == "recovery-code") != recovery)
    wrapping = Wrapping(kind, secrets.token_bytes(SALT_BYTES), Sealed(bytes(NONCE_BYTES), b""))
    sealed = _seal(_wrapping_key(wrapping, secret), root, f"root secret by {kind}")
    return msgspec.structs.replace(vault, wrappings=(*kept, msgspec.structs.replace(wrapping, sealed=sealed)))


def with_recovery_code(vault: Vault, root: bytes) -> tuple[Vault, str]:
    """The vault with a new recovery code, and the code; an earlier code no longer opens it."""
    code = make_recovery_code()
    secret = read_recovery_code(code)
    assert secret is not None  # noqa: S101 - a code that was just made
    return with_secret(vault, root, "recovery-code", secret), code


def open_with(vault: Vault, kind: Kind, secret: bytes) -> bytes:
    """The root secret. Raises `KeyUnusable` where this secret does not open the vault."""
    for wrapping in vault.wrappings:
        if wrapping.kind == kind:
            return _unseal(_wrapping_key(wrapping, secret), wrapping.sealed, f"root secret by {kind}")
    raise KeyUnusable(f"This site is not opened by a {kind.replace('-', ' ')}.")


def open_with_words(vault: Vault, text: str) -> bytes:
    """The root secret, by what a person typed: the passphrase or the recovery code. Raises `KeyUnusable`."""
    code = read_recovery_code(text)
    attempts: Sequence[tuple[Kind, bytes]] = [("passphrase", passphrase_bytes(text))]
    if code is not None and vault.has_recovery_code:
        attempts = [("recovery-code", code), *attempts]
    for kind, secret in attempts:
        try:
            return open_with(vault, kind, secret)
        except KeyUnusable:
            continue
    raise KeyUnusable("That is neither this site's passphrase nor its recovery code; nothing was opened.")


def check_passphrase(text: str) -> bytes:
    """Raises `PassphraseTooShort`."""
    if len(text) < SHORTEST_PASSPHRASE:
        raise PassphraseTooShort(f"A passphrase needs at least {SHORTEST_PASSPHRASE} characters; nothing was changed.")
    return passphrase_bytes(text)


def passphrase_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def read_vault(path: Path) -> Vault:
    """Raises `KeyMissing` and `KeyUnusable`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Vault)
    except FileNotFoundError as error:
        raise KeyMissing(
            f"The vault with the site's keys, {path}, is missing; run `veilsight setup` on a new site, "
            "else put its copy back or `veilsight db restore` a backup."
        ) from error
    except OSError as error:
        raise KeyUnusable(f"The vault {path} can't be read ({error.strerror}); run this as its owner.") from error
    except msgspec.DecodeError as error:
        raise KeyUnusable(
            f"The vault {path} is damaged, or of a newer version; put its copy back or `veilsight db restore` a backup."
        ) from error


def write_vault(path: Path, vault: Vault) -> None:
    """Write it whole; those who may write beside it may read it, nobody else. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shared = path.parent.stat().st_mode & stat.S_IWGRP
    write_whole(path, msgspec.json.format(msgspec.json.encode(vault), indent=1) + b"\n", 0o640 if shared else 0o600)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _wrapping_key(wrapping: Wrapping, secret: bytes) -> bytes:
    if wrapping.kind != "passphrase":
        return _derive(secret, wrapping.salt, f"veilsight vault: wrapped by {wrapping.kind}")
    return hash_secret_raw(
        secret, wrapping.salt, wrapping.passes, wrapping.memory_kib, wrapping.lanes, KEY_BYTES, Type.ID
    )


def _derive(secret: bytes, salt: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt, purpose.encode("ascii")).derive(secret)


def _seal(key: bytes, content: bytes, purpose: str) -> Sealed:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Sealed(nonce, AESGCM(key).encrypt(nonce, content, purpose.encode("ascii")))


def _unseal(key: bytes, sealed: Sealed, purpose: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, purpose.encode("utf-8"))
    except InvalidTag as error:
        raise KeyUnusable(
            "The key does not open the site's vault: it is another site's, or one of them changed."
        ) from error
