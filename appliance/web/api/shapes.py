"""The shapes of the API's queries and answers."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.audit.log import Action
from appliance.reports.exploration import Unit

MOST_ENTRIES = 500

Moment = Annotated[datetime, Meta(tz=True, description="With an offset, such as 2026-10-01T08:00:00Z.")]
Day = Annotated[date, Meta(description="A day at the site, such as 2026-10-01.")]
Measure = Literal[
    "in",
    "out",
    "visits",
    "occupancy",
    "occupancy-maximum",
    "dwell",
    "queue",
    "queue-maximum",
    "waiting",
    "flows",
    "vehicles-in",
    "vehicles-out",
    "vehicles-entered",
    "vehicles-present",
    "vehicles-parked",
    "vehicles-left",
    "car-in",
    "car-out",
    "motorcycle-in",
    "motorcycle-out",
    "bus-in",
    "bus-out",
    "truck-in",
    "truck-out",
]


class Number(msgspec.Struct, frozen=True):
    """A number as it may be shown: null where nothing may be said. Not clamped at zero, so that sums stay right."""

    value: float | None
    margin: Annotated[float, Meta(ge=0, description="Half the width of the 95 % interval; 0 is exact.")] = 0.0
    at_least: Annotated[bool, Meta(description="A part is withheld because it is small.")] = False


class Hour(msgspec.Struct, frozen=True):
    start: Moment
    end: Moment
    entered: Number
    left: Number


class ZoneNow(msgspec.Struct, frozen=True):
    """How many people are in a zone at the moment, and the median of how long they have been there."""

    camera: str
    zone: str
    people: int
    seconds: float | None


class Today(msgspec.Struct, frozen=True):
    """The day so far, without what is being counted at the moment; `zones` are empty where no engine runs."""

    site: str
    time: Moment
    day: Day
    engine_running: bool
    entered: Number
    left: Number
    inside: Annotated[int | None, Meta(description="People in the store now; null where that can't be told.")]
    hours: list[Hour]
    zones: list[ZoneNow]


class CountsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    measure: Measure
    first: Day
    last: Day
    unit: Annotated[Unit, Meta(description="What one point stands for.")] = Unit.DAY
    camera: Annotated[str, Meta(description="Only this camera.")] = ""
    place: Annotated[str, Meta(description="Only this line, zone or way of the camera.")] = ""


class Point(msgspec.Struct, frozen=True):
    start: Moment
    end: Moment
    number: Number


class Counts(msgspec.Struct, frozen=True):
    """One measure over time. `told_in` is what its numbers are: people, vehicles or seconds."""

    measure: Measure
    unit: Unit
    first: Day
    last: Day
    told_in: Literal["people", "vehicles", "seconds"]
    whole: Number
    points: list[Point]


class Delay(msgspec.Struct, frozen=True):
    """Seconds from a picture's arrival, in the last minute: half of them took `p50` at most, 95 % `p95`, 99 % `p99`."""

    p50: float
    p95: float
    p99: float


class CameraHealth(msgspec.Struct, frozen=True):
    """`state` is the engine's word, such as streaming; empty without an engine. Rates in pictures a second.

    `decoder` is the hardware that decodes, or software, for the reason given. `to_count` and `to_picture` are the
    delays to the count and to the redacted picture; null where there was none, or nobody looks.
    """

    name: str
    enabled: bool
    state: str
    works: bool
    problem: str
    width: int
    height: int
    arriving: float
    analysed: float
    dropped: int
    reconnects: int
    decoder: str
    decoder_reason: str
    to_count: Delay | None
    to_picture: Delay | None
    lines: list[str]
    zones: list[str]


class Cameras(msgspec.Struct, frozen=True):
    engine_running: bool
    cameras: list[CameraHealth]


class Report(msgspec.Struct, frozen=True):
    """A report that was built. `state` is what its last verification found, empty before the first."""

    name: str
    first: Day
    last: Day
    built: Moment
    by: str
    schedule: str
    bytes: int
    sha256: str
    state: str
    checked: Moment | None


class Reports(msgspec.Struct, frozen=True):
    reports: list[Report]


class EntriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: Annotated[Action | None, Meta(description="Only entries of this action.")] = None
    start: Annotated[Moment | None, Meta(description="Only entries from then on.")] = None
    end: Annotated[Moment | None, Meta(description="Only entries before.")] = None
    newest_first: bool = True
    offset: Annotated[int, Meta(ge=0, le=2**53, description="Leave out so many.")] = 0
    limit: Annotated[int, Meta(ge=1, le=MOST_ENTRIES)] = 100


class AuditEntry(msgspec.Struct, frozen=True):
    number: int
    time: Moment
    actor: str
    action: str
    subject: str
    data_class: str
    bytes: int
    sha256: str
    destination: str
    details: dict[str, str | int]


class Entries(msgspec.Struct, frozen=True):
    """`size` is how many entries the log has."""

    size: int
    entries: list[AuditEntry]


class Verification(msgspec.Struct, frozen=True):
    """The newest verification of the whole log; `problem` is empty where it holds."""

    holds: bool
    problem: str
    verified: Moment
    entries: int
    checkpoint_size: int


class GrowthQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: Annotated[int, Meta(ge=1, le=2**53, description="Of the older checkpoint, in entries.")]


class Growth(msgspec.Struct, frozen=True):
    """Two signed checkpoints, and the consistency path between them (RFC 9162) in base64."""

    old: str
    path: list[str]
    new: str


class Document(msgspec.Struct, frozen=True):
    """An OpenAPI 3.1 document."""

    openapi: str
