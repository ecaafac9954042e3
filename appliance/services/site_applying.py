"""Sets a site up as its file says (`services.site_file`): once, at the first configuration, or whenever somebody asks.

It only adds. A user or camera that is there already, and a settings file that says something else, stay as they are, so
that applying twice is applying once and nothing that was changed on the page is undone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec
import tomli_w
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from appliance.audit.log import Event, append
from appliance.camera_changes import add_camera, describe_camera
from appliance.errors import VeilsightError
from appliance.files import write_whole
from appliance.services.site_file import SiteFile
from appliance.settings import Paths, Settings, load_settings
from appliance.storage import answers, cameras, destination_secrets, keys, users
from appliance.storage.tables import site as site_table
from appliance.web.account import readable_password

SUBJECT = "site file"
# The site's fact that says when its file was applied first.
APPLIED = "site-file"
# An array of two numbers, each on a line of its own; a text never runs over lines there.
POINT = re.compile(r"\[\n\s+([\d.e-]+),\n\s+([\d.e-]+),\n\s+\]")
HEADER = "# Written from {source} when the site was set up.\n\n"


class SettingsUnwritable(VeilsightError):
    """The settings file can't be written."""


@dataclass(frozen=True)
class Applied:
    """What was done: names of what was added, and what was there already. `passwords` are to be shown once, by user."""

    users: tuple[str, ...]
    cameras: tuple[str, ...]
    secrets: tuple[str, ...]
    there: tuple[str, ...]
    passwords: dict[str, str]


def write_settings(file: SiteFile, paths: Paths) -> bool:
    """Write the settings file where there is none. Whether the settings are those of the site's file now.

    Raises `SettingsUnwritable`.
    """
    if paths.settings_file.exists():
        return load_settings(paths.settings_file) == file.settings
    text = HEADER.format(source=file.path) + settings_text(file.settings)
    try:
        paths.settings_file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(paths.settings_file, text.encode("utf-8"))
    except OSError as error:
        raise SettingsUnwritable(
            f"The settings file {paths.settings_file} can't be written ({error.strerror})."
        ) from error
    return True


def settings_text(settings: Settings) -> str:
    """The settings as TOML, without what is at its default."""
    return dump(as_tables(settings))


def dump(tables: Mapping[str, object]) -> str:
    """The tables as TOML, with each point on one line."""
    return POINT.sub(r"[\1, \2]", tomli_w.dumps(tables))


def as_tables(value: object) -> dict[str, object]:
    """A structure as TOML can hold it, without fields at their default."""
    assert isinstance(value, msgspec.Struct)  # noqa: S101 - narrows the type; dictionaries are no structures
    found: dict[str, object] = {}
    for each in msgspec.structs.fields(type(value)):
        given = getattr(value, each.name)
        default = each.default if each.default_factory is msgspec.NODEFAULT else each.default_factory()
        if given is not None and given != default:
            found[each.name] = _plain(given)
    return found


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return as_tables(value)
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | float) else str(value)


def was_applied(connection: Connection) -> bool:
    return connection.execute(select(site_table.c.value).where(site_table.c.name == APPLIED)).scalar() is not None


def apply(connection: Connection, file: SiteFile, paths: Paths, actor: str, now: datetime | None = None) -> Applied:
    """Add the users, cameras and secrets that are not there, with their entries in the audit log; all or nothing.

    Raises a `VeilsightError`.
    """
    now = now or datetime.now(UTC)
    passwords = dict(_add_users(connection, file, actor, now))
    known = {each.name for each in cameras.list_cameras(connection)}
    added = tuple(each for each in file.cameras if each.name not in known)
    for camera in added:
        add_camera(connection, actor, camera)
    for record in file.records:
        if record.camera not in known:
            describe_camera(connection, actor, record)
    kept = destination_secrets.list_secrets(connection)
    secrets = {name: secret for name, secret in file.secrets.items() if name not in kept}
    part = keys.load_courier_part(paths) if secrets else b""
    for name, secret in secrets.items():
        destination_secrets.set_secret(connection, part, name, secret, now)
        append(connection, Event(actor, "destination-secret-set", name, "configuration"))
    # Who has a file need not be led through the first start.
    answers.write(connection, replace(answers.read(connection), finished="yes"))
    statement = insert(site_table).values(name=APPLIED, value=now.isoformat())
    connection.execute(statement.on_conflict_do_nothing())
    details: dict[str, str | int] = {"users": len(passwords), "cameras": len(added), "secrets": len(secrets)}
    append(connection, Event(actor, "settings-changed", SUBJECT, "configuration", details=details))
    there = (
        *(f"user {each.name}" for each in file.users if each.name not in passwords),
        *(f"camera {each.name}" for each in file.cameras if each.name in known),
        *(f"secret of {name}" for name in file.secrets if name in kept),
    )
    given = {each.name for each in file.users if each.password}
    shown = {name: password for name, password in passwords.items() if name not in given}
    return Applied(tuple(passwords), tuple(each.name for each in added), tuple(secrets), there, shown)


def _add_users(connection: Connection, file: SiteFile, actor: str, now: datetime) -> Iterator[tuple[str, str]]:
    """The name and the one-time password of each user that was added."""
    known = {each.name for each in users.list_users(connection)}
    for entry in file.users:
        if entry.name in known:
            continue
        password = entry.password or readable_password()
        users.add(connection, entry.name, password, entry.role, now)
        users.set_password(connection, entry.name, password, now + users.ONE_TIME)
        append(connection, Event(actor, "user-added", entry.name, details={"role": entry.role}))
        yield entry.name, password
