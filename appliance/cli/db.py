"""`veilsight db`: the encrypted database itself."""

import argparse

from appliance.settings import Paths


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("db", help="the encrypted database: migrate")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    migrate = actions.add_parser("migrate", help="bring the database to the schema of this version")
    migrate.set_defaults(run=run_migrate)


def run_migrate(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage.database import open_database
    from appliance.storage.keys import load_database_key
    from appliance.storage.migration import migrate_with

    engine = open_database(paths.database, load_database_key(paths))
    with engine.begin() as connection:
        applied = migrate_with(connection)
        for revision in applied:
            append(connection, Event(actor(), "database-migrated", revision))
    print(f"schema brought to {applied[-1]}" if applied else "the schema is that of this version; nothing to do")
    return 0
