"""A recording to counts: every frame through the detector, the tracker and the counter."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.metrics.counters import Counter, Observation, Totals
from appliance.metrics.geometry import Line, Zone
from appliance.vision.detections import Detection, Track
from appliance.vision.privacy_masks import outside
from appliance.vision.runtime import Detector, PendingDetections
from appliance.vision.sources import SourceError, open_source
from appliance.vision.tracking import Tracker
from appliance.vision.trails import TrackRow, Trails

# Enough for the device never to wait for decoding; more would only hold memory. Results are taken some at a time: right
# after another frame the code and its data are in the processor's cache, right after a network they are not.
FRAMES_IN_FLIGHT = 8
FRAMES_AT_A_TIME = 4
# The first frame waits until the network is compiled.
DEADLINE_SECONDS = 60.0

Progress = Callable[[int], None]


@dataclass(frozen=True)
class VideoCounts:
    """What was counted in a recording of `seconds`, analysed at `frames_per_second`.

    `tracks` is empty unless asked for.
    """

    frames: int
    seconds: float
    frames_per_second: float
    totals: Totals
    tracks: tuple[TrackRow, ...]


@dataclass(frozen=True)
class DetectedFrame:
    """What the detector found in one frame; `number` counts from 1, boxes in pixels."""

    number: int
    time_seconds: float
    width: int
    height: int
    detections: tuple[Detection, ...]


def observations(tracks: Iterable[Track]) -> tuple[Observation, ...]:
    """What may be counted of a frame: confirmed tracks that were seen in it, not where others are guessed to be."""
    return tuple(
        Observation(track.number, track.kind, track.label, track.box, track.first_box)
        for track in tracks
        if track.confirmed and track.missed_frames == 0
    )


def count_video(
    path: Path,
    detector: Detector,
    lines: Sequence[Line],
    zones: Sequence[Zone],
    keep_tracks: bool = False,
    progress: Progress | None = None,
    masks: Sequence[Zone] = (),
    heat: bool = False,
    ignored: Sequence[Zone] = (),
    overhead: bool = False,
) -> VideoCounts:
    """Analyse every frame of the file and count.

    `progress` is called with the number of frames done so far. What lies beneath the `masks` is not looked at; `heat`,
    `ignored` and `overhead` are the counter's. Raises
    `SourceError` for a file that isn't a video, `InferenceFailed` when the detector fails, and `GeometryError` where
    two lines or zones share a name.
    """
    counter = Counter(lines, zones, heat=heat, ignored=ignored, overhead=overhead, labels=True)
    tracker, trails = Tracker(), Trails()
    began = time.perf_counter()
    frames, first, last = 0, 0.0, 0.0
    for frame in detect_frames(path, detector, masks):
        tracks = tracker.update(frame.detections, frame.time_seconds)
        counted = outside(masks, tracks, frame.width, frame.height)
        counter.update(frame.time_seconds, observations(counted), frame.width, frame.height)
        if keep_tracks:
            trails.add(frame.number, frame.time_seconds, tracks)
        first = frame.time_seconds if frames == 0 else first
        frames, last = frame.number, frame.time_seconds
        if progress:
            progress(frames)
    counter.finish()
    # The last frame is shown for as long as the others.
    seconds = (last - first) * frames / (frames - 1) if frames > 1 else 0.0
    speed = frames / max(time.perf_counter() - began, 1e-9)
    return VideoCounts(frames, seconds, speed, counter.totals(), trails.rows())


def detect_frames(path: Path, detector: Detector, masks: Sequence[Zone] = ()) -> Iterator[DetectedFrame]:
    """The detections of every frame of the file, in order, several frames in flight to the detector.

    Raises `SourceError` and `InferenceFailed`.
    """
    waiting: deque[tuple[int, float, int, int, PendingDetections]] = deque()
    with open_source(str(path), camera=path.name, masks=masks) as source:
        for number, frame in enumerate(source, start=1):
            pending = detector.start(frame.pixels)
            waiting.append((number, frame.monotonic, frame.width, frame.height, pending))
            if len(waiting) >= FRAMES_IN_FLIGHT:
                for _ in range(FRAMES_AT_A_TIME):
                    yield _finished(*waiting.popleft())
        if source.received == 0:
            raise SourceError(f"{path} holds no picture; try another file.")
    while waiting:
        yield _finished(*waiting.popleft())


def _finished(number: int, time_seconds: float, width: int, height: int, pending: PendingDetections) -> DetectedFrame:
    return DetectedFrame(number, time_seconds, width, height, pending.result(DEADLINE_SECONDS))
