"""Tests of destinations on their way from the web program, which signs, to the courier, which sends.

There is one row a destination, for its newest test. What is sent is not stored: the courier makes it of the
destination's name and the time, and it fits the signature or is not sent.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from appliance.storage.tables import destination_trial as table


@dataclass(frozen=True, slots=True)
class Trial:
    """Times in UTC. `finished` is None while it waits for the courier; `problem` is empty where the file arrived."""

    destination: str
    asked: datetime
    signature: str
    finished: datetime | None = None
    problem: str = ""


def ask(connection: Connection, trial: Trial) -> None:
    """Take the place of the destination's earlier test."""
    values = {"asked": trial.asked, "signature": trial.signature, "finished": None, "problem": ""}
    statement = insert(table).values(destination=trial.destination, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["destination"], set_=values))


def newest(connection: Connection) -> dict[str, Trial]:
    """The newest test of each destination that was ever tested on the page."""
    rows = connection.execute(select(table).order_by(table.c.destination))
    return {row.destination: Trial(**row._mapping) for row in rows}


def waiting(connection: Connection) -> list[Trial]:
    """Those that were not sent yet."""
    return [trial for trial in newest(connection).values() if trial.finished is None]


def finish(connection: Connection, trial: Trial, now: datetime, problem: str = "") -> None:
    """Note what came of it, unless another one was asked for meanwhile."""
    where = (table.c.destination == trial.destination) & (table.c.asked == trial.asked)
    connection.execute(table.update().where(where).values(finished=now, problem=problem))
