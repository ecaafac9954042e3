"""A process that can't make a socket: the kernel ends it where it tries, in Python or in a library."""

import ctypes
import platform
import struct

# Numbers of socket(2) in the kernel's tables, and how the kernel calls the architecture (linux/audit.h).
SOCKET = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW = 0x80000000, 0x7FFF0000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid_sockets() -> None:
    """From here on socket(2) kills this process with SIGSYS (seccomp(2)); there is no way back.

    Raises `OSError` where the kernel does not do that.
    """
    number, architecture = SOCKET[platform.machine()]
    instructions = (
        (LOAD_WORD, 0, 0, 4),  # the architecture
        (JUMP_IF_EQUAL, 0, 3, architecture),
        (LOAD_WORD, 0, 0, 0),  # the call's number
        (JUMP_IF_EQUAL, 0, 1, number),
        (RETURN, 0, 0, SECCOMP_RET_KILL_PROCESS),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )
    packed = b"".join(struct.pack("HBBI", *each) for each in instructions)
    library = ctypes.CDLL(None, use_errno=True)
    program = Program(len(instructions), packed)
    if library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or library.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "no filter of system calls")
