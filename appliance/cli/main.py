"""`veilsight`: parse the command line, call one function, print its result.

Exit codes: 0 fine, 1 failed, 2 wrong usage. Every failure that a user can mend is one sentence on standard error.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from appliance import __version__
from appliance.cli.terminal import passphrase_asker
from appliance.complaints import tell_on_standard_error
from appliance.errors import VeilsightError
from appliance.services.private_memory import keep_memory_private
from appliance.settings import Unlocking, find_paths

# In the order in which `veilsight --help` shows them. Each module has `register(commands)`.
COMMAND_GROUPS = (
    "demo",
    "run",
    "camera",
    "detect",
    "count",
    "redact",
    "report",
    "destination",
    "audit",
    "models",
    "devices",
    "db",
    "user",
    "token",
    "site",
    "doctor",
    "network_policy",
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="veilsight", description="Counts people and vehicles on a store's own cameras; keeps no picture of anyone."
    )
    parser.add_argument("--version", action="version", version=f"veilsight {__version__}")
    parser.add_argument("--state", type=Path, help="state directory (default: $VEILSIGHT_STATE or the XDG state home)")
    parser.add_argument(
        "--passphrase-fd",
        type=int,
        metavar="N",
        help="read the passphrase or recovery code that opens the site from file descriptor N; 0 is standard input",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in COMMAND_GROUPS:
        importlib.import_module(f"appliance.cli.{group}").register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Without `arguments` this is a process of its own, which keeps what it knows to itself."""
    if arguments is None:
        keep_memory_private()
    options = build_parser().parse_args(arguments)
    tell_on_standard_error()
    try:
        unlocking = Unlocking(ask=passphrase_asker(options.passphrase_fd))
        paths = replace(find_paths(os.environ, options.state), unlocking=unlocking)
        status: int = options.run(options, paths)
    except VeilsightError as error:
        print(f"veilsight: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("veilsight: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (such as `head`) has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
