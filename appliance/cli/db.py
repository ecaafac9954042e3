"""`veilsight db`: the encrypted database itself, and what opens it."""

import argparse

from appliance.cli import db_copies
from appliance.settings import Paths


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser(
        "db", help="the encrypted database: migrate, protect, rotate-key, backup, restore, check"
    )
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    migrate = actions.add_parser("migrate", help="bring the database to the schema of this version")
    migrate.set_defaults(run=run_migrate)
    protect = actions.add_parser("protect", help="change what opens the site")
    protect.add_argument("protection", choices=("key-file", "credential", "passphrase"))
    protect.add_argument("--recover", action="store_true", help="open the site with its recovery code this once")
    protect.add_argument("--new-passphrase-fd", type=int, metavar="N", help="read the new passphrase from descriptor N")
    protect.set_defaults(run=run_protect)
    code = actions.add_parser("recovery-code", help="make and print a new recovery code; the old one ends")
    code.set_defaults(run=run_recovery_code)
    db_copies.register(actions)


def run_migrate(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage.migration import migrate_with
    from appliance.storage.site import open_with

    engine = open_with(paths)
    with engine.begin() as connection:
        applied = migrate_with(connection)
        for revision in applied:
            append(connection, Event(actor(), "database-migrated", revision))
    print(f"schema brought to {applied[-1]}" if applied else "the schema is that of this version; nothing to do")
    return 0


def run_protect(options: argparse.Namespace, paths: Paths) -> int:
    from dataclasses import replace

    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor, new_passphrase
    from appliance.errors import UsageError
    from appliance.settings import Unlocking
    from appliance.storage import keys, vault
    from appliance.storage.site import open_site

    content = vault.read_vault(paths.vault)
    if options.recover:
        if paths.unlocking.ask is None:
            raise UsageError("There is no terminal to ask for the recovery code; use --passphrase-fd.")
        root = vault.open_with_words(content, paths.unlocking.ask())
    else:
        root = keys.root_secret(paths, content)
    new = ""
    if options.protection == "passphrase":
        new = new_passphrase(options.new_passphrase_fd, "New passphrase")
    parts: dict[str, bytes] = {part: vault.part_of(root, part) for part in keys.PARTS}
    site = open_site(replace(paths, unlocking=Unlocking(handed=parts)))
    with site.engine.begin() as connection:
        append(connection, Event(actor(), "key-changed", "protection", details={"now": options.protection}))
        keys.protect(paths, content, root, options.protection, new)
    print(f"From now on a {options.protection.replace('-', ' ')} opens the site; the recovery code stays as it is.")
    return 0


def run_recovery_code(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage.keys import renew_recovery_code
    from appliance.storage.site import open_site

    with open_site(paths).engine.begin() as connection:
        append(connection, Event(actor(), "key-changed", "recovery code"))
        code = renew_recovery_code(paths)
    print(f"Recovery code: {code}   (shown this once; write it down and lock it away)")
    return 0
