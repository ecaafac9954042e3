"""The cameras that people set up, with their lines and zones (normalised 0..1)."""

import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, select

from appliance.errors import UsageError, VeilsightError
from appliance.language import marked
from appliance.storage.tables import camera as camera_table

SCHEMES = ("rtsp", "rtsps", "http", "https")
# The least and most pictures that are analysed of a camera in a second.
RATES = (1.0, 30.0)
# Some makers want the password inside the address's path or query: `user=admin_password=secret`.
HIDDEN_IN_ADDRESS = re.compile(r"((?:password|passwd|pass|pwd)=)[^&_/;]+", re.IGNORECASE)


class SourceUnusable(UsageError):
    """A source that can't be a camera's, or that carries a password."""


class CameraNameUnusable(UsageError):
    """A camera's name that could not be shown or typed."""


class RateUnusable(UsageError):
    """A rate of analysis that makes no sense."""


class CameraExists(VeilsightError):
    """A camera with this name is there already."""


class CameraUnknown(VeilsightError):
    """No camera has this name."""


Mounting = Literal["oblique", "overhead"]


@dataclass(frozen=True, slots=True)
class LineSetting:
    """A line from point 1 to point 2, normalised 0..1. An `inner` one is no entrance of the store."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float
    inner: bool = False


@dataclass(frozen=True, slots=True)
class ZoneSetting:
    """A polygon, points normalised 0..1. In a `queue` people wait in line."""

    name: str
    points: tuple[tuple[float, float], ...]
    queue: bool = False


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera: `source` is a URL or a file's path without user name or password, which are kept apart.

    What lies under one of the `masks` is never looked at. `rate` is how many pictures a second are analysed, None for
    what the settings say. A camera that is not `enabled` is not connected to. `transport` is how RTSP's pictures
    travel. Who stands in one of the `ignored` regions is shown, redacted, and not counted. `mounting` says from where
    people are seen. With `vehicle_labels` vehicles that cross its lines are counted by label too.
    """

    name: str
    source: str
    username: str = ""
    password: str = field(default="", repr=False)
    lines: tuple[LineSetting, ...] = ()
    zones: tuple[ZoneSetting, ...] = ()
    loop: bool = False
    realtime: bool = False
    masks: tuple[ZoneSetting, ...] = ()
    rate: float | None = None
    enabled: bool = True
    transport: Literal["tcp", "udp"] = "tcp"
    ignored: tuple[ZoneSetting, ...] = ()
    mounting: Mounting = "oblique"
    heat_map: bool = False
    vehicle_labels: bool = False


def check_source(text: str) -> str:
    """The source as it is to be stored: an address without user and password, or the absolute path of a video
    or of a camera at USB.

    Raises `SourceUnusable`.
    """
    if "://" not in text:
        path = Path(text).expanduser().absolute()
        if not path.is_file() and not path.is_char_device():
            raise SourceUnusable(f"There is no file {text}; name a video, a /dev/video0, or the address of a camera.")
        return str(path)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise SourceUnusable(f"The camera's address is malformed ({error}); write it like rtsp://host/path.") from error
    if "@" in parts.netloc:
        raise SourceUnusable("The address holds a user or a password; give them as --username and --password-stdin.")
    if parts.scheme.lower() not in SCHEMES or not parts.hostname:
        raise SourceUnusable(
            marked("The address %(address)s is no camera's; write it like rtsp://host/path."),
            address=shown_source(text),
        )
    return text


def shown_source(source: str) -> str:
    """The source for people to see, and for the audit log: without a password that a maker put into the address."""
    return HIDDEN_IN_ADDRESS.sub(r"\1***", source)


def add(connection: Connection, camera: Camera, now: datetime | None = None) -> None:
    """Raises `CameraExists`, `CameraNameUnusable` and `RateUnusable`."""
    name = camera.name
    check_rate(camera.rate)
    if not 1 <= len(name) <= 60 or not name.isprintable() or name != name.strip() or "/" in name:
        raise CameraNameUnusable(f"A camera can't be called {name!r}; use 1 to 60 printable characters without a /.")
    if get(connection, camera.name) is not None:
        raise CameraExists(f"There is a camera called {camera.name} already; remove it first or choose another name.")
    values = asdict(camera) | {"created": now or datetime.now(UTC)}
    connection.execute(camera_table.insert().values(**values))


def set_masks(connection: Connection, name: str, masks: tuple[ZoneSetting, ...]) -> None:
    """Put these masks in the place of those there were. Raises `CameraUnknown`."""
    _change(connection, name, masks=[asdict(mask) for mask in masks])


def update(connection: Connection, camera: Camera) -> None:
    """Put this camera's settings in the place of those that the camera of this name had.

    Raises `CameraUnknown` and `RateUnusable`.
    """
    check_rate(camera.rate)
    values = asdict(camera)
    _change(connection, values.pop("name"), **values)


def set_rate(connection: Connection, name: str, rate: float | None) -> None:
    """Raises `CameraUnknown`, and `RateUnusable` for a rate that is not within `RATES`."""
    check_rate(rate)
    _change(connection, name, rate=rate)


def set_enabled(connection: Connection, name: str, enabled: bool) -> None:
    """Switch a camera on or off. Raises `CameraUnknown`."""
    _change(connection, name, enabled=enabled)


def check_rate(rate: float | None) -> None:
    """Raises `RateUnusable`."""
    if rate is not None and not RATES[0] <= rate <= RATES[1]:
        raise RateUnusable(f"A camera can't be analysed {rate:g} times a second; use {RATES[0]:g} to {RATES[1]:g}.")


def _change(connection: Connection, name: str, **values: object) -> None:
    if not connection.execute(camera_table.update().where(camera_table.c.name == name).values(**values)).rowcount:
        raise _unknown(name)


def remove(connection: Connection, name: str) -> None:
    """Raises `CameraUnknown`."""
    if not connection.execute(camera_table.delete().where(camera_table.c.name == name)).rowcount:
        raise _unknown(name)


def need(connection: Connection, name: str) -> Camera:
    """Raises `CameraUnknown`."""
    camera = get(connection, name)
    if camera is None:
        raise _unknown(name)
    return camera


def get(connection: Connection, name: str) -> Camera | None:
    row = connection.execute(select(camera_table).where(camera_table.c.name == name)).first()
    return None if row is None else _as_camera(row)


def list_cameras(connection: Connection) -> tuple[Camera, ...]:
    """All cameras by name."""
    return tuple(_as_camera(row) for row in connection.execute(select(camera_table).order_by(camera_table.c.name)))


def _unknown(name: str) -> CameraUnknown:
    return CameraUnknown(f"There is no camera called {name}; `veilsight camera list` shows those there are.")


def _as_camera(row: Row[tuple[Any, ...]]) -> Camera:
    values = dict(row._mapping)
    del values["created"]
    values["lines"] = tuple(LineSetting(**line) for line in values["lines"])
    for regions in ("zones", "masks", "ignored"):
        values[regions] = _as_zones(values[regions])
    return Camera(**values)


def _as_zones(stored: list[dict[str, Any]]) -> tuple[ZoneSetting, ...]:
    return tuple(
        ZoneSetting(zone["name"], tuple((x, y) for x, y in zone["points"]), zone.get("queue", False)) for zone in stored
    )
