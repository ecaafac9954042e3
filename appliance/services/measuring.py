"""One camera's numbers in the engine: tracks in, closed buckets out."""

import threading
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from appliance.metrics.anonymity import Policy, Released, permitted, release
from appliance.metrics.buckets import Bucket, Buckets
from appliance.metrics.counters import Counter
from appliance.metrics.geometry import Line, Zone
from appliance.metrics.measures import Layout
from appliance.metrics.noise import add_noise
from appliance.metrics.sizes import PersonSizes
from appliance.services.open_buckets import Part
from appliance.vision.counting import observations
from appliance.vision.detections import Track

Keep = Callable[[Part, Released], None]
"""Stores what was released of a part, and notes the part's number, in one transaction."""


@dataclass
class _Waiting:
    """A closed part that is to be stored. Its noise is drawn once, however often storing it fails."""

    part: Part
    released: Released | None = None

    def store(self, keep: Keep) -> None:
        if self.released is None:
            self.released = release(self.part.bucket, self.part.layout, self.part.policy, add_noise)
        keep(self.part, self.released)


def store_part(part: Part, keep: Keep) -> None:
    """Release a part that nobody continues, and store it."""
    _Waiting(part).store(keep)


class CameraMeasuring:
    """Counts one camera's confirmed tracks and hands each bucket on, released, when it closes.

    The camera's own thread calls `observe`; the engine's calls `tick`; any may call the rest. What `keep` gets has
    passed `anonymity.release`; the exact numbers are dropped here. If `keep` raises, the bucket is kept and offered
    again with the next one, so that a full disk loses nothing while the process lives.

    `left` is what an earlier counting of this camera left behind, oldest first. Its last part is continued where it was
    counted in the same way and its time is not over; the others are stored as they are. `last_stored` is the number of
    the part that was stored last: `left` may hold parts that were stored already.
    """

    def __init__(
        self,
        camera: str,
        lines: Sequence[Line],
        zones: Sequence[Zone],
        bucket_seconds: int,
        keep: Keep,
        policy: Policy,
        left: Sequence[Part] = (),
        last_stored: int = 0,
        heat: bool = False,
        ignored: Sequence[Zone] = (),
        overhead: bool = False,
        labels: bool = False,
    ) -> None:
        self.camera = camera
        self._layout = Layout.of(lines, zones, heat, labels)
        self._policy = policy
        self._counter = Counter(
            lines, zones, bounded=policy.bounded, heat=heat, ignored=ignored, overhead=overhead, labels=labels
        )
        self._sizes = PersonSizes(overhead)
        self._buckets = Buckets(camera, bucket_seconds)
        self._keep = keep
        self._lock = threading.Lock()
        parts = [part for part in left if part.number > last_stored]
        self._number = max([last_stored, *(part.number for part in parts)]) + 1
        if parts and self._can_continue(parts[-1], bucket_seconds):
            self._number = parts[-1].number
            self._buckets.resume(parts.pop().bucket)
        self._waiting = [_Waiting(part) for part in parts]

    def observe(self, moment: datetime, monotonic: float, tracks: Sequence[Track], width: int, height: int) -> None:
        """Take one analysed frame: `moment` is its wall time, `monotonic` in seconds, boxes in pixels."""
        seen = observations(tracks)
        with self._lock:
            self._counter.update(monotonic, seen, width, height)
            self._sizes.add(monotonic, [each.box for each in seen if each.kind == "person"], width, height)
            self._closed(self._buckets.update(moment, monotonic, self._counter.totals()))

    def mark_unreliable(self, seconds: float) -> None:
        """So much of the time before now can't be relied on: the camera did not see what it should."""
        with self._lock:
            self._buckets.add_unreliable(seconds)

    def tick(self, now: datetime) -> None:
        """Close the bucket if its time is over, also when the camera sends nothing; keep what waits."""
        with self._lock:
            bucket = self._buckets.open()
            if bucket is not None and now >= bucket.end:
                self._closed(self._buckets.close())
        self._keep_waiting()

    def parts(self) -> tuple[Part, ...]:
        """Everything that is not stored yet, exact, oldest first; the open bucket last."""
        with self._lock:
            bucket = self._buckets.open()
            waiting = tuple(each.part for each in self._waiting)
            return waiting if bucket is None else (*waiting, self._part(bucket))

    def open_bucket(self) -> Bucket | None:
        """The exact numbers of the bucket that is open now, for the page; only what may be stored of it with noise."""
        with self._lock:
            bucket = self._buckets.open()
        return None if bucket is None else permitted(bucket, self._layout)

    def present(self) -> dict[str, int]:
        """How many persons are in each zone now."""
        with self._lock:
            occupancy = self._counter.totals().occupancy
        return {zone: number for (zone, kind), number in occupancy.items() if kind == "person"}

    def entered(self, inner: Set[str] = frozenset()) -> int:
        """How many persons went in over lines that are not `inner`, since this counting began."""
        with self._lock:
            crossings = self._counter.totals().crossings
        return sum(
            count
            for (line, kind, direction), count in crossings.items()
            if (kind, direction) == ("person", "in") and line not in inner
        )

    def waiting(self) -> dict[str, float]:
        """The median of how long the persons in each zone have been there, in seconds; zones with nobody are left out.

        A median, so that one who stands there all day does not decide.
        """
        with self._lock:
            waits = self._counter.waits()
        return {zone: round(median(seconds), 1) for zone, seconds in waits.items() if seconds}

    def advice(self) -> tuple[str, ...]:
        """What keeps this camera from counting well, in sentences."""
        with self._lock:
            return self._sizes.advice()

    def _can_continue(self, part: Part, bucket_seconds: int) -> bool:
        return (part.layout, part.policy, part.bucket.seconds) == (self._layout, self._policy, bucket_seconds)

    def _part(self, bucket: Bucket) -> Part:
        return Part(self._number, bucket, self._layout, self._policy)

    def _closed(self, buckets: Sequence[Bucket]) -> None:
        for bucket in buckets:
            self._waiting.append(_Waiting(self._part(bucket)))
            self._number += 1

    def _keep_waiting(self) -> None:
        while self._waiting:
            self._waiting[0].store(self._keep)
            with self._lock:
                self._waiting.pop(0)
