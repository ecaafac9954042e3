"""What can be asked for of the counts over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from appliance.metrics.floor import VEHICLE_LABELS, labelled
from appliance.metrics.measures import WAYS
from appliance.reports.daily import LEFT, PARKED
from appliance.reports.period import Period
from appliance.storage.daily_sums import Total

Places = Literal["lines", "zones", "queues", "flows"]
Edge = tuple[datetime, datetime]


class Unit(StrEnum):
    """What one point stands for."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


# The longest period in days that is shown in each unit: some hundred points at most.
MOST_DAYS = {Unit.QUARTER: 4, Unit.HOUR: 16, Unit.DAY: 400, Unit.WEEK: 5 * 366, Unit.MONTH: 5 * 366}
LENGTHS = {Unit.QUARTER: timedelta(minutes=15), Unit.HOUR: timedelta(hours=1)}


class Kind(StrEnum):
    """How a number is made of stored ones."""

    SUM = "sum"
    MAXIMUM = "maximum"
    MEAN = "mean"  # seconds of people over seconds of observation
    STAY = "stay"  # seconds of people over visits


@dataclass(frozen=True)
class Subject:
    """What can be asked for: stored measure, kind and direction, at which places, and in what it is told.

    `bins` are several directions of a histogram in the place of the one: what they add up to. In the sums of days they
    are the measure `total`.
    """

    measure: str
    places: Places
    kind: Kind = Kind.SUM
    counted: str = "person"
    direction: str = ""
    told_in: Literal["people", "vehicles", "seconds"] = "people"
    bins: tuple[str, ...] = ()
    total: str = ""

    @property
    def directions(self) -> tuple[str, ...]:
        return self.bins or (self.direction,)


def _bins(total: Total) -> Subject:
    return Subject(
        total.measure, "zones", counted=total.kind, told_in="vehicles", bins=total.directions, total=total.name
    )


SUBJECTS: Mapping[str, Subject] = {
    "in": Subject("crossings", "lines", direction="in"),
    "out": Subject("crossings", "lines", direction="out"),
    "visits": Subject("visits", "zones"),
    "occupancy": Subject("occupancy_seconds", "zones", Kind.MEAN),
    "occupancy-maximum": Subject("occupancy_maximum", "zones", Kind.MAXIMUM),
    "dwell": Subject("occupancy_seconds", "zones", Kind.STAY, told_in="seconds"),
    "queue": Subject("occupancy_seconds", "queues", Kind.MEAN),
    "queue-maximum": Subject("occupancy_maximum", "queues", Kind.MAXIMUM),
    "waiting": Subject("occupancy_seconds", "queues", Kind.STAY, told_in="seconds"),
    "flows": Subject("flows", "flows"),
    "vehicles-in": Subject("crossings", "lines", counted="vehicle", direction="in", told_in="vehicles"),
    "vehicles-out": Subject("crossings", "lines", counted="vehicle", direction="out", told_in="vehicles"),
    "vehicles-entered": Subject("visits", "zones", counted="vehicle", told_in="vehicles"),
    "vehicles-present": Subject("occupancy_seconds", "zones", Kind.MEAN, counted="vehicle", told_in="vehicles"),
    "vehicles-parked": _bins(PARKED),
    "vehicles-left": _bins(LEFT),
    **{
        name: Subject("crossings_by_label", "lines", counted="vehicle", direction=name, told_in="vehicles")
        for name in (labelled(label, way) for label in VEHICLE_LABELS for way in WAYS)
    },
}


@dataclass(frozen=True)
class Question:
    """`places` are the cameras and places that are added up, None for every one there is."""

    subject: Subject
    places: frozenset[tuple[str, str]] | None
    period: Period
    unit: Unit
