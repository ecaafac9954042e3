"""What the doctor asks of the machine beneath: its clock, its disk, where its updates come from."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

BLOCK_DEVICES = Path("/sys/dev/block")
PACKAGE = "veilsight"
# As systemd judges it: a clock whose error may be larger was not set by a time server for long (timedate.c).
LARGEST_ERROR = 16_000_000
# struct timex of adjtimex(2) on 64-bit Linux: where maxerror stands, and more bytes than it has.
TIMEX_BYTES, MAXERROR_AT = 512, 24
COMMAND_SECONDS = 30.0


def clock_is_synchronised() -> bool | None:
    """Whether something on this machine keeps its clock by a time server (adjtimex(2)); None where it can't be told."""
    state = ctypes.create_string_buffer(TIMEX_BYTES)
    if ctypes.sizeof(ctypes.c_long) != 8 or ctypes.CDLL(None).adjtimex(state) < 0:
        return None
    return ctypes.c_long.from_buffer(state, MAXERROR_AT).value < LARGEST_ERROR


def disk_is_encrypted(folder: Path, block_devices: Path = BLOCK_DEVICES) -> bool | None:
    """Whether every disk under this folder lies below dm-crypt; None where its file system has no device of its own."""
    return device_is_encrypted(folder.stat().st_dev, block_devices)


def device_is_encrypted(device: int, block_devices: Path = BLOCK_DEVICES) -> bool | None:
    """Whether all of a block device, by its number, lies below dm-crypt; None where there is no such device."""
    block = block_devices / f"{os.major(device)}:{os.minor(device)}"
    return all(_ways_down(block)) if block.exists() else None


def _ways_down(block: Path) -> Iterator[bool]:
    """For each disk that the block device lies on, whether there is dm-crypt on the way down to it."""
    try:
        encrypted = (block / "dm" / "uuid").read_text(encoding="ascii").startswith("CRYPT-")
    except OSError:
        encrypted = False
    below = sorted((block / "slaves").glob("*")) if (block / "slaves").is_dir() else []
    if encrypted or not below:
        yield encrypted
        return
    for each in below:
        yield from _ways_down(each)


def update_source() -> str | None:
    """Where apt would take another version from; empty for nowhere, None where it is no installed package."""
    shown = _output("apt-cache", "policy", PACKAGE)
    if shown is None or "Installed: (none)" in shown or "Installed:" not in shown:
        return None
    return source_in(shown)


def source_in(policy: str) -> str:
    """The first source in what `apt-cache policy` prints that is not what is installed already; empty where none is."""
    for line in policy.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0].isdigit() and words[1] != "/var/lib/dpkg/status":
            return " ".join(words[1:3])
    return ""


def updates_itself() -> bool | None:
    """Whether Debian's security updates install themselves; None where there is no apt."""
    shown = _output("apt-config", "dump", "APT::Periodic::Unattended-Upgrade")
    return None if shown is None else '"1"' in shown


def _output(*command: str) -> str | None:
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=COMMAND_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
