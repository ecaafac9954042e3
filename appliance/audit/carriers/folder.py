"""A file in a folder: a USB stick, or a share that the system has mounted."""

import os
import secrets
from pathlib import Path

from appliance.audit.carriers.taking import NotTaken
from appliance.destinations import Destination


def put(destination: Destination, name: str, payload: bytes) -> None:
    """Write the file whole, or not at all; the folder must be there. Raises `NotTaken` and `OSError`."""
    assert destination.folder is not None  # noqa: S101 - its kind says so
    if destination.mount_point is not None and not destination.mount_point.is_mount():
        raise _absent(destination.mount_point)
    folder = os.open(destination.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if destination.mount_point is not None:
            _check_mounted(destination.mount_point, folder)
        _write(folder, name, payload)
    finally:
        os.close(folder)


def _check_mounted(mount_point: Path, folder: int) -> None:
    """Whether the open folder is on what is mounted; it stays so, even if that is unmounted now."""
    if os.fstat(folder).st_dev != mount_point.stat().st_dev or not mount_point.is_mount():
        raise _absent(mount_point)


def _absent(mount_point: Path) -> NotTaken:
    return NotTaken(f"nothing is mounted at {mount_point}; plug it in or mount it, it is tried again")


def _write(folder: int, name: str, payload: bytes) -> None:
    partial = f".{name}.{secrets.token_hex(4)}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        _remove(partial, folder)
        raise


def _remove(partial: str, folder: int) -> None:
    try:
        os.unlink(partial, dir_fd=folder)
    except FileNotFoundError:
        return
