"""`veilsight token`: what other programs ask the JSON API with."""

import argparse
import json

from appliance.cli.user import ROLES
from appliance.settings import Paths


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("token", help="other programs' access to the JSON API: add, list, remove")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="make a token and print it, this once")
    add.add_argument("name", metavar="NAME", help="what it is for, such as the program that asks")
    add.add_argument("--role", choices=ROLES, required=True, help="what may be asked for with it")
    add.add_argument(
        "--days", type=int, default=90, metavar="N", help="good for so many days, 366 at most (default: 90)"
    )
    add.set_defaults(run=run_add)
    listing = actions.add_parser("list", help="list the tokens")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser("remove", help="end a token at once")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=run_remove)


def run_add(options: argparse.Namespace, paths: Paths) -> int:
    from datetime import UTC, datetime, timedelta

    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage import tokens
    from appliance.storage.site import open_site
    from appliance.storage.users import Role

    now = datetime.now(UTC)
    # What is beyond the calendar is too long as well.
    expires = now + timedelta(days=max(0, min(options.days, 10_000)))
    with open_site(paths).engine.begin() as connection:
        secret = tokens.add(connection, options.name, Role(options.role), expires, now)
        details: dict[str, str | int] = {"role": options.role, "expires": f"{expires:%Y-%m-%d}"}
        append(connection, Event(actor(), "token-added", options.name, details=details))
    print(secret)
    return 0


def run_list(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.storage import tokens
    from appliance.storage.database import reading
    from appliance.storage.site import open_site

    with reading(open_site(paths).engine) as connection:
        found = tokens.list_tokens(connection)
    if options.json:
        rows = [
            {
                "name": token.name,
                "role": token.role.value,
                "created": token.created.isoformat(),
                "expires": token.expires.isoformat(),
            }
            for token in found
        ]
        print(json.dumps(rows, indent=2))
    else:
        for token in found:
            print(f"{token.name}  {token.role}, until {token.expires:%Y-%m-%d %H:%M} UTC")
    return 0


def run_remove(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage import tokens
    from appliance.storage.site import open_site

    with open_site(paths).engine.begin() as connection:
        tokens.remove(connection, options.name)
        append(connection, Event(actor(), "token-removed", options.name))
    print(f"{options.name} is removed")
    return 0
