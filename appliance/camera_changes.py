"""Adding, changing and removing cameras: checked, and each with its entry in the audit log, both or neither.

The command line and the pages use these functions alone. The engine reads the cameras twice a second, so that what is
changed here takes effect within that time.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from appliance.audit.log import Event, append
from appliance.errors import UsageError
from appliance.metrics.geometry import GeometryError, Line, Point, Zone, check_names
from appliance.storage import camera_records, cameras
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera, LineSetting, ZoneSetting

NAME = re.compile(r"[A-Za-z0-9-]{1,40}")


class PlaceUnusable(UsageError):
    """A line, zone, mask or region that makes no sense, or whose name another has."""


def check_camera_name(name: str) -> None:
    """Raises `UsageError`."""
    if not NAME.fullmatch(name):
        raise UsageError(f"A camera can't be called {name!r}; use 1 to 40 letters, digits and dashes.")


def add_camera(connection: Connection, actor: str, camera: Camera) -> None:
    """Raises `UsageError`, `PlaceUnusable`, `CameraExists` and what else `storage.cameras.add` raises."""
    check_camera_name(camera.name)
    check_places(camera)
    cameras.add(connection, camera)
    details: dict[str, str | int] = {"source": cameras.shown_source(camera.source), **count_places(camera)}
    append(connection, Event(actor, "camera-added", camera.name, "configuration", details=details))


def change_camera(
    connection: Connection, actor: str, name: str, told: str, change: Callable[[Camera], Camera]
) -> Camera:
    """Change one camera; `told` says what was changed, and never a password. Returns it as it is now.

    Raises `CameraUnknown`, `RateUnusable` and `PlaceUnusable`.
    """
    changed = change(cameras.need(connection, name))
    check_places(changed)
    cameras.update(connection, changed)
    append(connection, Event(actor, "camera-changed", name, "configuration", details={"change": told}))
    return changed


def describe_camera(connection: Connection, actor: str, record: CameraRecord, now: datetime | None = None) -> bool:
    """Note for the record where a camera is, what it sees and where signs tell of it; False where nothing is new.

    Raises `CameraUnknown` and `RecordUnusable`.
    """
    cameras.need(connection, record.camera)
    before = camera_records.read(connection).get(record.camera, CameraRecord(record.camera))
    new = [name for name in CameraRecord.__slots__ if getattr(record, name) != getattr(before, name)]
    if not new:
        return False
    camera_records.write(connection, record, now)
    details = {"change": f"record: {', '.join(new)}"}
    append(connection, Event(actor, "camera-changed", record.camera, "configuration", details=details), now)
    return True


def remove_camera(connection: Connection, actor: str, name: str) -> None:
    """Forget a camera; its counts stay. Raises `CameraUnknown`."""
    cameras.remove(connection, name)
    camera_records.remove(connection, name)
    append(connection, Event(actor, "camera-removed", name, "configuration"))


def count_places(camera: Camera) -> dict[str, int]:
    return {
        "lines": len(camera.lines),
        "zones": len(camera.zones),
        "masks": len(camera.masks),
        "ignored": len(camera.ignored),
    }


def check_places(camera: Camera) -> None:
    """Raises `PlaceUnusable` for the first line, zone, mask or region that makes no sense."""
    try:
        check_names([as_line(line) for line in camera.lines], [as_zone(zone) for zone in camera.zones])
        for regions in (camera.masks, camera.ignored):
            check_names([], [as_zone(region) for region in regions])
    except GeometryError as error:
        raise PlaceUnusable(str(error)) from error


def as_line(line: LineSetting) -> Line:
    """Raises `GeometryError`."""
    return Line(line.name, Point(line.x1, line.y1), Point(line.x2, line.y2))


def as_zone(zone: ZoneSetting) -> Zone:
    """Raises `GeometryError`."""
    return Zone(zone.name, tuple(Point(x, y) for x, y in zone.points))


def as_zones(settings: Sequence[ZoneSetting]) -> tuple[Zone, ...]:
    """Raises `GeometryError`."""
    return tuple(as_zone(zone) for zone in settings)
