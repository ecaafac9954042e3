"""What people found when they checked a camera's count by eye. Only the difference is kept, no number of people."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from appliance.storage.tables import counting_check


@dataclass(frozen=True, slots=True)
class CountingCheck:
    """A check that ended at `checked` (UTC) and lasted `seconds`.

    `difference` is the system's count less the person's, as a part of the person's, to the nearest hundredth.
    """

    camera: str
    checked: datetime
    user: str
    seconds: int
    difference: float

    @property
    def accuracy(self) -> float:
        """1 is right; never below 0."""
        return max(0.0, 1.0 - abs(self.difference))


def add(connection: Connection, check: CountingCheck) -> None:
    values = {name: getattr(check, name) for name in CountingCheck.__slots__}
    connection.execute(counting_check.insert().values(**values))


def latest(connection: Connection, before: datetime | None = None) -> dict[str, CountingCheck]:
    """Each camera's last check, or its last before a moment."""
    query = select(counting_check).order_by(counting_check.c.checked)
    if before is not None:
        query = query.where(counting_check.c.checked < before)
    return {row.camera: CountingCheck(**row._mapping) for row in connection.execute(query)}


def between(connection: Connection, start: datetime, end: datetime) -> tuple[CountingCheck, ...]:
    """Every check that ended in [start, end), the oldest first."""
    query = select(counting_check).where(counting_check.c.checked >= start, counting_check.c.checked < end)
    ordered = query.order_by(counting_check.c.checked, counting_check.c.camera)
    return tuple(CountingCheck(**row._mapping) for row in connection.execute(ordered))
