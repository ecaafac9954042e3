"""The keys of sites that were set up before there was a vault: two files in the clear, for their owner only.

`veilsight setup` takes them over into the vault and removes them; until then the site opens with them.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.settings import Paths
from appliance.storage.secret_file import read_secret_file
from appliance.storage.vault import KEY_BYTES, DatabaseKey, KeyUnusable

DATABASE_KEY = "database.key"
SIGNING_KEY = "signing.key"


def find(paths: Paths, name: str) -> Path | None:
    """Where the key lies: in the service manager's directory or in the site's; None where it is in neither."""
    places = [directory / name for directory in (paths.credentials, paths.keys) if directory]
    for path in places:
        try:
            if path.is_file():
                return path
        except PermissionError:
            continue
    return None


def load_database_key(paths: Paths) -> DatabaseKey | None:
    """None where there is none. Raises `KeyUnusable`."""
    path = find(paths, DATABASE_KEY)
    if path is None:
        return None
    try:
        raw = bytes.fromhex(read_secret_file(path, paths.credentials).decode())
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise KeyUnusable(f"The database key {path} is damaged; put its copy back.")
    return DatabaseKey(raw)


def load_signing_key(paths: Paths) -> Ed25519PrivateKey | None:
    """None where there is none. Raises `KeyUnusable`."""
    path = find(paths, SIGNING_KEY)
    if path is None:
        return None
    try:
        key = serialization.load_pem_private_key(read_secret_file(path, paths.credentials), password=None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"The site's signing key {path} is damaged; put its copy back.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"The site's signing key {path} is not an Ed25519 key.")
    return key


def remove(paths: Paths) -> None:
    """Remove the two files, after the vault was found to hold the same keys. Raises `OSError`."""
    for name in (DATABASE_KEY, SIGNING_KEY):
        (paths.keys / name).unlink(missing_ok=True)
