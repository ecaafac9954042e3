"""Who is at the terminal, and asking them for a password."""

import getpass
import os
import pwd
import sys

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
