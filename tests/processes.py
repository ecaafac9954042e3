"""Processes that tests start."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """A process that has ended when the context has, however that ends: `Popen`'s own waits for ever."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            # Nothing happens to one that has ended.
            process.kill()
