"""The cameras that people set up, with their lines and zones (normalised 0..1)."""

import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, select

from appliance.errors import UsageError, VeilsightError
from appliance.storage.tables import camera as camera_table

SCHEMES = ("rtsp", "rtsps", "http", "https")
# Some makers want the password inside the address's path or query: `user=admin_password=secret`.
HIDDEN_IN_ADDRESS = re.compile(r"((?:password|passwd|pass|pwd)=)[^&_/;]+", re.IGNORECASE)


class SourceUnusable(UsageError):
    """A source that can't be a camera's, or that carries a password."""


class CameraNameUnusable(UsageError):
    """A camera's name that could not be shown or typed."""


class CameraExists(VeilsightError):
    """A camera with this name is there already."""


class CameraUnknown(VeilsightError):
    """No camera has this name."""


@dataclass(frozen=True, slots=True)
class LineSetting:
    """A line from point 1 to point 2, normalised 0..1."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class ZoneSetting:
    """A polygon, points normalised 0..1."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera: `source` is a URL or a file's path without user name or password, which are kept apart."""

    name: str
    source: str
    username: str = ""
    password: str = field(default="", repr=False)
    lines: tuple[LineSetting, ...] = ()
    zones: tuple[ZoneSetting, ...] = ()
    loop: bool = False
    realtime: bool = False


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
        raise SourceUnusable(f"The address {shown_source(text)} is no camera's; write it like rtsp://host/path.")
    return text


def shown_source(source: str) -> str:
    """The source for people to see, and for the audit log: without a password that a maker put into the address."""
    return HIDDEN_IN_ADDRESS.sub(r"\1***", source)


def add(connection: Connection, camera: Camera, now: datetime | None = None) -> None:
    """Raises `CameraExists` and `CameraNameUnusable`."""
    name = camera.name
    if not 1 <= len(name) <= 60 or not name.isprintable() or name != name.strip() or "/" in name:
        raise CameraNameUnusable(f"A camera can't be called {name!r}; use 1 to 60 printable characters without a /.")
    if get(connection, camera.name) is not None:
        raise CameraExists(f"There is a camera called {camera.name} already; remove it first or choose another name.")
    values = asdict(camera) | {"created": now or datetime.now(UTC)}
    connection.execute(camera_table.insert().values(**values))


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
    values["zones"] = tuple(
        ZoneSetting(zone["name"], tuple((x, y) for x, y in zone["points"])) for zone in values["zones"]
    )
    return Camera(**values)
