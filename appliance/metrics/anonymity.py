"""What of a closed bucket may be stored.

Today this is an allow-list and nothing more. The counts that pass are **exact for each bucket**: there is no noise and
no smallest count yet, so a bucket with one crossing says that one person crossed in that quarter of an hour. Nothing
finer passes: no track, no moment within the bucket, no position, no single dwell.
"""

import math
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from appliance.metrics.buckets import Bucket, Measurement
from appliance.metrics.counters import COUNTED_KINDS, DIRECTIONS

# A finer bucket could single out one visit.
SHORTEST_BUCKET_SECONDS = 300


class Allowed(NamedTuple):
    """The values that a measure's columns may have; `has_place` says whether it names a line or zone."""

    has_place: bool
    kinds: frozenset[str]
    directions: frozenset[str]
    whole_number: bool


_NONE = frozenset({""})
_KINDS = frozenset(COUNTED_KINDS)

# Every measure that may be stored. A new one is stored only after a line is written here.
ALLOWED = MappingProxyType(
    {
        "crossings": Allowed(True, _KINDS, frozenset(DIRECTIONS), True),
        "visits": Allowed(True, _KINDS, _NONE, True),
        "occupancy_seconds": Allowed(True, _KINDS, _NONE, False),
        "occupancy_maximum": Allowed(True, _KINDS, _NONE, True),
        "observed_seconds": Allowed(False, _NONE, _NONE, False),
    }
)


class ReleaseError(ValueError):
    """A bucket that is too fine, or whose edges lie off the clock's grid, so that it could be cut around one visit."""


def release(bucket: Bucket) -> Bucket:
    """The part of a closed bucket that may be stored: measurements on the allow-list, nothing else.

    Raises `ReleaseError` for a bucket shorter than `SHORTEST_BUCKET_SECONDS` or not aligned to the UTC clock.
    """
    if bucket.seconds < SHORTEST_BUCKET_SECONDS:
        raise ReleaseError(f"a bucket of {bucket.seconds} s is too fine to be stored")
    if bucket.start.timestamp() % bucket.seconds:
        raise ReleaseError(f"the bucket from {bucket.start.isoformat()} is not aligned to the clock")
    return replace(bucket, measurements=tuple(each for each in bucket.measurements if _may_be_stored(bucket, each)))


def _may_be_stored(bucket: Bucket, measurement: Measurement) -> bool:
    allowed = ALLOWED.get(measurement.measure)
    return (
        allowed is not None
        and measurement.camera == bucket.camera
        and bool(measurement.place) == allowed.has_place
        and measurement.kind in allowed.kinds
        and measurement.direction in allowed.directions
        and math.isfinite(measurement.value)
        and measurement.value >= 0
        and (not allowed.whole_number or float(measurement.value).is_integer())
    )
