"""The copy of the open buckets' exact counts, in memory-backed files, so that a crash loses seconds and not the bucket.

Nothing exact may reach a disk: the folder must lie on a tmpfs or ramfs and belong to this user alone, or there is no
copy. A tmpfs can be swapped out: the engine's unit forbids it with `MemorySwapMax=0`; elsewhere, encrypt swap space.
A copy holds sums for a camera's lines and zones, as the page shows them: no track, no box, no moment.

Parts of buckets are numbered for each camera. The database notes the number of the part that it stored last, in the
same transaction, so a copy of something that was stored already is recognised and dropped, and nothing counts twice.
"""

import contextlib
import hashlib
import logging
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from appliance.errors import VeilsightError
from appliance.files import write_whole
from appliance.metrics.anonymity import Mode, Policy, ReleaseError, check
from appliance.metrics.buckets import Bucket, Measurement
from appliance.metrics.measures import Layout

COPY_SECONDS = 3.0
IN_MEMORY = ("tmpfs", "ramfs")
MOUNTS = Path("/proc/self/mountinfo")

logger = logging.getLogger(__name__)


class NotInMemory(VeilsightError):
    """The folder for the copy is not in memory, or others may read it."""


@dataclass(frozen=True)
class Part:
    """The exact counts of a bucket, or of a part of it, with all that its release needs."""

    number: int
    bucket: Bucket
    layout: Layout
    policy: Policy


class OpenBuckets:
    """The parts that are not stored yet, by camera; in `folder` too, unless that is None. For the site of this name."""

    def __init__(self, site: str, folder: Path | None = None) -> None:
        self._site = site
        self._folder = folder
        self._parts: dict[str, tuple[Part, ...]] = {}

    @property
    def survives_the_process(self) -> bool:
        return self._folder is not None

    def put(self, camera: str, parts: Sequence[Part]) -> None:
        """Replace what is kept of the camera. Raises `OSError` where the copy can't be written."""
        self._parts[camera] = tuple(parts)
        if self._folder is None:
            return
        file = self._folder / _file_name(camera)
        if parts:
            write_whole(file, msgspec.json.encode(_Copy(self._site, camera, tuple(map(_flat, parts)))), 0o600)
        else:
            file.unlink(missing_ok=True)

    def take(self, camera: str) -> tuple[Part, ...]:
        """The camera's parts, oldest first, for somebody who keeps them from now on."""
        return self._parts.pop(camera, ())

    def cameras(self) -> tuple[str, ...]:
        """Cameras that have parts which nobody took."""
        return tuple(camera for camera, parts in self._parts.items() if parts)

    def close(self) -> None:
        """Leave no empty folder behind."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.rmdir()

    def load(self) -> None:
        """Read what an earlier process left. A file that can't be read is removed: it holds one bucket."""
        if self._folder is None:
            return
        for unfinished in self._folder.glob(".*"):
            unfinished.unlink(missing_ok=True)
        for file in sorted(self._folder.glob("*.json")):
            try:
                copy = msgspec.json.decode(file.read_bytes(), type=_Copy)
                if copy.site != self._site:
                    file.unlink()
                    continue
                self._parts[copy.camera] = tuple(_part(copy.camera, part) for part in copy.parts)
            except (msgspec.DecodeError, ReleaseError, OSError) as error:
                logger.error("The copy %s of an open bucket can't be read (%s); its counts are lost.", file, error)
                file.unlink(missing_ok=True)


def open_copies(site: str, folder: Path) -> OpenBuckets:
    """The site's copies in this folder, which is made if need be. Raises `NotInMemory`."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise NotInMemory(f"{folder} does not belong to this user alone, so open buckets are not copied there.")
        if file_system(folder) not in IN_MEMORY:
            raise NotInMemory(f"{folder} is not in memory (tmpfs), so open buckets are not copied there.")
    except OSError as error:
        raise NotInMemory(f"Open buckets can't be copied to {folder} ({error.strerror}).") from error
    copies = OpenBuckets(site, folder)
    copies.load()
    return copies


def file_system(path: Path) -> str:
    """The kind of file system that the path lies on, after proc(5); empty where it can't be told."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2] == wanted:
            return after.split()[0]
    return ""


class _Part(msgspec.Struct, frozen=True):
    number: int
    start: int
    seconds: int
    lines: tuple[str, ...]
    zones: tuple[str, ...]
    mode: Mode
    epsilon: float
    values: tuple[tuple[str, str, str, str, float], ...]
    heat: bool = False
    labels: bool = False


class _Copy(msgspec.Struct, frozen=True):
    site: str
    camera: str
    parts: tuple[_Part, ...]


def _file_name(camera: str) -> str:
    return hashlib.sha256(camera.encode()).hexdigest()[:32] + ".json"


def _flat(part: Part) -> _Part:
    return _Part(
        part.number,
        round(part.bucket.start.timestamp()),
        part.bucket.seconds,
        part.layout.lines,
        part.layout.zones,
        part.policy.mode,
        part.policy.epsilon,
        tuple((each.measure, each.place, each.kind, each.direction, each.value) for each in part.bucket.measurements),
        part.layout.heat,
        part.layout.labels,
    )


def _part(camera: str, flat: _Part) -> Part:
    measurements = tuple(Measurement(camera, *value) for value in flat.values)
    start = datetime.fromtimestamp(flat.start, UTC)
    bucket = Bucket(camera, start, flat.seconds, measurements)
    check(bucket)
    layout = Layout(flat.lines, flat.zones, flat.heat, flat.labels)
    return Part(flat.number, bucket, layout, Policy(flat.mode, flat.epsilon))
