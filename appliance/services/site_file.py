"""The site's file: a whole site in one TOML file, to set up many stores alike (docs/operators-guide.md, each field).

It holds every table that the settings file may hold, and besides what people otherwise enter on the page: `[[users]]`,
`[[cameras]]` with their lines, zones, masks and ignored regions, and `[secrets]`, the destinations' by name. It is
checked as a whole before anything is done; `services.site_applying` does it, `services.site_export` writes one.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from appliance import camera_changes
from appliance.errors import UsageError
from appliance.settings import Section, Settings, Unfit, settings_of
from appliance.storage import camera_records, cameras, users
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting
from appliance.storage.users import Role
from appliance.toml_lines import split_message

# What stands in an export where an address held a password or a token (`storage.cameras.shown_source`).
HIDDEN = "***"
OWN_TABLES = ("users", "cameras", "secrets")

RECORDED = ("location", "field_of_view", "signs", "signs_seen")
# Fields that a camera has in the file as in the database.
PLAIN = (
    *("name", "username", "password", "transport", "rate", "mounting"),
    *("heat_map", "vehicle_labels", "enabled", "loop", "realtime"),
)

Place = tuple[float, float]


class SiteFileUnusable(UsageError):
    """The site's file can't be read, or says something that can't be used."""


class UserEntry(Section, frozen=True):
    """Somebody who may log in. `password` is good for one log-in within a week; without one, setting up prints one."""

    name: str
    role: Role
    password: str = ""


class LineEntry(Section, frozen=True):
    """A line from the first point to the second: who crosses it from its left to its right goes in."""

    name: str
    points: tuple[Place, Place]
    inner: bool = False


class ZoneEntry(Section, frozen=True):
    name: str
    points: tuple[Place, ...]
    queue: bool = False


class RegionEntry(Section, frozen=True):
    name: str
    points: tuple[Place, ...]


class CameraEntry(Section, frozen=True):
    """A camera; points in parts of the picture, 0 to 1 from the left and from the top."""

    name: str
    source: str
    username: str = ""
    password: str = ""
    transport: Literal["tcp", "udp"] = "tcp"
    rate: float | None = None
    mounting: Literal["oblique", "overhead"] = "oblique"
    heat_map: bool = False
    vehicle_labels: bool = False
    enabled: bool = True
    loop: bool = False
    realtime: bool = False
    lines: tuple[LineEntry, ...] = ()
    zones: tuple[ZoneEntry, ...] = ()
    masks: tuple[RegionEntry, ...] = ()
    ignored: tuple[RegionEntry, ...] = ()
    # For the record that the report prints.
    location: str = ""
    field_of_view: str = ""
    signs: str = ""
    signs_seen: str = ""


class OwnTables(Section, frozen=True):
    """What the site's file holds besides settings."""

    users: tuple[UserEntry, ...] = ()
    cameras: tuple[CameraEntry, ...] = ()
    secrets: dict[str, Annotated[str, Meta(min_length=1)]] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class SiteFile:
    """A file that was read and checked. `secrets` are the destinations', by name."""

    path: Path
    settings: Settings
    users: tuple[UserEntry, ...] = field(repr=False)
    cameras: tuple[Camera, ...]
    records: tuple[CameraRecord, ...]
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def holds_secrets(self) -> bool:
        given = (*(each.password for each in self.users), *(each.password for each in self.cameras))
        addressed = any(cameras.shown_source(each.source) != each.source for each in self.cameras)
        return bool(self.secrets) or addressed or any(given)


def read_site_file(path: Path) -> SiteFile:
    """Read and check the whole file. Raises `SiteFileUnusable` with the line, the field and the reason."""
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise SiteFileUnusable(f"The site's file {path} can't be read ({error}).") from error
    try:
        found = _read(path, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SiteFileUnusable(f"The site's file {path} is not valid TOML: {error}.") from error
    except Unfit as problem:
        raise SiteFileUnusable(f"The site's file {path}, {problem.describe(text)}") from problem
    if found.holds_secrets and mode & 0o077:
        raise SiteFileUnusable(
            f"The site's file {path} holds passwords and others may read it; run `chmod 600 {path}`."
        )
    return found


def _read(path: Path, document: dict[str, object]) -> SiteFile:
    """Raises `Unfit`."""
    settings = settings_of({name: table for name, table in document.items() if name not in OWN_TABLES})
    try:
        own = msgspec.convert({name: document[name] for name in OWN_TABLES if name in document}, OwnTables)
    except msgspec.ValidationError as error:
        reason, place = split_message(str(error))
        raise Unfit(place, reason) from error
    _check_users(own.users)
    for number, destination in enumerate(settings.destinations):
        if HIDDEN in destination.url:
            raise Unfit(
                ("destinations", number, "url"), f"put the path in the place of {HIDDEN}, which an export left out"
            )
    known = {each.name for each in settings.destinations}
    for name in own.secrets:
        if name not in known:
            raise Unfit(("secrets", name), f"there is no destination called {name}")
    known_cameras, records = tuple(_read_cameras(own.cameras)), tuple(_read_records(own.cameras))
    return SiteFile(path, settings, own.users, known_cameras, records, own.secrets)


def _check_users(entries: tuple[UserEntry, ...]) -> None:
    """Raises `Unfit`."""
    names: set[str] = set()
    for number, entry in enumerate(entries):
        with _at("users", number, "name"):
            users.check_name(entry.name)
        if entry.name in names:
            raise Unfit(("users", number, "name"), f"two users are called {entry.name}")
        names.add(entry.name)
        if entry.password:
            with _at("users", number, "password"):
                users.check_password(entry.password, entry.name)
    if entries and not any(entry.role is Role.ADMINISTRATOR for entry in entries):
        raise Unfit(("users",), "none of the users is an administrator, so nobody could manage them")


def _read_cameras(entries: tuple[CameraEntry, ...]) -> Iterator[Camera]:
    """Raises `Unfit`."""
    names: set[str] = set()
    for number, entry in enumerate(entries):
        with _at("cameras", number, "name"):
            camera_changes.check_camera_name(entry.name)
        if entry.name in names:
            raise Unfit(("cameras", number, "name"), f"two cameras are called {entry.name}")
        names.add(entry.name)
        if HIDDEN in entry.source:
            reason = f"put the password in the place of {HIDDEN}, which an export left out"
            raise Unfit(("cameras", number, "source"), reason)
        if entry.password and not entry.username:
            raise Unfit(("cameras", number, "password"), "a camera's password needs its username")
        with _at("cameras", number, "source"):
            source = cameras.check_source(entry.source)
        with _at("cameras", number, "rate"):
            cameras.check_rate(entry.rate)
        camera = _camera(entry, source)
        with _at("cameras", number):
            camera_changes.check_places(camera)
        yield camera


def _read_records(entries: tuple[CameraEntry, ...]) -> Iterator[CameraRecord]:
    """What is stated of those cameras of which something is. Raises `Unfit`."""
    for number, entry in enumerate(entries):
        record = CameraRecord(entry.name, **{name: getattr(entry, name) for name in RECORDED})
        with _at("cameras", number):
            camera_records.check(record, datetime.now(UTC).date())
        if record != CameraRecord(entry.name):
            yield record


def _camera(entry: CameraEntry, source: str) -> Camera:
    plain = {name: getattr(entry, name) for name in PLAIN}
    return Camera(
        **plain,
        source=source,
        lines=tuple(LineSetting(each.name, *each.points[0], *each.points[1], each.inner) for each in entry.lines),
        zones=tuple(ZoneSetting(each.name, each.points, each.queue) for each in entry.zones),
        masks=tuple(ZoneSetting(each.name, each.points) for each in entry.masks),
        ignored=tuple(ZoneSetting(each.name, each.points) for each in entry.ignored),
    )


def camera_entry(camera: Camera, record: CameraRecord) -> CameraEntry:
    """The camera as an entry of the file, without its password, also without one in its address."""
    recorded = {name: getattr(record, name) for name in RECORDED}
    plain: dict[str, Any] = {name: getattr(camera, name) for name in PLAIN} | {"password": ""}
    return CameraEntry(
        **plain,
        **recorded,
        source=cameras.shown_source(camera.source),
        lines=tuple(
            LineEntry(each.name, ((each.x1, each.y1), (each.x2, each.y2)), each.inner) for each in camera.lines
        ),
        zones=tuple(ZoneEntry(each.name, each.points, each.queue) for each in camera.zones),
        masks=tuple(RegionEntry(each.name, each.points) for each in camera.masks),
        ignored=tuple(RegionEntry(each.name, each.points) for each in camera.ignored),
    )


@contextmanager
def _at(*place: str | int) -> Iterator[None]:
    """Raises `Unfit`, with this place, for what is refused meanwhile."""
    try:
        yield
    except UsageError as error:
        raise Unfit(place, str(error)) from error
