"""What devices compiled, kept on disk so that a second start compiles nothing.

OpenVINO has such a cache, but it takes a network back without a look at its weights. Here each file begins with the
SHA-256 of the rest, and what does not match is compiled anew: a network is checked each time it is loaded, in this form
too. That finds damage, not an attacker who may write here as the engine itself.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import rfc8785

from appliance.files import write_whole

SUFFIX = ".compiled"
# Each network, size and choice is a file of some megabytes; the oldest go.
MOST_FILES = 64

logger = logging.getLogger(__name__)


class CompiledCache:
    """A directory of compiled networks; without one, or where it can't be written, nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def read(self, key: Mapping[str, str]) -> bytes | None:
        """What was kept under this key, if it is still what it was."""
        if self._directory is None:
            return None
        with suppress(OSError):
            content = self._path(self._directory, key).read_bytes()
            compiled = memoryview(content)[32:]
            if hashlib.sha256(compiled).digest() == content[:32]:
                return bytes(compiled)
        return None

    def write(self, key: Mapping[str, str], export: Callable[[], bytes]) -> None:
        """Keep what `export` gives; it is not asked where nothing is kept."""
        if self._directory is None:
            return
        compiled = export()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            # The group may read it, so that the redactor, a program of another user, need not compile.
            write_whole(self._path(self._directory, key), hashlib.sha256(compiled).digest() + compiled, mode=0o640)
            files = sorted(self._directory.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
            for path in files[:-MOST_FILES]:
                path.unlink(missing_ok=True)
        except OSError as error:
            # Everything works without it, a little later.
            logger.warning("A compiled network can't be kept in %s (%s).", self._directory, error.strerror)

    def _path(self, directory: Path, key: Mapping[str, str]) -> Path:
        return directory / (hashlib.sha256(rfc8785.dumps(dict(key))).hexdigest()[:32] + SUFFIX)
