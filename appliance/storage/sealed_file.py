"""A temporary file that nobody can read: random access, AES-256-GCM, under a key that lies in memory alone.

The file has no name (O_TMPFILE), so it is gone with the process that made it, however that ends; and whoever reads the
disk afterwards finds random bytes whose key was never written. Each block has a nonce of its own each time that it is
written, kept in memory, so that a block that was changed, moved or put back is refused.
"""

import io
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import VeilsightError

BLOCK_BYTES = 256 * 1024
TAG_BYTES = 16
NONCE_BYTES = 12
# Blocks in clear in memory at once: a decoder reads at one place, its second handle at another, and both look back.
MOST_BLOCKS = 16


class SealedFileUnusable(VeilsightError):
    """The temporary file can't be made, read or written."""


class SealedFile:
    """Bytes in a file without a name, in the folder given. Safe to use from several threads; close it to be rid of it.

    Raises `SealedFileUnusable`, as its handles do.
    """

    def __init__(self, folder: Path) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._lock = threading.Lock()
        self._size = 0
        self._nonces: dict[int, bytes] = {}
        self._written = 0
        self._blocks: OrderedDict[int, bytearray] = OrderedDict()
        self._changed: set[int] = set()
        try:
            self._file: io.FileIO | None = _unnamed(folder)
        except OSError as error:
            raise SealedFileUnusable(f"No temporary file can be made in {folder} ({error.strerror}).") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._size

    def close(self) -> None:
        """Forget the key and give up the file; what was in it can't be read any more."""
        with self._lock:
            file, self._file = self._file, None
            self._cipher = AESGCM(AESGCM.generate_key(256))
            self._blocks.clear()
            self._changed.clear()
            self._nonces.clear()
        if file is not None:
            file.close()

    def read_at(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from there on, fewer at the end."""
        with self._lock:
            self._need_file()
            end = min(self._size, offset + count)
            parts = []
            while offset < end:
                number, start = divmod(offset, BLOCK_BYTES)
                stop = min(BLOCK_BYTES, start + end - offset)
                parts.append(bytes(self._block(number)[start:stop]))
                offset += stop - start
            return b"".join(parts)

    def write_at(self, offset: int, content: bytes | memoryview) -> None:
        """Put the bytes there; what is left out before is zero."""
        content = memoryview(content).cast("B")
        with self._lock:
            self._need_file()
            done = 0
            while done < len(content):
                number, start = divmod(offset + done, BLOCK_BYTES)
                count = min(BLOCK_BYTES - start, len(content) - done)
                self._block(number)[start : start + count] = content[done : done + count]
                self._changed.add(number)
                done += count
            self._size = max(self._size, offset + len(content))

    def open(self) -> "SealedHandle":
        """A place in the file to read and write at, as of any binary file."""
        return SealedHandle(self)

    def _block(self, number: int) -> bytearray:
        """The block in clear; the one that was used the longest ago makes room for it."""
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self._read(number)
            while len(self._blocks) > MOST_BLOCKS:
                oldest, content = self._blocks.popitem(last=False)
                if oldest in self._changed:
                    self._write(oldest, content)
                    self._changed.discard(oldest)
        self._blocks.move_to_end(number)
        return block

    def _read(self, number: int) -> bytearray:
        nonce = self._nonces.get(number)
        if nonce is None:
            return bytearray(BLOCK_BYTES)
        try:
            sealed = os.pread(self._need_file(), BLOCK_BYTES + TAG_BYTES, number * (BLOCK_BYTES + TAG_BYTES))
            return bytearray(self._cipher.decrypt(nonce, sealed, _name(number)))
        except OSError as error:
            raise SealedFileUnusable(f"The temporary file can't be read ({error.strerror}).") from error
        except InvalidTag as error:
            raise SealedFileUnusable("The temporary file was changed by another program; begin anew.") from error

    def _write(self, number: int, content: bytearray) -> None:
        # A counter never repeats under the key, which is good for this one file.
        self._written += 1
        nonce = self._written.to_bytes(NONCE_BYTES, "big")
        sealed = memoryview(self._cipher.encrypt(nonce, bytes(content), _name(number)))
        place = number * (BLOCK_BYTES + TAG_BYTES)
        try:
            while sealed:
                count = os.pwrite(self._need_file(), sealed, place)
                sealed, place = sealed[count:], place + count
        except OSError as error:
            raise SealedFileUnusable(f"The temporary file can't be written ({error.strerror}).") from error
        self._nonces[number] = nonce

    def _need_file(self) -> int:
        if self._file is None:
            raise SealedFileUnusable("The temporary file is closed.")
        return self._file.fileno()


class SealedHandle(io.RawIOBase):
    """Reads and writes a `SealedFile` from a position of its own. Closing it leaves the file."""

    def __init__(self, file: SealedFile) -> None:
        self._sealed = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        count = max(0, self._sealed.size - self._position) if size is None or size < 0 else size
        content = self._sealed.read_at(self._position, count)
        self._position += len(content)
        return content

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer that can be written
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def write(self, content: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # as above
        self._sealed.write_at(self._position, memoryview(content))
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._sealed.size}[whence]
        if start + offset < 0:
            raise ValueError("There is nothing before the beginning of a file.")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position


def _unnamed(folder: Path) -> io.FileIO:
    """A file without a name; where the file system knows none, one whose name is taken away at once."""
    try:
        return io.FileIO(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), "r+b")
    except OSError:
        if not folder.is_dir():
            raise
    descriptor, name = tempfile.mkstemp(dir=folder)
    Path(name).unlink()
    return io.FileIO(descriptor, "r+b")


def _name(number: int) -> bytes:
    return number.to_bytes(8, "big")
