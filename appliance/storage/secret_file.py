"""Files that hold a secret: readable by their owner only, written once."""

import os
import secrets
import stat
from pathlib import Path

from appliance.storage.vault import KeyUnusable


def read_secret_file(path: Path, guarded: Path | None = None) -> bytes:
    """The file's content; others must not be able to read it, unless it lies in the `guarded` directory.

    The service manager guards its own directory. Raises `KeyUnusable`.
    """
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"The key {path} can't be read ({error.strerror}); run this as its owner.") from error
    if guarded not in path.parents and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnusable(f"Others can read the key {path}; run `chmod 600 {path}` and consider the key known.")
    return content


def write_new_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole or not at all. Raises `FileExistsError` where there is one: it is never written over."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link fails where the name is taken, which a rename would not.
        os.link(partial, path)
    finally:
        partial.unlink()
