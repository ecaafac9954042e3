"""Detections to tracks.

Two-stage association after ByteTrack (Zhang et al., ByteTrack: Multi-Object Tracking by Associating Every Detection
Box, ECCV 2022): certain detections are matched first, then uncertain ones to the tracks left over, so that somebody
half hidden is followed without letting uncertain detections begin a track. Matching uses overlap alone; no appearance
is kept or compared, so nobody can be recognised again.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from appliance.metrics.geometry import Box
from appliance.vision.association import Array, Rows, assign, overlap
from appliance.vision.detections import Detection, Kind, Track
from appliance.vision.motion import Motion, MotionParameters, begin, correct, predict

TRACKED_KINDS: tuple[Kind, ...] = ("person", "vehicle")


@dataclass(frozen=True)
class TrackingParameters:
    """How sure is sure, and how long is long. Scores are the detector's, 0..1."""

    # A detection from here on may begin a track; it should be rare without an object.
    begin_score: float = 0.5
    # A detection from here on is matched first and helps to confirm a track.
    high_score: float = 0.4
    # A detection below this is ignored; ask the detector for boxes from here on.
    low_score: float = 0.15
    # Least overlap (IoU, weighed by the score) in the first stage, least overlap in the second.
    first_overlap: float = 0.15
    second_overlap: float = 0.4
    # A last attempt joins certain detections to tracks left over, with boxes widened on every side by this part of
    # the track's width and height, or by the standard deviation of where it is expected if that is more.
    widen: float = 0.3
    # At most this part of the height, or a track lost for long would catch whoever comes by.
    widen_most: float = 0.4
    widened_overlap: float = 0.3
    # A detection that overlaps a followed track by this much is a second box of the same object and begins nothing.
    double_overlap: float = 0.7
    # So many certain detections over so long confirm a track (at many frames a second a false detection repeats
    # itself); until then it may be missed for so long.
    confirming_detections: int = 3
    confirming_seconds: float = 0.15
    tentative_seconds: float = 0.25
    # An uncertain detection is clutter as often as not: only a track seen in the frame before, or so lately, takes it.
    uncertain_seconds: float = 0.15
    # How long a confirmed track is kept while it isn't seen.
    memory_seconds: float = 2.0
    motion: MotionParameters = field(default_factory=MotionParameters)


@dataclass
class _Record:
    """What the filters don't hold of one track. `votes` are the scores of its detections so far, added up by label."""

    number: int
    kind: Kind
    votes: dict[str, float]
    score: float
    begun: float
    last_seen: float
    first_box: Box
    certain_detections: int = 1
    missed_frames: int = 0
    confirmed: bool = False

    @property
    def label(self) -> str:
        """What the detections called it by most of their scores; of equals what came first."""
        return max(self.votes, key=self.votes.__getitem__)


@dataclass
class _KindTracker:
    """Tracks of one kind; row i of `filters` belongs to `records[i]`."""

    parameters: TrackingParameters
    records: list[_Record] = field(default_factory=list)
    filters: Motion = field(default_factory=lambda: begin(np.empty((0, 4)), MotionParameters()))

    def step(self, detections: Sequence[Detection], time_seconds: float, elapsed: float, numbers: "_Numbers") -> None:
        """Predict, match, correct, begin and forget for one frame."""
        self.filters = predict(self.filters, elapsed, self.parameters.motion)
        boxes = np.array([detection.box for detection in detections], dtype=np.float64).reshape(-1, 4)
        scores = np.array([detection.score for detection in detections], dtype=np.float64)
        rows, columns, new = self._match(boxes, scores, time_seconds)
        correct(self.filters, rows, boxes[columns], scores[columns], self.parameters.motion)
        for record in self.records:
            record.missed_frames += 1
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            self._seen(self.records[row], detections[column], time_seconds)
        self._begin([detections[column] for column in new.tolist()], boxes[new], time_seconds, numbers)
        self._forget(time_seconds)

    def _match(self, boxes: Array, scores: Array, time_seconds: float) -> tuple[Rows, Rows, Rows]:
        """Rows of tracks, the detections matched to them, and the detections that begin a track."""
        p = self.parameters
        predicted = self.filters.boxes()
        high = np.flatnonzero(scores >= p.high_score)
        low = np.flatnonzero((scores >= p.low_score) & (scores < p.high_score))
        likeness = overlap(predicted, boxes[high]) * (0.5 + 0.5 * scores[high])
        r1, c1, left, free = assign(likeness, p.first_overlap)
        r1, c1, free = r1, high[c1], high[free]
        recent = left[[self._takes_uncertain(self.records[row], time_seconds) for row in left.tolist()]]
        pairs = [(r1, c1)]
        if len(recent) and len(low):
            r2, c2, _, _ = assign(overlap(predicted[recent], boxes[low]), p.second_overlap)
            pairs.append((recent[r2], low[c2]))
            left = left[~np.isin(left, recent[r2])]
        if len(left) and len(free):
            size = self.filters.mean[left, 2:]
            unsure = np.minimum(self.filters.uncertainty()[left], p.widen_most * size[:, 1:])
            margins = np.maximum(p.widen * size, unsure)
            r3, c3, _, still = assign(overlap(predicted[left], boxes[free], margins), p.widened_overlap)
            pairs.append((left[r3], free[c3]))
            free = free[still]
        rows, columns = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        if len(free) and len(columns):
            doubled = overlap(boxes[free], boxes[columns]).max(axis=1) >= p.double_overlap
            free = free[~doubled]
        return rows, columns, free[scores[free] >= p.begin_score]

    def _takes_uncertain(self, record: _Record, time_seconds: float) -> bool:
        return record.missed_frames == 0 or time_seconds - record.last_seen <= self.parameters.uncertain_seconds

    def _seen(self, record: _Record, detection: Detection, time_seconds: float) -> None:
        record.missed_frames = 0
        record.last_seen = time_seconds
        record.certain_detections += detection.score >= self.parameters.high_score
        record.score = detection.score
        record.votes[detection.label] = record.votes.get(detection.label, 0.0) + detection.score
        record.confirmed = record.confirmed or (
            record.certain_detections >= self.parameters.confirming_detections
            and time_seconds - record.begun >= self.parameters.confirming_seconds
        )

    def _begin(self, detections: list[Detection], boxes: Array, time_seconds: float, numbers: "_Numbers") -> None:
        if not detections:
            return
        self.filters = self.filters.join(begin(boxes, self.parameters.motion))
        for each in detections:
            votes = {each.label: each.score}
            self.records.append(
                _Record(numbers.next(), each.kind, votes, each.score, time_seconds, time_seconds, each.box)
            )

    def _forget(self, time_seconds: float) -> None:
        p = self.parameters
        keep = [
            row
            for row, record in enumerate(self.records)
            if time_seconds - record.last_seen <= (p.memory_seconds if record.confirmed else p.tentative_seconds)
        ]
        if len(keep) < len(self.records):
            self.records = [self.records[row] for row in keep]
            self.filters = self.filters.take(np.array(keep, dtype=np.intp))

    def tracks(self) -> list[Track]:
        boxes = self.filters.boxes().tolist()
        return [
            Track(
                each.number,
                each.kind,
                each.label,
                each.score,
                Box(*box),
                each.missed_frames,
                each.confirmed,
                each.first_box,
            )
            for each, box in zip(self.records, boxes, strict=True)
        ]


@dataclass
class _Numbers:
    """Track numbers, from a start that nobody can guess, so that numbers of two runs or days can't be joined."""

    last: int = field(default_factory=lambda: secrets.randbelow(2**31))

    def next(self) -> int:
        self.last += 1
        return self.last


class Tracker:
    """Follows persons and vehicles on one camera; persons are matched with persons, vehicles with vehicles."""

    def __init__(self, parameters: TrackingParameters | None = None) -> None:
        self._kinds = {kind: _KindTracker(parameters or TrackingParameters()) for kind in TRACKED_KINDS}
        self._numbers = _Numbers()
        self._time: float | None = None

    def update(self, detections: Sequence[Detection], time_seconds: float) -> tuple[Track, ...]:
        """Take the detections of one frame, boxes in pixels, and return every track, also those missed in it.

        `time_seconds` is monotonic; an earlier time than the last call's counts as the same time. Detections of other
        kinds than `TRACKED_KINDS` are left out. Boxes are the filters' estimates in pixels; they may reach outside
        the frame. A track not seen for `memory_seconds` is gone.
        """
        elapsed = 0.0 if self._time is None else max(0.0, time_seconds - self._time)
        self._time = time_seconds if self._time is None else max(self._time, time_seconds)
        for kind, tracker in self._kinds.items():
            of_kind = [detection for detection in detections if detection.kind == kind]
            if tracker.records or any(detection.score >= tracker.parameters.begin_score for detection in of_kind):
                tracker.step(of_kind, self._time, elapsed, self._numbers)
        return tuple(chain.from_iterable(tracker.tracks() for tracker in self._kinds.values()))
