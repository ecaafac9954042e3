"""The cameras that people set up, with their lines and zones (normalised 0..1)."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from appliance.errors import VeilsightError
from appliance.storage.tables import camera as camera_table


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


def add(connection: Connection, camera: Camera, now: datetime | None = None) -> None:
    """Raises `CameraExists`."""
    if get(connection, camera.name) is not None:
        raise CameraExists(f"There is a camera called {camera.name} already; remove it first or choose another name.")
    values = asdict(camera) | {"created": now or datetime.now(UTC)}
    connection.execute(camera_table.insert().values(**values))


def remove(connection: Connection, name: str) -> None:
    """Raises `CameraUnknown`."""
    if not connection.execute(camera_table.delete().where(camera_table.c.name == name)).rowcount:
        raise CameraUnknown(f"There is no camera called {name}; `veilsight camera list` shows those there are.")


def get(connection: Connection, name: str) -> Camera | None:
    row = connection.execute(select(camera_table).where(camera_table.c.name == name)).first()
    return None if row is None else _as_camera(row)


def list_cameras(connection: Connection) -> tuple[Camera, ...]:
    """All cameras by name."""
    return tuple(_as_camera(row) for row in connection.execute(select(camera_table).order_by(camera_table.c.name)))


def _as_camera(row: Row[tuple[Any, ...]]) -> Camera:
    values = dict(row._mapping)
    del values["created"]
    values["lines"] = tuple(LineSetting(**line) for line in values["lines"])
    values["zones"] = tuple(
        ZoneSetting(zone["name"], tuple((x, y) for x, y in zone["points"])) for zone in values["zones"]
    )
    return Camera(**values)
