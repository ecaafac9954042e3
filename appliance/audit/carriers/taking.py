"""What all ways to a destination share."""

import ctypes.util
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from appliance.destinations import Destination

CONTENT_TYPES = MappingProxyType({".json": "application/json", ".pdf": "application/pdf"})
# For connecting, and for each read and write after that.
SECONDS = 15.0


class NotTaken(Exception):
    """The destination did not take it; the text says why, without the address or the secret, and in one line."""


def content_type(name: str) -> str:
    return CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream")


def needed(secret: bytes | None, what: str) -> bytes:
    """Raises `NotTaken`."""
    if not secret:
        raise NotTaken(f"it has no {what} yet; give it one with `veilsight destination secret`")
    return secret


def tls_context(destination: Destination) -> ssl.SSLContext:
    """Certificates and names are checked, against the pinned authority where there is one. Raises `OSError`."""
    context = ssl.create_default_context(cafile=destination.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def is_pem(secret: bytes | None) -> bool:
    return bool(secret) and b"-----BEGIN " in (secret or b"")


@contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """A path to the content for libraries that read files alone; it is never on a disk (memfd_create(2))."""
    descriptor = os.memfd_create("veilsight", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextmanager
def importing_quietly() -> Iterator[None]:
    """While it holds, an imported library runs no program to find others (ctypes) and binds no socket to try IPv6.

    The courier starts no program and listens nowhere: its guard would refuse and record each attempt. asyncssh does
    without the C libraries that it looks for, and of requests nothing is used that connects.
    """
    found, ipv6 = ctypes.util.find_library, socket.has_ipv6
    ctypes.util.find_library, socket.has_ipv6 = _find_none, False
    try:
        yield
    finally:
        ctypes.util.find_library, socket.has_ipv6 = found, ipv6


def _find_none(name: str) -> str | None:  # noqa: ARG001 - as the one whose place it takes
    return None
