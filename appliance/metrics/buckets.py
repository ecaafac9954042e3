"""Counts to time buckets aligned to the clock.

A bucket begins at a whole multiple of its length since 1970-01-01 00:00 UTC. It may be cut in two by a restart or by a
clock that is set back; its parts merge to the whole, because every measure is a sum except those named `*_maximum`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from appliance.metrics.counters import FORGET_SECONDS, Totals
from appliance.metrics.floor import labelled

# Frames farther apart than this mean that the camera was down in between; that time was not observed.
LONGEST_GAP_SECONDS = FORGET_SECONDS

Key = tuple[str, str, str, str]
"""Measure, place, kind, direction."""
OBSERVED: Key = ("observed_seconds", "", "", "")
UNRELIABLE: Key = ("unreliable_seconds", "", "", "")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number of one bucket.

    | measure | place | kind | direction | value |
    |---|---|---|---|---|
    | `crossings` | line | person, vehicle | in, out | how many crossed |
    | `crossings_by_label` | line | vehicle | label-direction, such as car-in | those crossings by the vehicle's label |
    | `visits` | zone | person, vehicle | | how many came in |
    | `occupancy_seconds` | zone | person, vehicle | | occupancy integrated over time |
    | `occupancy_maximum` | zone | person, vehicle | | the most at one moment |
    | `dwell` | zone | person, vehicle | a bin, such as 30-60 | visits that ended after so many seconds |
    | `flows` | zone>zone | person | | how many went from one zone to another |
    | `heat_seconds` | column,row | person | | how long persons stood in a cell of the picture |
    | `observed_seconds` | | | | how long the camera was watched |
    | `unreliable_seconds` | | | | for how much of that it did not see what it should, so that counts are too low |
    """

    camera: str
    measure: str
    place: str
    kind: str
    direction: str
    value: float

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """All but the value."""
        return (self.camera, self.measure, self.place, self.kind, self.direction)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Everything measured on one camera from `start` (UTC) for `seconds`, or one part of it.

    Zeros are there too: zero crossings in an observed quarter of an hour is a measurement.
    """

    camera: str
    start: datetime
    seconds: int
    measurements: tuple[Measurement, ...]

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def value(self, measure: str, place: str = "", kind: str = "", direction: str = "") -> float:
        """The value of one measure, 0 where it isn't in the bucket."""
        wanted = (self.camera, measure, place, kind, direction)
        return next((each.value for each in self.measurements if each.key == wanted), 0.0)


def merge_values(measure: str, first: float, second: float) -> float:
    """Join the values of two parts of one bucket: the larger of two maxima, otherwise the sum."""
    return max(first, second) if measure.endswith("_maximum") else first + second


def merge(parts: Iterable[Bucket]) -> Bucket:
    """Join parts of one camera's bucket, in any order. Raises `ValueError` if they aren't of one bucket or none."""
    parts = tuple(parts)
    if not parts or len({(part.camera, part.start, part.seconds) for part in parts}) != 1:
        raise ValueError("only parts of one camera's bucket can be merged")
    merged: dict[tuple[str, str, str, str, str], float] = {}
    for measurement in (each for part in parts for each in part.measurements):
        key = measurement.key
        if key in merged:
            merged[key] = merge_values(measurement.measure, merged[key], measurement.value)
        else:
            merged[key] = measurement.value
    measurements = tuple(Measurement(*key, value) for key, value in merged.items())
    return Bucket(parts[0].camera, parts[0].start, parts[0].seconds, measurements)


def bucket_start(moment: datetime, seconds: int) -> datetime:
    """Start (UTC) of the bucket that the moment lies in. `moment` must know its time zone."""
    since = moment - EPOCH
    length = timedelta(seconds=seconds)
    return EPOCH + (since // length) * length


@dataclass
class Buckets:
    """Cuts one camera's running totals into buckets.

    Give it `Counter.totals()` once a frame. What was added since the last call goes into the bucket of this call's
    moment, so nothing is lost or counted twice whatever the clock does: a clock set back closes the open bucket and
    opens the earlier one again, as a second part to be merged.
    """

    camera: str
    seconds: int = 900
    _sums: Mapping[Key, float] = field(default_factory=dict, init=False, repr=False)
    _start: datetime | None = field(default=None, init=False, repr=False)
    _monotonic: float | None = field(default=None, init=False, repr=False)
    _values: dict[Key, float] = field(default_factory=dict, init=False, repr=False)

    def update(self, moment: datetime, monotonic_seconds: float, totals: Totals) -> tuple[Bucket, ...]:
        """Take the totals as of this frame; return the bucket that closed, if one did.

        `moment` is wall time with a time zone, `monotonic_seconds` a clock that nobody sets. Raises `ValueError` for
        a moment without a time zone.
        """
        if moment.tzinfo is None:
            raise ValueError("the moment needs a time zone")
        observed = self._observed(monotonic_seconds)
        start = bucket_start(moment, self.seconds)
        closed: tuple[Bucket, ...] = ()
        if self._start is not None and start != self._start:
            # The time since the last frame belongs to both buckets; counts belong to the frame that brought them.
            in_new = min(observed, (moment - start).total_seconds())
            self._add(OBSERVED, observed - in_new)
            observed = in_new
            closed = self.close()
        self._start = start
        self._add(OBSERVED, observed)
        self._add(UNRELIABLE, 0.0)
        sums = _sums(totals)
        for key, value in sums.items():
            self._add(key, value - self._sums.get(key, 0.0))
        for (place, kind), occupancy in totals.occupancy.items():
            self._add(("occupancy_maximum", place, kind, ""), float(occupancy))
        self._sums, self._monotonic = sums, monotonic_seconds
        return closed

    def resume(self, bucket: Bucket) -> None:
        """Go on with a bucket that was open before a restart. Call it before the first `update`."""
        self._start = bucket.start
        self._values = {each.key[1:]: each.value for each in bucket.measurements}

    def add_unreliable(self, seconds: float) -> None:
        """So much of the open bucket's observed time can't be relied on. Without an open bucket, nothing happens."""
        if self._start is not None:
            so_far = self._values.get(UNRELIABLE, 0.0)
            self._values[UNRELIABLE] = min(so_far + max(0.0, seconds), self._values.get(OBSERVED, 0.0))

    def open(self) -> Bucket | None:
        """The open bucket as it is now, without closing it; None before the first frame."""
        if self._start is None:
            return None
        measurements = tuple(Measurement(self.camera, *key, value) for key, value in self._values.items())
        return Bucket(self.camera, self._start, self.seconds, measurements)

    def close(self) -> tuple[Bucket, ...]:
        """Close the open bucket, for a stop; the next frame opens its second part."""
        bucket = self.open()
        self._values, self._start = {}, None
        return () if bucket is None else (bucket,)

    def _observed(self, monotonic_seconds: float) -> float:
        if self._monotonic is None:
            return 0.0
        elapsed = monotonic_seconds - self._monotonic
        return elapsed if 0.0 < elapsed <= LONGEST_GAP_SECONDS else 0.0

    def _add(self, key: Key, value: float) -> None:
        self._values[key] = merge_values(key[0], self._values[key], value) if key in self._values else value


def _sums(totals: Totals) -> dict[Key, float]:
    """The running totals that grow, by measure, place, kind and direction."""
    sums: dict[Key, float] = {}
    for (line, kind, direction), count in totals.crossings.items():
        sums["crossings", line, kind, direction] = float(count)
    for (line, label, direction), count in totals.crossings_by_label.items():
        sums["crossings_by_label", line, "vehicle", labelled(label, direction)] = float(count)
    for (zone, kind), visits in totals.visits.items():
        sums["visits", zone, kind, ""] = float(visits)
    for (zone, kind), seconds in totals.occupancy_seconds.items():
        sums["occupancy_seconds", zone, kind, ""] = seconds
    for (zone, kind, name), ended in totals.dwell.items():
        sums["dwell", zone, kind, name] = float(ended)
    for place, moves in totals.flows.items():
        sums["flows", place, "person", ""] = float(moves)
    for cell, seconds in totals.heat_seconds.items():
        sums["heat_seconds", cell, "person", ""] = seconds
    return sums
