"""The site's two keys, out of the vault: one that encrypts the database, one that signs checkpoints and reports.

A program is handed what it needs of the vault by its parent process or by the service manager (systemd.exec(5),
`LoadCredentialEncrypted=`). A command opens the vault as the vault says: with the key file, with root's credential, or
with the passphrase that a person types. Whoever has lost that uses the recovery code with `veilsight db protect`.
"""

import hashlib
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.files import write_whole
from appliance.settings import Paths
from appliance.storage import credentials, legacy_keys, vault
from appliance.storage.secret_file import read_secret_file, write_new_file
from appliance.storage.vault import (
    COURIER_PART,
    DATABASE_PART,
    SIGNING_PART,
    DatabaseKey,
    KeyMissing,
    KeyUnusable,
    Part,
    Protection,
    Vault,
)

__all__ = ["DatabaseKey", "KeyMissing", "KeyUnusable"]

KEY_FILE = "vault.key"
# While the vault is changed over to a new key file, the new one lies here.
NEXT_KEY_FILE = "vault.key.new"
PUBLIC_KEY = "signing.pub"
PARTS: tuple[Part, ...] = (DATABASE_PART, SIGNING_PART, COURIER_PART)


def create_vault(
    paths: Paths,
    protection: Protection = "key-file",
    passphrase: str = "",
    signing: Ed25519PrivateKey | None = None,
) -> None:
    """Make the site's keys, or take over those of an earlier version, and keep them wrapped.

    `signing` is the signing key to use. A vault that is there is never written over.
    Raises `FileExistsError`, `KeyUnusable` and `OSError`.
    """
    if paths.vault.exists():
        raise FileExistsError(paths.vault)
    root = vault.new_secret()
    database = legacy_keys.load_database_key(paths) or DatabaseKey(vault.new_secret())
    signing = signing or legacy_keys.load_signing_key(paths) or Ed25519PrivateKey.generate()
    public = public_key_pem(signing.public_key())
    if _find(paths, PUBLIC_KEY) is None:
        write_new_file(paths.keys / PUBLIC_KEY, public, 0o644)
    protect(paths, vault.new_vault(root, database, signing.private_bytes_raw()), root, protection, passphrase)


def protect(paths: Paths, content: Vault, root: bytes, protection: Protection, passphrase: str = "") -> None:
    """From now on the vault is opened in this way and by its recovery code, and in no other.

    What opens it lies on the disk before the vault asks for it; what no longer opens it is removed after that.
    Raises `KeyUnusable` and `OSError`.
    """
    # The credential holds the root secret itself, so that sealing it anew at no moment leaves one that does not open.
    secret = root
    if protection == "passphrase":
        secret = vault.check_passphrase(passphrase)
    elif protection == "credential":
        for part in PARTS:
            credentials.seal_credential(paths.keys, part, vault.part_of(root, part).hex().encode())
        credentials.seal_credential(paths.keys, KEY_FILE, root.hex().encode())
    else:
        secret = vault.new_secret()
        (paths.keys / NEXT_KEY_FILE).unlink(missing_ok=True)
        write_new_file(paths.keys / NEXT_KEY_FILE, secret.hex().encode() + b"\n", 0o600)
    vault.write_vault(paths.vault, vault.with_secret(content, root, protection, secret))
    if protection == "key-file":
        (paths.keys / NEXT_KEY_FILE).replace(paths.keys / KEY_FILE)
    else:
        (paths.keys / KEY_FILE).unlink(missing_ok=True)
    if protection != "credential":
        for name in (*PARTS, KEY_FILE):
            (paths.keys / (name + credentials.SUFFIX)).unlink(missing_ok=True)


def ensure_public_key(paths: Paths) -> None:
    """Put the public key beside the vault again where it is missing. Raises as `load_signing_key`, and `OSError`."""
    if _find(paths, PUBLIC_KEY) is None:
        write_new_file(paths.keys / PUBLIC_KEY, public_key_pem(load_signing_key(paths).public_key()), 0o644)


def ensure_credentials(paths: Paths) -> None:
    """Seal what a newer version hands to a program and an older one did not. Raises as `root_secret`, and `OSError`."""
    content = vault.read_vault(paths.vault)
    missing = [part for part in PARTS if not (paths.keys / (part + credentials.SUFFIX)).exists()]
    if content.protection == "credential" and paths.credentials is None and missing:
        root = root_secret(paths, content)
        for part in missing:
            credentials.seal_credential(paths.keys, part, vault.part_of(root, part).hex().encode())


def replace_signing_key(paths: Paths, signing: Ed25519PrivateKey) -> None:
    """Let the vault hold this signing key, as a restored log needs the key that it was signed with.

    Raises as `load_signing_key`, and `OSError`.
    """
    content = vault.read_vault(paths.vault)
    part = _part(paths, content, SIGNING_PART)
    vault.write_vault(paths.vault, vault.with_signing_key(content, part, signing.private_bytes_raw()))
    write_whole(paths.keys / PUBLIC_KEY, public_key_pem(signing.public_key()), 0o644)


def renew_recovery_code(paths: Paths) -> str:
    """A new recovery code, to be shown once; an earlier one no longer opens the vault. Raises as `root_secret`."""
    content = vault.read_vault(paths.vault)
    changed, code = vault.with_recovery_code(content, root_secret(paths, content))
    vault.write_vault(paths.vault, changed)
    return code


def load_database_key(paths: Paths) -> DatabaseKey:
    """The database's key, the newer one where there are two. Raises `KeyMissing` and `KeyUnusable`."""
    return load_database_keys(paths)[0]


def load_database_keys(paths: Paths) -> tuple[DatabaseKey, ...]:
    """The database's key; two, the newer one first, where changing it was broken off.

    Raises `KeyMissing` and `KeyUnusable`.
    """
    if not paths.vault.exists() and (old := legacy_keys.load_database_key(paths)) is not None:
        return (old,)
    content = vault.read_vault(paths.vault)
    return vault.database_keys(content, _part(paths, content, DATABASE_PART))


def open_database_part(paths: Paths) -> tuple[Vault, bytes]:
    """The vault, and what opens its database keys. Raises `KeyMissing` and `KeyUnusable`."""
    content = vault.read_vault(paths.vault)
    return content, _part(paths, content, DATABASE_PART)


def load_signing_key(paths: Paths) -> Ed25519PrivateKey:
    """The site's Ed25519 key (RFC 8032). Raises `KeyMissing` and `KeyUnusable`."""
    if not paths.vault.exists() and (old := legacy_keys.load_signing_key(paths)) is not None:
        return old
    content = vault.read_vault(paths.vault)
    raw = vault.signing_key(content, _part(paths, content, SIGNING_PART))
    return Ed25519PrivateKey.from_private_bytes(raw)


def load_courier_part(paths: Paths) -> bytes:
    """What opens the destinations' secrets. Raises `KeyMissing` and `KeyUnusable`."""
    return _part(paths, vault.read_vault(paths.vault), COURIER_PART)


def load_parts(paths: Paths) -> dict[Part, bytes]:
    """What the programs are handed, each its own. Raises `KeyMissing` and `KeyUnusable`."""
    content = vault.read_vault(paths.vault)
    root = root_secret(paths, content)
    return {part: vault.part_of(root, part) for part in PARTS}


def root_secret(paths: Paths, content: Vault) -> bytes:
    """Open the vault in the way that it says. Raises `KeyMissing` and `KeyUnusable`."""
    if content.protection == "credential":
        secret = _from_hex(credentials.open_credential(paths.keys, KEY_FILE), paths.keys / KEY_FILE)
        return vault.open_with(content, "credential", secret)
    if content.protection == "passphrase":
        if paths.unlocking.ask is None:
            raise KeyMissing("This site is opened by a passphrase, and there is nobody here to ask for it.")
        return vault.open_with_words(content, paths.unlocking.ask())
    return _open_with_key_file(paths, content)


def load_public_key(paths: Paths) -> Ed25519PublicKey:
    """The public part of the site's signing key. Raises `KeyMissing` and `KeyUnusable`."""
    path = _find(paths, PUBLIC_KEY)
    if path is None:
        raise KeyMissing(
            f"The public key {paths.keys / PUBLIC_KEY} is missing; run `veilsight setup`, or put its copy back."
        )
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


def _part(paths: Paths, content: Vault, part: Part) -> bytes:
    """What opens a part of the vault: handed to this program, or worked out from the root secret."""
    handed = paths.unlocking.handed.get(part)
    if handed is not None:
        return handed
    path = _find(paths, part)
    if path is not None:
        return _from_hex(read_secret_file(path, paths.credentials), path)
    if paths.credentials is not None and content.protection == "credential":
        raise KeyMissing(f"This program was not handed {part}: it has no use for that key, or its unit is out of date.")
    return vault.part_of(root_secret(paths, content), part)


def _open_with_key_file(paths: Paths, content: Vault) -> bytes:
    present = [path for name in (KEY_FILE, NEXT_KEY_FILE) if (path := paths.keys / name).is_file()]
    if not present:
        raise KeyMissing(
            f"The key file {paths.keys / KEY_FILE} is missing; put its copy back, or make a new one from the recovery "
            "code with `veilsight db protect key-file --recover`."
        )
    for path in present[:-1]:
        try:
            return vault.open_with(content, "key-file", _from_hex(read_secret_file(path), path))
        except KeyUnusable:
            continue
    return vault.open_with(content, "key-file", _from_hex(read_secret_file(present[-1]), present[-1]))


def _from_hex(text: bytes, path: Path) -> bytes:
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != vault.KEY_BYTES:
        raise KeyUnusable(f"The key {path} is damaged; put its copy back.")
    return secret


def _find(paths: Paths, name: str) -> Path | None:
    return legacy_keys.find(paths, name)
