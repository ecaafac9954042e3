"""Who is at the terminal, and asking them for a password."""

import functools
import getpass
import os
import pwd
import sys
from collections.abc import Callable

from appliance.errors import UsageError


def actor() -> str:
    """How the audit log names the system user behind a command; taken from the process, not its environment."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def read_password(from_standard_input: bool, what: str = "Password") -> str:
    """A password from the first line of standard input, or asked for twice on the terminal without showing it.

    It is never an argument: other users of the machine can read those. Raises `UsageError`.
    """
    try:
        if from_standard_input:
            return sys.stdin.readline().rstrip("\r\n")
        if not sys.stdin.isatty():
            raise UsageError("There is no terminal to ask for the password; use --password-stdin.")
        password = getpass.getpass(f"{what}: ")
        if getpass.getpass("Once more: ") != password:
            raise UsageError("The two passwords differ; nothing was changed.")
    except EOFError as error:
        raise UsageError("No password was given; nothing was changed.") from error
    except UnicodeDecodeError as error:
        raise UsageError("The password is not text in UTF-8; nothing was changed.") from error
    return password


def passphrase_asker(descriptor: int | None) -> Callable[[], str] | None:
    """How to ask for what opens the site: from the file descriptor, else at the terminal; None where there is neither.

    However often it is called, it asks once. The function raises `UsageError`.
    """
    if descriptor is not None:
        return functools.cache(lambda: read_line(descriptor))
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    return functools.cache(lambda: ask_secret("Passphrase or recovery code: "))


def read_line(descriptor: int) -> str:
    """The first line that can be read from the file descriptor, without what ends it. Raises `UsageError`.

    Byte by byte, so that what follows is left for others.
    """
    line = bytearray()
    try:
        while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
            line += byte
        return line.decode("utf-8").rstrip("\r")
    except OSError as error:
        raise UsageError(f"File descriptor {descriptor} can't be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"What file descriptor {descriptor} holds is not text in UTF-8.") from error


def new_passphrase(descriptor: int | None, what: str) -> str:
    """A new passphrase from the file descriptor, or asked for twice at the terminal. Raises `UsageError`."""
    if descriptor is not None:
        return read_line(descriptor)
    return read_password(False, what)


def ask_secret(prompt: str) -> str:
    """What a person types, without showing it. Raises `UsageError`."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask at; give a file descriptor to read from.")
    try:
        return getpass.getpass(prompt)
    except EOFError as error:
        raise UsageError("Nothing was typed; nothing was opened.") from error
