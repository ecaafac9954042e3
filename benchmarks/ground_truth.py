"""Hand-made tracks in the MOTChallenge form, and what the product's own rule counts of them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from appliance.metrics.counters import Counter, Observation
from appliance.metrics.geometry import Box, Line

# Boxes by frame (from 1): track number and box in pixels.
Tracks = Mapping[int, Sequence[tuple[int, Box]]]
# Left, top, right and bottom of each box in a picture, in pixels.
Boxes = Sequence[Sequence[float]]


def read_tracks(path: Path, marked_only: bool = False) -> Tracks:
    """Rows `frame,track,left,top,width,height,mark,...`.

    MOTChallenge marks with 0 whom its own evaluation leaves out, mostly people far away; they are people and are read
    like the others unless `marked_only`.
    """
    tracks: dict[int, list[tuple[int, Box]]] = {}
    for row in path.read_text(encoding="ascii").split():
        fields = row.split(",")
        left, top, width, height, mark = map(float, fields[2:7])
        if mark > 0 or not marked_only:
            box = Box(left, top, left + width, top + height)
            tracks.setdefault(int(fields[0]), []).append((int(fields[1]), box))
    return tracks


def count_tracks(
    tracks: Tracks, lines: Sequence[Line], frames: int, frames_per_second: float, size: tuple[int, int]
) -> dict[str, tuple[int, int]]:
    """In and out of each line, by the product's own counter; `size` is width and height in pixels."""
    counter = Counter(lines, ())
    for frame in range(1, frames + 1):
        observations = [Observation(track, "person", "person", box) for track, box in tracks.get(frame, ())]
        counter.update(frame / frames_per_second, observations, *size)
    counter.finish()
    crossings = counter.totals().crossings
    return {line.name: (crossings[line.name, "person", "in"], crossings[line.name, "person", "out"]) for line in lines}


def ground_truth_counts(
    path: Path, lines: Sequence[Line], size: tuple[int, int], frames_per_second: float = 10.0
) -> dict[str, tuple[int, int]]:
    """In and out of each line in a ground-truth file; `size` is width and height of the frames in pixels."""
    tracks = read_tracks(path)
    return count_tracks(tracks, lines, max(tracks, default=0), frames_per_second, size)


def by_frame(rows: Iterable[tuple[int, int, Box]]) -> Tracks:
    """Tracks by frame from rows of frame, track and box."""
    tracks: dict[int, list[tuple[int, Box]]] = {}
    for frame, track, box in rows:
        tracks.setdefault(frame, []).append((track, box))
    return tracks
