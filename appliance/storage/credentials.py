"""Secrets in systemd's encrypted credentials (systemd-creds(1)): sealed to the machine's TPM where it has one, else
encrypted with a key of this machine that only root can read.

The service manager decrypts them for a program's start (`LoadCredentialEncrypted=`). A command that root runs at a
terminal asks `systemd-creds` itself; what is secret goes through its standard input and output.
"""

import base64
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from appliance.files import write_whole
from appliance.storage.vault import KeyUnusable

SUFFIX = ".cred"
WAIT_SECONDS = 60.0

Sealing = Literal["tpm", "host", "unknown"]
# The identifiers with which a credential begins (creds-util.h of systemd): the TPM, the TPM and the machine's key, and
# that key alone.
KINDS: Mapping[str, Sealing] = MappingProxyType(
    {
        "0c7cc07b117645919c4b0bea08bc20fe": "tpm",
        "93a894094874449090caf2fc93cab553": "tpm",
        "5a1c6a86df9d4096b1d5a65e0862f19a": "host",
    }
)


def seal_credential(folder: Path, name: str, secret: bytes, options: Sequence[str] = ("--with-key=auto",)) -> None:
    """Write `NAME.cred`, which the service manager hands to a program as the file `NAME`. Raises `KeyUnusable`."""
    sealed = _run(["systemd-creds", *options, f"--name={name}", "encrypt", "-", "-"], secret, "made")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(folder / (name + SUFFIX), sealed, 0o600)


def open_credential(folder: Path, name: str, options: Sequence[str] = ()) -> bytes:
    """The secret in `NAME.cred`. Raises `KeyUnusable`."""
    path = folder / (name + SUFFIX)
    try:
        sealed = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"The credential {path} can't be read ({error.strerror}); run this as root.") from error
    return _run(["systemd-creds", *options, f"--name={name}", "decrypt", "-", "-"], sealed, "opened")


def sealed_with(folder: Path, name: str) -> Sealing:
    """With what `NAME.cred` is sealed, as its header says. Raises `KeyUnusable`."""
    path = folder / (name + SUFFIX)
    try:
        header = base64.b64decode(path.read_bytes())[:16].hex()
    except (OSError, ValueError) as error:
        raise KeyUnusable(f"The credential {path} can't be read; run this as root.") from error
    return KINDS.get(header, "unknown")


def _run(command: Sequence[str], content: bytes, done: str) -> bytes:
    try:
        outcome = subprocess.run(command, input=content, capture_output=True, check=True, timeout=WAIT_SECONDS)
    except FileNotFoundError as error:
        raise KeyUnusable(
            "There is no systemd-creds here (systemd 250 or newer); choose another protection."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise KeyUnusable(f"The credential was not {done} within {WAIT_SECONDS:g} s; is the TPM well?") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()
        raise KeyUnusable(
            f"The credential could not be {done} ({reason[-1] if reason else error.returncode}); run this as root, "
            "on the machine it was made on."
        ) from error
    return outcome.stdout
