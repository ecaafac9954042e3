"""The shapes of the API's answers about the floor, alerts, deliveries and cameras' histories."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.web.api.shapes import Day, Moment, Number


class FloorQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first: Day
    last: Day
    camera: Annotated[str, Meta(description="Only this camera.")] = ""
    compare: Annotated[
        Day | None,
        Meta(description="Compare with as many days from this one on. Both times must be over and not overlap."),
    ] = None


class StaysQuery(FloorQuery, frozen=True, forbid_unknown_fields=True):
    kind: Literal["person", "vehicle"] = "person"


class Change(msgspec.Struct, frozen=True):
    """The number of the other time, and what the present one is more, with a margin of its own.

    The value of `difference` is null where a part of either is withheld, or one of the times was not counted.
    """

    before: Number
    difference: Number


class Stay(msgspec.Struct, frozen=True):
    """The visits of `begin_seconds` or more, up to where the next one begins; `change` where two times are compared."""

    begin_seconds: int
    visits: Number
    change: Change | None = None


class ZoneStays(msgspec.Struct, frozen=True):
    """The visits to one zone that have ended, by their duration."""

    camera: str
    zone: str
    bins: list[Stay]


class Stays(msgspec.Struct, frozen=True):
    kind: Literal["person", "vehicle"]
    zones: list[ZoneStays]


class Way(msgspec.Struct, frozen=True):
    from_zone: str
    to_zone: str
    people: Number
    change: Change | None = None


class CameraWays(msgspec.Struct, frozen=True):
    camera: str
    ways: list[Way]


class Ways(msgspec.Struct, frozen=True):
    """How many went from one zone of a camera to another."""

    cameras: list[CameraWays]


class CameraHeat(msgspec.Struct, frozen=True):
    """The seconds that persons stood in each cell of a camera's picture: rows from the top, each from the left.

    Where two times are compared, `changes` are of the same cells.
    """

    camera: str
    rows: list[list[Number]]
    changes: list[list[Change]] | None = None


class HeatMaps(msgspec.Struct, frozen=True):
    cameras: list[CameraHeat]


class AlertNow(msgspec.Struct, frozen=True):
    """A limit of the settings. `reached` is null where no engine tells; an empty `camera` stands for the store."""

    name: str
    camera: str
    zone: str
    people: int | None
    waiting_seconds: int | None
    reached: bool | None


class Alerts(msgspec.Struct, frozen=True):
    alerts: list[AlertNow]


class Schedule(msgspec.Struct, frozen=True):
    """`every` is empty where a `cron` line says when; `destinations` is empty for all that take reports."""

    name: str
    every: str
    cron: str
    following: Moment | None
    language: str
    destinations: list[str]


class Schedules(msgspec.Struct, frozen=True):
    schedules: list[Schedule]


class DestinationTest(msgspec.Struct, frozen=True):
    """`finished` is null while it waits for the courier; `problem` is empty where the file arrived."""

    asked: Moment
    finished: Moment | None
    problem: str


class DestinationState(msgspec.Struct, frozen=True):
    """A destination without its secret. `problem` is that of the newest failed try, while anything waits."""

    name: str
    kind: str
    to: str
    classes: list[str]
    delivered: int
    waiting: int
    problem: str
    test: DestinationTest | None


class Destinations(msgspec.Struct, frozen=True):
    destinations: list[DestinationState]


class CameraEvent(msgspec.Struct, frozen=True):
    """Something of the audit log about a camera."""

    number: int
    time: Moment
    action: str
    actor: str
    details: dict[str, str | int]


class CameraCheck(msgspec.Struct, frozen=True):
    """A check of the count by eye: the system's count less the person's, as a part of the person's."""

    checked: Moment
    seconds: int
    difference: float


class CameraTime(msgspec.Struct, frozen=True):
    """For how many seconds of a span pictures came and could be relied on, came and could not, did not come, or the
    camera or its program was switched off. What is left of the span is not known."""

    start: Moment
    end: Moment
    streaming_seconds: float
    unreliable_seconds: float
    away_seconds: float
    stopped_seconds: float


class CameraHistory(msgspec.Struct, frozen=True):
    """What happened to a camera in the last 30 days, and the checks of its count in the last 400, newest first; and how
    it spent the last 24 hours and the last 30 days, oldest first."""

    events: list[CameraEvent]
    checks: list[CameraCheck]
    hours: list[CameraTime]
    days: list[CameraTime]
