"""`veilsight setup`, `run`, `engine`, `web` and `courier`: the appliance itself."""

import argparse
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.settings import Paths, Unlocking, load_settings

if TYPE_CHECKING:
    import socket

    from appliance.services.setup import FirstStart

# What a command does is imported where it does it: `veilsight detect` needs neither the database nor the page.


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    setup = commands.add_parser("setup", help="make keys, database, certificate and the first user; repeat at will")
    setup.add_argument(
        "--protect",
        choices=("key-file", "credential", "passphrase"),
        default="key-file",
        help="what opens a new site: a key file beside it (for trying out), a systemd credential, or a passphrase",
    )
    setup.add_argument("--no-recovery-code", action="store_true", help="make none now (veilsight db recovery-code)")
    setup.add_argument("--site-file", type=Path, metavar="FILE", help="set the site up as this file says, once")
    setup.set_defaults(run=run_setup)
    everything = commands.add_parser("run", help="engine, web and courier in the foreground")
    everything.set_defaults(run=run_everything)
    for program, summary in (
        ("engine", "watch the cameras and count"),
        ("web", "serve the page and build reports on time"),
        ("courier", "deliver signed reports"),
    ):
        command = commands.add_parser(program, help=f"{summary} (one of the three programs, for systemd)")
        # For `veilsight run`: standard input is a pipe that ends with the parent process.
        command.add_argument("--stop-with-parent", action="store_true", help=argparse.SUPPRESS)
        # Then the first line of that pipe is what the program needs of the site's vault.
        command.add_argument("--keys-from-parent", action="store_true", help=argparse.SUPPRESS)
        command.set_defaults(run=run_program, program=program)
    redactor = commands.add_parser("redactor", help="redact one file that was uploaded to the page (for systemd)")
    redactor.add_argument("--socket-fd", type=int, help=argparse.SUPPRESS)
    redactor.set_defaults(run=run_redactor)
    searcher = commands.add_parser("searcher", help="look for cameras for one who asks at the page (for systemd)")
    searcher.add_argument("--socket-fd", type=int, help=argparse.SUPPRESS)
    searcher.set_defaults(run=run_searcher)


def stop_on_signals() -> threading.Event:
    """An event that is set by the first interrupt or termination signal."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_setup(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.site import print_applied
    from appliance.cli.terminal import new_passphrase
    from appliance.services.setup import set_up
    from appliance.services.site_applying import write_settings
    from appliance.services.site_file import read_site_file

    passphrase = ""
    if options.protect == "passphrase" and not paths.vault.exists():
        passphrase = new_passphrase(options.passphrase_fd, "Passphrase that opens the site")
        paths = replace(paths, unlocking=Unlocking(ask=lambda: passphrase))
    file = None
    if options.site_file is not None:
        # Checked before anything is made.
        file = read_site_file(options.site_file)
        write_settings(file, paths)
    settings = load_settings(paths.settings_file)
    done = set_up(paths, settings, options.protect, passphrase, not options.no_recovery_code, file)
    print_first_start(done)
    if done.applied is not None:
        print_applied(done.applied)
    return 0


def print_first_start(first_start: "FirstStart") -> None:
    print(f"The page: {first_start.address}")
    if first_start.password:
        print(f"User: {first_start.user}   password: {first_start.password}   (shown this once)")
    if first_start.recovery_code:
        print(f"Recovery code: {first_start.recovery_code}   (shown this once; write it down and lock it away)")


def run_everything(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.services import supervisor
    from appliance.services.private_memory import lock_memory
    from appliance.services.setup import set_up

    stop = stop_on_signals()
    # What opens the vault is handed out from here.
    lock_memory()
    first_start = set_up(paths, load_settings(paths.settings_file))
    with supervisor.start_programs(paths) as programs:
        print_first_start(first_start)
        supervisor.wait_for_programs(programs, stop)
    return 0


def run_program(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.terminal import read_line
    from appliance.services import supervisor
    from appliance.services.guarding import guarding
    from appliance.services.private_memory import lock_memory
    from appliance.services.service_manager import ServiceManager

    stop = stop_on_signals()
    lock_memory()
    manager = ServiceManager(os.environ)
    if options.keys_from_parent:
        handed = supervisor.take_over(read_line(sys.stdin.fileno()))
        paths = replace(paths, unlocking=replace(paths.unlocking, handed=handed))
    elif paths.credentials is None and paths.vault.exists():
        # Before the guard stands, which would refuse to run systemd-creds.
        parts = supervisor.parts_for(options.program, paths)
        paths = replace(paths, unlocking=replace(paths.unlocking, handed=parts))
    if options.stop_with_parent:
        supervisor.stop_when_parent_ends(stop)
    settings = load_settings(paths.settings_file)
    with guarding(options.program, paths, settings):
        if options.program == "engine":
            from appliance.services.engine import run_engine

            run_engine(paths, settings, stop, manager)
        elif options.program == "web":
            from appliance.services.web import run_web

            run_web(paths, settings, stop, manager)
        else:
            from appliance.services.courier import run_courier

            run_courier(paths, settings, stop, manager)
    return 0


def run_redactor(options: argparse.Namespace, paths: Paths) -> int:
    """Without keys and database: it is to know of nothing but the one file."""
    from appliance.services import redactor
    from appliance.services.private_memory import lock_memory

    lock_memory()
    redactor.run_redactor(paths, load_settings(paths.settings_file), given_listener(options, "redactor"))
    return 0


def run_searcher(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001 - it needs no site
    """Without keys and database: it reaches the local network, and is to know of nothing."""
    from appliance.discovery import searcher
    from appliance.services.private_memory import lock_memory

    lock_memory()
    searcher.run_searcher(given_listener(options, "searcher"))
    return 0


def given_listener(options: argparse.Namespace, program: str) -> "socket.socket":
    """The socket that whoever started this program listens on for it. Raises `UsageError`."""
    import socket

    from appliance.errors import UsageError
    from appliance.services.activation import listener_of

    given = options.socket_fd
    listener = listener_of(os.environ) if given is None else socket.socket(fileno=given)
    if listener is None:
        raise UsageError(
            f"The {program} is started by its socket: by veilsight-{program}.socket, or by `veilsight run`."
        )
    return listener
