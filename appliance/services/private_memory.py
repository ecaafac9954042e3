"""Keeps what a program holds in memory, such as keys, passwords and frames, from being written to a disk.

No core dump is made, and no other process of the same user can read this one's memory (prctl(2), PR_SET_DUMPABLE).
Swapping is switched off for the services by their units (`MemorySwapMax=0`). At a terminal the programs lock their
memory (mlockall(2)) where they may lock any amount, as root may; others may lock some mebibytes, which is no use, and
`veilsight doctor` tells of swap space that is not encrypted.
"""

import ctypes
import os
import resource
import stat
from pathlib import Path

from appliance.services import machine

PR_SET_DUMPABLE = 4
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
CAP_IPC_LOCK = 14
STATUS = Path("/proc/self/status")


def keep_memory_private() -> None:
    """For the rest of this process and its children. Raises `OSError` where the kernel refuses."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def lock_memory() -> bool:
    """Keep what this process uses in memory, now and later, out of swap space; whether that was allowed."""
    # With a limit, a later request for memory would fail where it is exceeded.
    if not _may_lock_all():
        return False
    library = ctypes.CDLL(None, use_errno=True)
    # On fault: what is reserved and never used takes no memory.
    return not library.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)


def _may_lock_all() -> bool:
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        return True
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    rights = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(rights, 16) >> CAP_IPC_LOCK & 1)


def plain_swaps(swaps: Path = Path("/proc/swaps"), block_devices: Path = machine.BLOCK_DEVICES) -> tuple[str, ...]:
    """The disks and files that memory is swapped to without encryption, as far as can be told."""
    try:
        lines = swaps.read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return ()
    names = [line.split()[0] for line in lines]
    return tuple(
        name for name in names if not name.startswith("/dev/zram") and not _is_encrypted(Path(name), block_devices)
    )


def _is_encrypted(place: Path, block_devices: Path) -> bool:
    try:
        found = place.stat()
    except OSError:
        return False
    device = found.st_rdev if stat.S_ISBLK(found.st_mode) else found.st_dev
    return machine.device_is_encrypted(device, block_devices) is True
