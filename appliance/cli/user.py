"""`veilsight user`: the people who may log in to the page."""

import argparse
import json
from typing import TYPE_CHECKING

from appliance.settings import Paths

if TYPE_CHECKING:
    from appliance.storage.users import User

ROLES = ("manager", "viewer", "installer", "auditor", "administrator")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("user", help="who may log in: add, list, password, role, second-factor-off, remove")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, summary, run in (
        ("add", "let somebody log in; asks for a password", run_add),
        ("password", "set a new password", run_password),
    ):
        action = actions.add_parser(name, help=summary)
        action.add_argument("name", metavar="NAME")
        action.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        action.set_defaults(run=run)
        if name == "add":
            action.add_argument("--role", choices=ROLES, required=True, help="what the user may open (see README)")
    role = actions.add_parser("role", help="change what a user may open")
    role.add_argument("name", metavar="NAME")
    role.add_argument("role", metavar="ROLE", choices=ROLES, help=", ".join(ROLES))
    role.set_defaults(run=run_role)
    off = actions.add_parser("second-factor-off", help="for somebody who lost the device and the recovery codes")
    off.add_argument("name", metavar="NAME")
    off.set_defaults(run=run_second_factor_off)
    listing = actions.add_parser("list", help="list the users")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser("remove", help="end a user's access")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=run_remove)


def run_add(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor, read_password
    from appliance.storage import users
    from appliance.storage.site import open_site

    site = open_site(paths)
    password = read_password(options.password_stdin)
    with site.engine.begin() as connection:
        users.add(connection, options.name, password, users.Role(options.role))
        append(connection, Event(actor(), "user-added", options.name, details={"role": options.role}))
    print(f"{options.name} may log in now, as {options.role}")
    return 0


def run_role(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage import users
    from appliance.storage.site import open_site

    with open_site(paths).engine.begin() as connection:
        users.set_role(connection, options.name, users.Role(options.role))
        append(connection, Event(actor(), "role-changed", options.name, details={"role": options.role}))
    print(f"{options.name} is {options.role} now")
    return 0


def run_password(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor, read_password
    from appliance.storage import users
    from appliance.storage.site import open_site

    site = open_site(paths)
    password = read_password(options.password_stdin)
    with site.engine.begin() as connection:
        users.set_password(connection, options.name, password)
        append(connection, Event(actor(), "password-changed", options.name))
    print(f"{options.name} has a new password")
    return 0


def run_second_factor_off(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage import second_factor, users
    from appliance.storage.site import open_site

    with open_site(paths).engine.begin() as connection:
        users.need(connection, options.name)
        second_factor.turn_off(connection, options.name)
        append(connection, Event(actor(), "second-factor-off", options.name))
    print(f"{options.name} logs in by the password alone now")
    return 0


def run_list(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.storage import users
    from appliance.storage.database import reading
    from appliance.storage.site import open_site

    with reading(open_site(paths).engine) as connection:
        found = users.list_users(connection)
    if options.json:
        print(json.dumps([describe(user) for user in found], indent=2))
    else:
        for user in found:
            print(f"{user.name}  {user.role}, since {user.created:%Y-%m-%d %H:%M} UTC")
    return 0


def describe(user: "User") -> dict[str, str]:
    return {"name": user.name, "role": user.role.value, "created": user.created.isoformat()}


def run_remove(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.storage import users
    from appliance.storage.site import open_site

    with open_site(paths).engine.begin() as connection:
        users.remove(connection, options.name)
        append(connection, Event(actor(), "user-removed", options.name))
    print(f"{options.name} is removed")
    return 0
