"""Alerts on their way from the web program, which sees that a limit is reached, to the courier, which sends them.

A row says which limit it is and whether it is reached, no count. It goes when it is sent or too old to be of use.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from appliance.storage.tables import alert_waiting


@dataclass(frozen=True, slots=True)
class WaitingAlert:
    """`reached` is false for one that is over. `queued` in UTC."""

    number: int
    name: str
    destination: str
    reached: bool
    queued: datetime


def queue(connection: Connection, name: str, destination: str, reached: bool, now: datetime) -> None:
    connection.execute(alert_waiting.insert().values(name=name, destination=destination, reached=reached, queued=now))


def waiting(connection: Connection) -> list[WaitingAlert]:
    """Oldest first."""
    rows = connection.execute(select(alert_waiting).order_by(alert_waiting.c.number))
    return [WaitingAlert(**row._mapping) for row in rows]


def remove(connection: Connection, number: int) -> None:
    connection.execute(alert_waiting.delete().where(alert_waiting.c.number == number))
