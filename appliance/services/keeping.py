"""What becomes of the engine's numbers: copied while a bucket is open, released and stored when it closes.

A stop stores nothing of an open bucket: its copy waits in memory-backed files for the next start, which goes on with
it, so that a restart neither cuts a bucket nor draws noise for it twice. Without such files a stop releases what there
is.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.audit.log import Event, append, entries
from appliance.errors import VeilsightError
from appliance.metrics.anonymity import Policy, Released
from appliance.metrics.geometry import Line, Zone
from appliance.services.measuring import CameraMeasuring, store_part
from appliance.services.open_buckets import COPY_SECONDS, NotInMemory, OpenBuckets, Part, open_copies
from appliance.settings import Anonymity
from appliance.storage import measurements
from appliance.storage.database import reading
from appliance.storage.measurements import MeasurementRow
from appliance.storage.site import Site

logger = logging.getLogger(__name__)


def policy_of(settings: Anonymity) -> Policy:
    return Policy(settings.mode, settings.epsilon if settings.mode == "differential" else 0.0)


class Keeping:
    """The numbers of all cameras at work. Use it as a context manager: inside, open buckets are copied all the time."""

    def __init__(self, site: Site, policy: Policy, folder: Path | None) -> None:
        self._site = site
        self._policy = policy
        self._folder = folder
        self._copies = OpenBuckets(site.identifier)
        self._lock = threading.Lock()
        self._at_work: dict[str, CameraMeasuring] = {}
        self._stopped = threading.Event()
        self._copier = threading.Thread(target=self._copy_again, name="copies of open buckets", daemon=True)

    def __enter__(self) -> Self:
        self._copies = _open_copies(self._site, self._folder)
        self._copier.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._copier.join()
        self._copies.close()

    def begin(
        self,
        camera: str,
        lines: Sequence[Line],
        zones: Sequence[Zone],
        bucket_seconds: int,
        heat: bool = False,
        ignored: Sequence[Zone] = (),
        overhead: bool = False,
        labels: bool = False,
    ) -> CameraMeasuring:
        """Count a camera from now on, and go on with what was left of it."""
        with reading(self._site.engine) as connection:
            last = measurements.last_stored(connection, camera)
        with self._lock:
            left = self._copies.take(camera)
            measuring = CameraMeasuring(
                camera,
                lines,
                zones,
                bucket_seconds,
                self.keep,
                self._policy,
                left,
                last,
                heat,
                ignored,
                overhead,
                labels,
            )
            self._at_work[camera] = measuring
        return measuring

    def leave(self, measuring: CameraMeasuring) -> None:
        """Count the camera no longer; what is not stored yet stays in the copy."""
        with self._lock:
            self._at_work.pop(measuring.camera, None)
            self._copy(measuring)

    def tick(self, now: datetime) -> None:
        """Store what is over, of cameras at work and of those that are not; a failure is logged and tried again."""
        for measuring in tuple(self._at_work.values()):
            _attempt(measuring.camera, partial(measuring.tick, now))
        self.store_left(now)

    def close(self) -> None:
        """After the last camera: without a copy that outlives the process, store what is open now."""
        if not self._copies.survives_the_process:
            self.store_left()

    def keep(self, part: Part, released: Released) -> None:
        """Store a released part and note its number, together."""
        bucket = released.bucket
        rows = [
            MeasurementRow(
                bucket.start,
                bucket.seconds,
                each.camera,
                each.measure,
                each.place,
                each.kind,
                each.direction,
                each.value,
                released.policy.mode,
                released.policy.epsilon,
                released.variances.get(each.measure, 0.0),
            )
            for each in bucket.measurements
        ]
        with self._site.engine.begin() as connection:
            measurements.add_bucket(connection, rows)
            measurements.mark_stored(connection, part.bucket.camera, part.number)

    def store_left(self, now: datetime | None = None) -> None:
        """Store the parts of cameras that are not at work: those that ended before `now`, or all."""
        with self._lock:
            for camera in set(self._copies.cameras()) - set(self._at_work):
                _attempt(camera, partial(self._store_of, camera, now))

    def _store_of(self, camera: str, now: datetime | None) -> None:
        with reading(self._site.engine) as connection:
            last = measurements.last_stored(connection, camera)
        parts = self._copies.take(camera)
        open_still = [part for part in parts if now is not None and part.bucket.end > now]
        try:
            for part in parts:
                if part not in open_still and part.number > last:
                    store_part(part, self.keep)
        except VeilsightError:
            self._copies.put(camera, parts)
            raise
        self._copies.put(camera, open_still)

    def _copy_again(self) -> None:
        while not self._stopped.wait(COPY_SECONDS):
            with self._lock:
                for measuring in self._at_work.values():
                    self._copy(measuring)

    def _copy(self, measuring: CameraMeasuring) -> None:
        try:
            self._copies.put(measuring.camera, measuring.parts())
        except OSError as error:
            logger.error("The open bucket of %s can't be copied: %s", measuring.camera, error)


def settle(site: Site, folder: Path | None) -> None:
    """Release and store what a stopped engine left open, for one who will not start it again soon."""
    with Keeping(site, Policy(), folder) as keeping:
        keeping.store_left()


def record_policy(site: Site, actor: str, settings: Anonymity) -> None:
    """Write into the audit log how counts are made anonymous from now on, where that differs from before."""
    details: dict[str, str | int] = {}
    if settings.mode == "differential":
        details["epsilon"] = f"{settings.epsilon:g}"
    elif settings.mode == "threshold":
        details["k"] = settings.k
    else:
        details["reason"] = settings.reason.strip()
    with site.engine.begin() as connection:
        before = entries(connection, actions=("anonymity-set",), newest_first=True, limit=1)
        if [(entry.event.subject, entry.event.details) for entry in before] != [(settings.mode, details)]:
            append(connection, Event(actor, "anonymity-set", settings.mode, details=details))


def _open_copies(site: Site, folder: Path | None) -> OpenBuckets:
    if folder is not None:
        try:
            return open_copies(site.identifier, folder)
        except NotInMemory as error:
            logger.error("%s A crash loses the open bucket.", error)
    return OpenBuckets(site.identifier)


def _attempt(camera: str, act: Callable[[], None]) -> None:
    try:
        act()
    except VeilsightError as error:
        logger.error("The counts of %s wait to be stored: %s", camera, error)
