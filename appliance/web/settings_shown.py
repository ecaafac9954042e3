"""The settings in force, and where each comes from: the settings file, an answer on the page, or the default."""

import json
from dataclasses import dataclass

import msgspec

from appliance.destinations import Destination
from appliance.language import marked
from appliance.settings import Settings

FILE = marked("settings file")
PAGE = marked("answered on the page")
DEFAULT = marked("default")
# Each section in the words of somebody who never saw the file.
SECTIONS = {
    "site": marked("Site"),
    "processing": marked("Record of processing"),
    "web": marked("Page"),
    "analysis": marked("Analysis"),
    "anonymity": marked("Anonymity"),
    "retention": marked("Retention"),
    "opening": marked("Opening hours"),
    "destinations": marked("Destinations"),
    "alerts": marked("Alerts"),
    "reports": marked("Report schedules"),
}


@dataclass(frozen=True)
class Shown:
    """One setting as the file names it, its value as text, and where it comes from."""

    name: str
    value: str
    origin: str


def describe_settings(now: Settings, filed: Settings) -> dict[str, list[Shown]]:
    """Each section's settings by the section's title. They hold no secret but what a destination's address ends in."""
    default = Settings()
    return {
        SECTIONS.get(name, name): list(_section(getattr(now, name), getattr(filed, name), getattr(default, name)))
        for name in now.__struct_fields__
    }


def _section(now: object, filed: object, default: object) -> list[Shown]:
    if isinstance(now, msgspec.Struct) and isinstance(default, msgspec.Struct):
        return [
            Shown(
                name, _text(getattr(now, name)), _origin(*(getattr(each, name, None) for each in (now, filed, default)))
            )
            for name in now.__struct_fields__
        ]
    origin = _origin(now, filed, default)
    if isinstance(now, tuple):
        return [Shown(str(getattr(each, "name", number)), _text(each), origin) for number, each in enumerate(now, 1)]
    if isinstance(now, msgspec.Struct):
        return [Shown(name, _text(getattr(now, name)), origin) for name in now.__struct_fields__ if getattr(now, name)]
    return []


def _origin(now: object, filed: object, default: object) -> str:
    return PAGE if now != filed else DEFAULT if now == default else FILE


def _text(value: object) -> str:
    """A value as a person reads it; of structures the fields that are set."""
    if isinstance(value, Destination):
        fields = msgspec.to_builtins(value, enc_hook=str) | {"url": value.shown}
        return _fields(fields, ("name",))
    if isinstance(value, msgspec.Struct):
        return _fields(msgspec.to_builtins(value, enc_hook=str, str_keys=True), ("name",))
    if isinstance(value, tuple | list):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, dict):
        return _fields(msgspec.to_builtins(value, enc_hook=str, str_keys=True), ())
    return "" if value is None else str(value)


def _fields(fields: dict[str, object], left_out: tuple[str, ...]) -> str:
    return ", ".join(
        f"{name} {each if isinstance(each, str | int | float) else json.dumps(each)}"
        for name, each in fields.items()
        if name not in left_out and each not in (None, "", [], (), {}, False)
    )
