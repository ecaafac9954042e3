"""What people write about each camera for the record: its place, what it sees, and where signs tell of it.

It is kept apart from the camera's settings, so that whoever writes a word here disturbs no counting.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from appliance.errors import UsageError
from appliance.language import marked
from appliance.storage.tables import camera_record

LONGEST_TEXT = 300


class RecordUnusable(UsageError):
    """A text that can't be printed in the report, or a date that is none."""


@dataclass(frozen=True, slots=True)
class CameraRecord:
    """Empty is not stated. `signs` says where they hang, `signs_seen` on which day they were last seen (ISO 8601)."""

    camera: str
    location: str = ""
    field_of_view: str = ""
    signs: str = ""
    signs_seen: str = ""


TEXTS = ("location", "field_of_view", "signs")


def read(connection: Connection) -> dict[str, CameraRecord]:
    """What is stated, by camera."""
    names = [camera_record.c[name] for name in CameraRecord.__slots__]
    return {row.camera: CameraRecord(**row._mapping) for row in connection.execute(select(*names))}


def write(connection: Connection, record: CameraRecord, now: datetime | None = None) -> None:
    """Put this in the place of what was stated. Raises `RecordUnusable`."""
    check(record, (now or datetime.now(UTC)).date())
    values = asdict(record) | {"changed": now or datetime.now(UTC)}
    statement = insert(camera_record).values(**values)
    connection.execute(statement.on_conflict_do_update(index_elements=["camera"], set_=values))


def remove(connection: Connection, camera: str) -> None:
    connection.execute(camera_record.delete().where(camera_record.c.camera == camera))


def check(record: CameraRecord, today: date) -> None:
    """Raises `RecordUnusable`. A day later than tomorrow, which it may be somewhere already, has not been."""
    for name in TEXTS:
        text = getattr(record, name)
        if len(text) > LONGEST_TEXT or not text.isprintable() or text != text.strip():
            raise RecordUnusable(
                marked("Please use at most %(number)s printable characters in one line."), number=LONGEST_TEXT
            )
    if not record.signs_seen:
        return
    try:
        seen = date.fromisoformat(record.signs_seen)
    except ValueError as error:
        raise RecordUnusable(
            marked("%(text)s is not a date; write it as 2026-10-01."), text=repr(record.signs_seen)
        ) from error
    if (seen - today).days > 1:
        raise RecordUnusable(marked("%(day)s is in the future; give the day on which the signs were seen."), day=seen)
