"""One camera's numbers in the engine: tracks in, closed buckets out."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from appliance.metrics.anonymity import release
from appliance.metrics.buckets import Bucket, Buckets
from appliance.metrics.counters import Counter
from appliance.metrics.geometry import Line, Zone
from appliance.vision.counting import observations
from appliance.vision.detections import Track


class CameraMeasuring:
    """Counts one camera's confirmed tracks and hands each bucket on, released, when it closes.

    The camera's own thread calls `observe`; the engine's calls `tick` and `close`. What `keep` gets has passed
    `anonymity.release`; the exact numbers are dropped here. If `keep` raises, the bucket is kept and offered again
    with the next one, so that a full disk loses nothing while the process lives.
    """

    def __init__(
        self,
        camera: str,
        lines: Sequence[Line],
        zones: Sequence[Zone],
        bucket_seconds: int,
        keep: Callable[[Bucket], None],
    ) -> None:
        self.camera = camera
        self._counter = Counter(lines, zones)
        self._buckets = Buckets(camera, bucket_seconds)
        self._keep = keep
        self._waiting: list[Bucket] = []
        self._lock = threading.Lock()

    def observe(self, moment: datetime, monotonic: float, tracks: Sequence[Track], width: int, height: int) -> None:
        """Take one analysed frame: `moment` is its wall time, `monotonic` in seconds, boxes in pixels."""
        seen = observations(tracks)
        with self._lock:
            self._counter.update(monotonic, seen, width, height)
            self._waiting.extend(self._buckets.update(moment, monotonic, self._counter.totals()))

    def tick(self, now: datetime) -> None:
        """Close the bucket if its time is over, also when the camera sends nothing; keep what waits."""
        with self._lock:
            bucket = self._buckets.open()
            if bucket is not None and now >= bucket.end:
                self._waiting.extend(self._buckets.close())
        self._keep_waiting()

    def close(self) -> None:
        """Close the open bucket, for a stop."""
        with self._lock:
            self._waiting.extend(self._buckets.close())
        self._keep_waiting()

    def open_bucket(self) -> Bucket | None:
        """The numbers of the bucket that is open now, with the same restrictions as what is stored."""
        with self._lock:
            bucket = self._buckets.open()
        return None if bucket is None else release(bucket)

    def present(self) -> dict[str, int]:
        """How many persons are in each zone now."""
        with self._lock:
            occupancy = self._counter.totals().occupancy
        return {zone: number for (zone, kind), number in occupancy.items() if kind == "person"}

    def _keep_waiting(self) -> None:
        while self._waiting:
            self._keep(release(self._waiting[0]))
            with self._lock:
                self._waiting.pop(0)
