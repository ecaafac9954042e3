"""`veilsight site`: the whole site as one file, to check, to apply and to export."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.settings import Paths, load_settings

if TYPE_CHECKING:
    from appliance.services.site_applying import Applied


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("site", help="the whole site as one file: check, apply, export")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="check a site's file, and do nothing")
    check.add_argument("file", metavar="FILE", type=Path)
    check.set_defaults(run=run_check)
    apply = actions.add_parser("apply", help="add the users, cameras and secrets of a site's file that are not there")
    apply.add_argument("file", metavar="FILE", type=Path)
    apply.set_defaults(run=run_apply)
    export = actions.add_parser("export", help="write this site as a file, without anything secret")
    export.add_argument("file", metavar="FILE", type=Path, nargs="?", help="default: standard output")
    export.set_defaults(run=run_export)


def run_check(options: argparse.Namespace, paths: Paths) -> int:  # noqa: ARG001
    from appliance.services.site_file import read_site_file

    found = read_site_file(options.file)
    print(f"{options.file} can be applied: {len(found.users)} users, {len(found.cameras)} cameras")
    return 0


def run_apply(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.cli.terminal import actor
    from appliance.services.site_applying import apply, write_settings
    from appliance.services.site_file import read_site_file
    from appliance.storage.site import open_site

    file = read_site_file(options.file)
    site = open_site(paths)
    settled = write_settings(file, paths)
    with site.engine.begin() as connection:
        done = apply(connection, file, paths, actor())
    print_applied(done)
    if not settled:
        print(f"left as it is: {paths.settings_file}, which says something else than the site's file")
    return 0


def print_applied(done: "Applied") -> None:
    for what, names in (("user", done.users), ("camera", done.cameras), ("secret of", done.secrets)):
        for name in names:
            password = done.passwords.get(name) if what == "user" else None
            told = f"   password: {password}   (shown this once, good for one log-in within a week)" if password else ""
            print(f"added: {what} {name}{told}")
    for name in done.there:
        print(f"left as it is: {name}")


def run_export(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor
    from appliance.errors import UsageError
    from appliance.files import write_whole
    from appliance.services.site_export import export
    from appliance.storage.site import open_site

    settings = load_settings(paths.settings_file)
    with open_site(paths).engine.begin() as connection:
        text = export(connection, settings)
        append(connection, Event(actor(), "settings-exported", "site file", "configuration"))
    if options.file is None:
        print(text, end="")
        return 0
    try:
        write_whole(options.file, text.encode("utf-8"), 0o600)
    except OSError as error:
        raise UsageError(f"The file {options.file} can't be written ({error.strerror}).") from error
    print(f"{options.file} holds the site, without anything secret")
    return 0
