"""Counted crossings against true ones: each direction by itself, misses and false counts apart.

Net totals hide cancellation: a miss and a false count, or an in and an out, add up to nothing. So each counted crossing
is matched to a true crossing of the same line and direction at about the same time, one to one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from appliance.metrics.counters import DIRECTIONS, SETTLE_SECONDS, Counter, Observation
from appliance.metrics.geometry import Line
from benchmarks.ground_truth import Tracks

# A counted crossing may be so far from its true one in time: a box's lower edge reaches a line some steps early or
# late, and a track that is lost at the line counts when it is found again.
TOLERANCE_SECONDS = 2.0

Times = Mapping[tuple[str, str], Sequence[float]]
"""When each line was crossed in each direction, by line and direction; seconds, ascending."""


class Matching(NamedTuple):
    """Number of pairs, and the times of true crossings without a counted one and of counted ones without a true one."""

    matched: int
    missed: tuple[float, ...]
    false: tuple[float, ...]


@dataclass(frozen=True)
class Score:
    """One line and direction."""

    truth: int
    counted: int
    missed: int
    false: int

    @property
    def error(self) -> int:
        """Counted less true crossings."""
        return self.counted - self.truth


Observed = Mapping[int, Sequence[Observation]]
"""By frame, from 1."""


def as_observed(tracks: Tracks) -> Observed:
    """Hand-made tracks of persons, as if they had been seen."""
    return {
        frame: [Observation(track, "person", "person", box) for track, box in boxes] for frame, boxes in tracks.items()
    }


def crossing_times(
    observed: Observed, lines: Sequence[Line], frames: Mapping[int, float], size: tuple[int, int]
) -> Times:
    """The crossings by the product's own counter.

    `frames` are the frames that are looked at, with their times in seconds; `size` is width and height in pixels.
    """
    counter, times = Counter(lines, ()), defaultdict[tuple[str, str], list[float]](list)
    moments = [(time_seconds, observed.get(frame, ())) for frame, time_seconds in sorted(frames.items())]
    # A last look, for who was lost barely beyond a line at the end.
    moments.append((moments[-1][0] + SETTLE_SECONDS + 1.0, ()))
    for time_seconds, observations in moments:
        for crossing in counter.update(time_seconds, observations, *size):
            times[crossing.line, crossing.direction].append(crossing.time_seconds)
    return times


def match(truth: Sequence[float], counted: Sequence[float], tolerance: float = TOLERANCE_SECONDS) -> Matching:
    """Pair as many as possible that are at most `tolerance` seconds apart; both ascending.

    Taking the earliest of each side that fit is optimal where every window has the same width.
    """
    i = j = 0
    missed, false = list[float](), list[float]()
    while i < len(truth) and j < len(counted):
        if abs(truth[i] - counted[j]) <= tolerance:
            i, j = i + 1, j + 1
        elif truth[i] < counted[j]:
            missed.append(truth[i])
            i += 1
        else:
            false.append(counted[j])
            j += 1
    missed, false = [*missed, *truth[i:]], [*false, *counted[j:]]
    return Matching(len(truth) - len(missed), tuple(missed), tuple(false))


def score(truth: Times, counted: Times, lines: Iterable[Line]) -> dict[tuple[str, str], Score]:
    """Every line and direction."""
    scores = {}
    for key in ((line.name, direction) for line in lines for direction in DIRECTIONS):
        true_times, counted_times = truth.get(key, ()), counted.get(key, ())
        matching = match(true_times, counted_times)
        scores[key] = Score(len(true_times), len(counted_times), len(matching.missed), len(matching.false))
    return scores


def summary(scores: Mapping[tuple[str, str], Score]) -> dict[str, float | int]:
    """Sums over lines and directions; the parts are of all true crossings."""
    true = sum(each.truth for each in scores.values())
    absolute = sum(abs(each.error) for each in scores.values())
    return {
        "truth": true,
        "counted": sum(each.counted for each in scores.values()),
        "missed": sum(each.missed for each in scores.values()),
        "false": sum(each.false for each in scores.values()),
        "absolute_error": absolute,
        "absolute_error_part": round(absolute / max(1, true), 4),
        "missed_and_false_part": round(sum(each.missed + each.false for each in scores.values()) / max(1, true), 4),
    }


def drift(truth: Times, counted: Times, lines: Iterable[Line]) -> dict[str, float | int]:
    """How far in minus out strays from the truth, with each line taken as the only entrance of a store of its own.

    Only misses and false counts move it, so that a crossing counted a step late is no drift. `largest` is the most
    that it ever strayed at one line, `mean_at_end` the mean of what is left at the end.
    """
    largest, at_end = 0, []
    for line in lines:
        steps = []
        for direction, way in (("in", 1), ("out", -1)):
            key = line.name, direction
            matching = match(truth.get(key, ()), counted.get(key, ()))
            steps += [(time, -way) for time in matching.missed] + [(time, way) for time in matching.false]
        strayed = 0
        for _, step in sorted(steps):
            strayed += step
            largest = max(largest, abs(strayed))
        at_end.append(abs(strayed))
    return {"largest": largest, "mean_at_end": round(sum(at_end) / max(1, len(at_end)), 3)}
