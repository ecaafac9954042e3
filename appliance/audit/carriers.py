"""How something gets to a destination: as a file in a folder, or by POST over https. Only `audit.egress` calls this."""

import http.client
import os
import secrets
import socket
import ssl
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from appliance.settings import Destination

CONTENT_TYPES = MappingProxyType({".json": "application/json", ".pdf": "application/pdf"})
# For connecting, and for each read and write after that.
HTTPS_SECONDS = 15.0


class NotTaken(Exception):
    """The destination did not take it; the text says why, without the address, which may hold a token."""


def carry(destination: Destination, name: str, payload: bytes) -> None:
    """Bring `payload` to the destination under `name`. Raises `NotTaken`."""
    if not name.isprintable() or '"' in name or "\\" in name or Path(name).name != name:
        raise NotTaken(f"{name!r} is not a plain file name")
    try:
        if destination.folder is not None:
            _put_into_folder(destination.folder, name, payload)
        else:
            _post(destination, name, payload)
    except TimeoutError as error:
        raise NotTaken(f"no answer within {HTTPS_SECONDS:g} s") from error
    except ssl.SSLError as error:
        raise NotTaken(f"its certificate or its TLS is not accepted: {error.reason or error.strerror}") from error
    except socket.gaierror as error:
        raise NotTaken(f"its name is not found: {error.strerror}") from error
    except OSError as error:
        raise NotTaken(str(error.strerror or error)) from error
    except http.client.HTTPException as error:
        raise NotTaken(f"it does not answer as a web server does: {type(error).__name__}") from error


def _put_into_folder(folder: Path, name: str, payload: bytes) -> None:
    """Write the file whole, or not at all; the folder must be there, so that an absent mount is noticed."""
    partial = folder / f".{name}.{secrets.token_hex(4)}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / name)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _post(destination: Destination, name: str, payload: bytes) -> None:
    """One POST request. Neither a redirection nor a proxy is followed: both would lead to who is not named."""
    parts = urlsplit(destination.url)
    context = ssl.create_default_context(cafile=destination.authority)
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port or 443, timeout=HTTPS_SECONDS, context=context
    )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "Content-Type": CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream"),
        "Content-Disposition": f'attachment; filename="{name}"',
        "User-Agent": "veilsight",
    }
    try:
        connection.request("POST", target, payload, headers)
        status = connection.getresponse().status
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise NotTaken(f"it answered {status}")
