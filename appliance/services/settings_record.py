"""What the settings file says, in the audit log: as a program found it at its start, where that differs from before."""

import hashlib
from typing import Any

import msgspec
from sqlalchemy import Connection

from appliance.audit.log import Event, append, entries
from appliance.destinations import Destination
from appliance.settings import Settings
from appliance.storage.site import Site

SUBJECT = "settings"
CHANGED = "changed"


def record_settings(site: Site, actor: str, settings: Settings) -> None:
    """Write down the settings' tables that are not the default, as JSON, and the names of those that were changed.

    They hold no secrets but what an address of a destination may end in: of that only the digest is written down.
    """
    found = _tables(settings)
    with site.engine.begin() as connection:
        before = _last(connection)
        changed = [name for name in sorted(found.keys() | before.keys()) if found.get(name) != before.get(name)]
        if changed:
            digest = hashlib.sha256(_as_json(found)).hexdigest()
            details = {**found, CHANGED: ", ".join(changed)}
            append(connection, Event(actor, "settings-changed", SUBJECT, sha256=digest, details=details))


def _tables(settings: Settings) -> dict[str, str]:
    """Each table that differs from the default, as JSON with sorted fields."""
    default = Settings()
    names = [name for name in settings.__struct_fields__ if getattr(settings, name) != getattr(default, name)]
    shown = {name: getattr(settings, name) for name in names} | (
        {"destinations": [_without_token(each) for each in settings.destinations]} if settings.destinations else {}
    )
    return {name: _as_json(shown[name]).decode() for name in names}


def _without_token(destination: Destination) -> dict[str, Any]:
    """The destination with what may be shown of its address, and the digest of all of it."""
    fields: dict[str, Any] = msgspec.to_builtins(destination, enc_hook=str)
    if destination.url:
        digest = hashlib.sha256(destination.url.encode()).hexdigest()
        fields |= {"url": destination.shown, "url_sha256": digest}
    return fields


def _as_json(value: object) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(value, enc_hook=str, str_keys=True), order="sorted")


def _last(connection: Connection) -> dict[str, str]:
    """The tables as they were written down last; none before the first time."""
    found = entries(connection, actions=("settings-changed",), newest_first=True)
    last = next((entry.event.details for entry in found if entry.event.subject == SUBJECT), {})
    return {name: str(text) for name, text in last.items() if name != CHANGED}
