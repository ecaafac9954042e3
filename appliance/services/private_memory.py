"""Keeps what a program holds in memory, such as keys, passwords and frames, from being written to a disk.

No core dump is made, and no other process of the same user can read this one's memory (prctl(2), PR_SET_DUMPABLE).
Swapping is switched off for the three services by their units (`MemorySwapMax=0`); `veilsight doctor` says where else
memory could reach a disk.
"""

import ctypes
import os
import resource
from pathlib import Path

PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """For the rest of this process and its children. Raises `OSError` where the kernel refuses."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def plain_swaps(swaps: Path = Path("/proc/swaps")) -> tuple[str, ...]:
    """The places that memory is swapped to, other than compressed memory; not whether they are encrypted."""
    try:
        lines = swaps.read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return ()
    return tuple(name for line in lines if not (name := line.split()[0]).startswith("/dev/zram"))
