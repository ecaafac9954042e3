"""`veilsight db rotate-key`, `backup`, `restore` and `check`: another key, copies, and whether the file is whole."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import UsageError, VeilsightError
from appliance.settings import Paths

if TYPE_CHECKING:
    from appliance.services.backups import Prepared


class PagesDamaged(VeilsightError):
    """Pages of the database were changed by something else than SQLCipher."""


def register(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    rotate = actions.add_parser("rotate-key", help="encrypt the database under a new key; the programs must not run")
    rotate.set_defaults(run=run_rotate)
    for name, summary, run in (
        ("backup", "write a backup with a passphrase of its own to FILE, while the programs run", run_backup),
        ("restore", "put a backup in the database's place; the programs must not run", run_restore),
    ):
        action = actions.add_parser(name, help=summary)
        action.add_argument("file", metavar="FILE", type=Path)
        action.add_argument(
            "--backup-passphrase-fd", type=int, metavar="N", help="read the backup's passphrase from file descriptor N"
        )
        if name == "restore":
            action.add_argument("--yes", action="store_true", help="do not ask")
        action.set_defaults(run=run)
    check = actions.add_parser("check", help="read every page of the database and say which are damaged")
    check.set_defaults(run=run_check)


def run_rotate(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.cli.terminal import actor
    from appliance.services.backups import change_database_key

    change_database_key(paths, actor())
    print("the database has a new key; earlier copies of its file open with the old one, which is gone")
    return 0


def run_backup(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.terminal import actor, new_passphrase
    from appliance.services.backups import back_up

    passphrase = new_passphrase(options.backup_passphrase_fd, "Passphrase of the backup")
    back_up(paths, options.file, passphrase, actor())
    print(f"backup written to {options.file}; without its passphrase it is of no use to anybody")
    return 0


def run_restore(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.terminal import actor, ask_secret, read_line
    from appliance.services.backups import restore

    descriptor = options.backup_passphrase_fd
    passphrase = ask_secret("Passphrase of the backup: ") if descriptor is None else read_line(descriptor)
    done = restore(paths, options.file, passphrase, actor(), lambda prepared: _confirm(prepared, options.yes))
    if done is None:
        print("nothing was changed")
        return 1
    print(f"the site is as it was {done.made}; run `veilsight setup` if this machine had none")
    return 0


def run_check(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.storage import keys
    from appliance.storage.copying import check_pages
    from appliance.storage.database import DatabaseMissing

    if not paths.database.exists():
        raise DatabaseMissing(f"There is no database at {paths.database}; run `veilsight setup` first.")
    problems = check_pages(paths.database, keys.load_database_keys(paths))
    for problem in problems:
        print(problem)
    if problems:
        raise PagesDamaged(
            f"The database {paths.database} is damaged in {len(problems)} places; `veilsight db restore FILE` puts a "
            "backup in its place and says what that loses."
        )
    print("every page of the database is as it was written")
    return 0


def _confirm(prepared: "Prepared", yes: bool) -> bool:
    print(f"The backup is whole: made {prepared.made}, {prepared.entries} entries in its audit log, which verifies.")
    for loss in prepared.losses or ("It holds everything that the present database holds.",):
        print(loss)
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask whether to go on; use --yes.")
    return input("Put it in the present database's place? [yes/no] ").strip().lower() == "yes"
