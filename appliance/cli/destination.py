"""`veilsight destination`: the places that reports and alerts are sent to, what opens them, and a test of each."""

import argparse
import json
import sys

from appliance.destinations import Destination
from appliance.errors import UsageError
from appliance.settings import Paths, Settings, load_settings


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser(
        "destination",
        help="where reports and alerts are sent: list, secret, test",
        description="Destinations are named in the settings file; their passwords, keys and tokens are set here.",
    )
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the destinations, and what was delivered or failed there")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(run=run_list)
    secret = actions.add_parser("secret", help="set the password, private key, client certificate or token of one")
    secret.add_argument("name", metavar="NAME")
    secret.add_argument("--stdin", action="store_true", help="read it from standard input, all of it")
    secret.add_argument("--remove", action="store_true", help="forget it instead")
    secret.set_defaults(run=run_secret)
    test = actions.add_parser("test", help="send a small signed file there, as a report is sent")
    test.add_argument("name", metavar="NAME")
    test.set_defaults(run=run_test)


def find_destination(settings: Settings, name: str) -> Destination:
    """Raises `UsageError`."""
    for destination in settings.destinations:
        if destination.name == name:
            return destination
    raise UsageError(f"The settings file names no destination {name!r}; `veilsight destination list` shows them.")


def run_list(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.reports.delivery import describe_destinations
    from appliance.storage.site import open_site

    settings = load_settings(paths.settings_file)
    found = describe_destinations(open_site(paths).engine, settings)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    for each in found:
        print(f"{each['name']}: {each['to']} takes {', '.join(each['classes'])}; {each['secret']}")
        print(f"    {each['delivered']} reports delivered, {each['waiting']} waiting")
        if each["problem"]:
            print(f"    the last try failed: {each['problem']} Next try {each['next_attempt'] or 'now'}.")
    if not found:
        print("no destination yet; add [[destinations]] to the settings file")
    return 0


def run_secret(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor, read_password
    from appliance.storage import destination_secrets
    from appliance.storage.keys import load_courier_part
    from appliance.storage.site import open_site

    if options.remove:
        with open_site(paths).engine.begin() as connection:
            gone = destination_secrets.remove_secret(connection, options.name)
            if gone:
                append(connection, Event(actor(), "destination-secret-removed", options.name, "configuration"))
        print(f"the secret of {options.name} is forgotten" if gone else f"{options.name} has no secret")
        return 0
    destination = find_destination(load_settings(paths.settings_file), options.name)
    site = open_site(paths)
    part = load_courier_part(paths)
    # A private key has many lines.
    given = sys.stdin.read().rstrip("\r\n") if options.stdin else read_password(False, "Password or token")
    with site.engine.begin() as connection:
        destination_secrets.set_secret(connection, part, destination.name, given)
        append(connection, Event(actor(), "destination-secret-set", destination.name, "configuration"))
    print(f"{destination.name} has its secret; `veilsight destination test {destination.name}` tries it")
    return 0


def run_test(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.terminal import actor
    from appliance.reports.trial import send_test
    from appliance.storage.site import open_site

    settings = load_settings(paths.settings_file)
    destination = find_destination(settings, options.name)
    names = send_test(open_site(paths), paths, settings, destination, actor())
    print(f"{' and '.join(names)} sent to {destination.name} ({destination.shown}); it takes what is sent there")
    return 0
