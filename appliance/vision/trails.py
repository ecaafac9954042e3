"""Where each track was in each frame of a recording, for measuring accuracy on test clips.

The running appliance never keeps this; only `count --tracks` and the benchmarks do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from appliance.errors import UsageError, VeilsightError
from appliance.files import write_whole
from appliance.metrics.geometry import Box
from appliance.vision.detections import Track

# A track missed for no longer than this is drawn straight from where it was lost to where it was found again.
LONGEST_FILLED_SECONDS = 1.0


class TracksNotWritten(VeilsightError):
    """The file of tracks can't be written."""


class TrailPoint(NamedTuple):
    """One track in one frame; frames count from 1, `box` in pixels."""

    frame: int
    time_seconds: float
    box: Box
    score: float


class TrackRow(NamedTuple):
    """A row of the file: tracks are numbered from 1 in the order in which they appeared."""

    frame: int
    track: int
    kind: str
    box: Box
    score: float


@dataclass
class Trails:
    """Collects the tracks of a recording, frame by frame.

    A track that is never confirmed leaves no trail; of one that is, the frames before that are kept too.
    """

    _trails: dict[int, list[TrailPoint]] = field(default_factory=dict)
    _confirmed: dict[int, str] = field(default_factory=dict)  # track to kind

    def add(self, frame: int, time_seconds: float, tracks: Iterable[Track]) -> None:
        current = set()
        for track in tracks:
            current.add(track.number)
            if track.missed_frames == 0:
                point = TrailPoint(frame, time_seconds, track.box, track.score)
                self._trails.setdefault(track.number, []).append(point)
            if track.confirmed:
                self._confirmed[track.number] = track.kind
        for number in self._trails.keys() - self._confirmed.keys() - current:
            del self._trails[number]

    def rows(self) -> tuple[TrackRow, ...]:
        """Rows in the order of frames, short gaps filled."""
        rows = []
        confirmed = [number for number in self._trails if number in self._confirmed]
        for name, number in enumerate(confirmed, start=1):
            kind = self._confirmed[number]
            points = fill_gaps(self._trails[number])
            rows += [TrackRow(point.frame, name, kind, point.box, point.score) for point in points]
        return tuple(sorted(rows, key=lambda row: (row.frame, row.track)))


def fill_gaps(trail: Sequence[TrailPoint]) -> list[TrailPoint]:
    """The trail with a point in every missed frame of gaps up to `LONGEST_FILLED_SECONDS`, on straight lines."""
    filled = list(trail[:1])
    for point in trail[1:]:
        before = filled[-1]
        missed = point.frame - before.frame
        if point.time_seconds - before.time_seconds <= LONGEST_FILLED_SECONDS:
            filled += [_between(before, point, step / missed) for step in range(1, missed)]
        filled.append(point)
    return filled


def check_target(path: Path) -> None:
    """Raise `UsageError` where no file can be written at `path`, before a long analysis rather than after it."""
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"The tracks can't be written to {path}; name a file in a folder that exists.")


def write_tracks(path: Path, rows: Iterable[TrackRow]) -> None:
    """Write MOTChallenge rows: frame, track, left, top, width, height, score, -1, -1, -1 (Leal-Taixé et al., 2015).

    The file appears whole or not at all. Raises `TracksNotWritten`.
    """
    try:
        write_whole(path, "".join(_line(row) for row in rows).encode("ascii"))
    except OSError as error:
        raise TracksNotWritten(f"The tracks can't be written to {path} ({error.strerror}).") from error


def _line(row: TrackRow) -> str:
    left, top, right, bottom = row.box
    size = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
    return f"{row.frame},{row.track},{size},{row.score:.4f},-1,-1,-1\n"


def _between(before: TrailPoint, after: TrailPoint, part: float) -> TrailPoint:
    box = Box(*(first + part * (last - first) for first, last in zip(before.box, after.box, strict=True)))
    return TrailPoint(
        frame=before.frame + round(part * (after.frame - before.frame)),
        time_seconds=before.time_seconds + part * (after.time_seconds - before.time_seconds),
        box=box,
        score=min(before.score, after.score),
    )
