"""Tries what a program's unit is to deny, in that unit's place, and prints what came of each as one JSON object.

Runs with Debian's own Python under the restrictions of a unit of ours; `test_denials.py` says what must come of it. A
result is `allowed`, or the name of the error. Arguments: what to try, instead of all.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

STATE = "/var/lib/veilsight"
# An address of the test's own where something listens, beyond every private network.
FAR = ("198.51.100.1", 4711)
NEAR = ("127.0.0.1", 4712)
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000
SECONDS = 5.0

library = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    """A function of the C library; raises `OSError` where it fails."""
    if getattr(library, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def write(path: str) -> None:
    Path(path).write_text("x", encoding="ascii")
    Path(path).unlink()


def look(path: str) -> None:
    """At what a folder holds."""
    list(Path(path).iterdir())


def open_socket(family: int, kind: int = socket.SOCK_STREAM) -> None:
    socket.socket(family, kind).close()


def connect(address: tuple[str, int]) -> None:
    with socket.socket() as client:
        client.settimeout(SECONDS)
        client.connect(address)


def send(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", address)


def bind(port: int, kind: int = socket.SOCK_STREAM) -> None:
    with socket.socket(socket.AF_INET, kind) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError as error:
            # Somebody else has it, so that it was not denied.
            if error.errno != errno.EADDRINUSE:
                raise


def listen() -> None:
    with socket.create_server(("127.0.0.1", 4714)):
        pass


def writable_code() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def make_setuid() -> None:
    path = Path(tempfile.gettempdir(), "veilsight-probe")
    path.touch()
    try:
        path.chmod(0o4755)
    finally:
        path.unlink()


def make_device() -> None:
    os.mknod(f"{tempfile.gettempdir()}/veilsight-device", 0o600 | 0o020000, os.makedev(1, 1))


def real_time() -> None:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def see_others() -> None:
    """Allowed where any process of another user is seen."""
    if any(each.name.isdigit() and each.stat().st_uid != os.getuid() for each in Path("/proc").iterdir()):
        return
    raise PermissionError(errno.EACCES, "nobody else is seen")


def swap() -> None:
    """Allowed where memory may be swapped."""
    group = Path("/proc/self/cgroup").read_text(encoding="ascii").strip().rpartition("::")[2]
    if Path(f"/sys/fs/cgroup{group}/memory.swap.max").read_text(encoding="ascii").strip() == "0":
        raise PermissionError(errno.EACCES, "no swap")


def dump_core() -> None:
    if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0):
        raise PermissionError(errno.EACCES, "no core dump")


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write /usr": lambda: write("/usr/veilsight-probe"),
    "write /etc": lambda: write("/etc/veilsight/veilsight-probe"),
    "write program": lambda: write("/opt/veilsight/veilsight-probe"),
    "write state": lambda: write(f"{STATE}/database/veilsight-probe"),
    "write run": lambda: write("/run/veilsight/veilsight-probe"),
    "write kernel settings": lambda: write("/proc/sys/kernel/veilsight-probe"),
    "write destinations": lambda: write("/srv/reports/veilsight-probe"),
    "read home": lambda: look("/root"),
    "read keys": lambda: look(f"{STATE}/keys"),
    "read certificate's key": lambda: look(f"{STATE}/tls"),
    "read reports": lambda: look(f"{STATE}/reports"),
    "read backups": lambda: look(f"{STATE}/backups"),
    "read outbox": lambda: look(f"{STATE}/outbox"),
    "read database": lambda: look(f"{STATE}/database"),
    "read compiled": lambda: look(f"{STATE}/compiled"),
    "see sockets": lambda: Path("/run/veilsight/live.sock").stat(),
    "see other processes": see_others,
    "open memory": lambda: os.open("/dev/mem", os.O_RDONLY),
    "open kernel log": lambda: os.open("/dev/kmsg", os.O_RDONLY),
    "make a device": make_device,
    "connect far": lambda: connect(FAR),
    "send far": lambda: send(FAR),
    "connect to this machine": lambda: connect(NEAR),
    "bind TCP": lambda: bind(4713),
    "bind UDP": lambda: bind(4713, socket.SOCK_DGRAM),
    "bind page's port": lambda: bind(8443),
    "listen": listen,
    "socket inet": lambda: open_socket(socket.AF_INET),
    "socket unix": lambda: open_socket(socket.AF_UNIX),
    "socket netlink": lambda: open_socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "socket packet": lambda: open_socket(socket.AF_PACKET, socket.SOCK_RAW),
    "user namespace": lambda: call("unshare", CLONE_NEWUSER),
    "mount namespace": lambda: call("unshare", CLONE_NEWNS),
    "mount": lambda: call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None),
    "become root": lambda: os.setuid(0),
    "set-user-id file": make_setuid,
    "host name": lambda: call("sethostname", b"x", 1),
    "clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "real time": real_time,
    "personality": lambda: call("personality", 0x0008),
    "trace": lambda: call("ptrace", 16, 1, None, None),
    "reboot": lambda: call("syscall", 169, 0, 0, 0, None),
    "load a module": lambda: call("syscall", 313, -1, b"", 0),
    "kernel programs": lambda: call("syscall", 321, 0, None, 0),
    "writable code": writable_code,
    "core dump": dump_core,
    "swap": swap,
}


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "allowed"


if __name__ == "__main__":
    chosen = sys.argv[1:] or ATTEMPTS
    json.dump({name: outcome(ATTEMPTS[name]) for name in chosen}, sys.stdout)
