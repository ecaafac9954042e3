"""A recording through detector, tracker and counter: vehicles by label, which the detector does not always agree on."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from appliance.cli.count import as_json, as_text, more_as_json
from appliance.metrics.floor import VEHICLE_LABELS
from appliance.metrics.geometry import Box, Line, Point, parse_zone
from appliance.vision.counting import VideoCounts, count_video
from appliance.vision.detections import Detection
from tests.vision.scripted import Scripted
from tests.vision.test_sources import write_clip

FRAMES = 20
# Upwards through the middle: from left to right is in.
LINE = Line("gate", Point(0.5, 1.0), Point(0.5, 0.0))
YARD = parse_zone("yard=0,0,1,0,1,1,0,1")
CAR, TRUCK = ("car", 0.6), ("truck", 0.9)


def counted(folder: Path, labels: Sequence[tuple[str, float]]) -> VideoCounts:
    """A vehicle goes from left to right; each frame's label with its score."""
    clip, steps = write_clip(folder / "clip.mp4", frames=len(labels)), count()

    def drive(width: int, height: int) -> list[Detection]:
        step = next(steps)
        x = width * (0.1 + 0.8 * step / (len(labels) - 1))
        return [Detection("vehicle", *labels[step], Box(x - 8, height - 20, x + 8, height - 4))]

    return count_video(clip, Scripted(drive), [LINE], [YARD])


def crossed(counts: VideoCounts) -> dict[tuple[str, str], int]:
    by_label = counts.totals.crossings_by_label.items()
    return {(label, direction): number for (_, label, direction), number in by_label if number}


@pytest.mark.parametrize("other", range(FRAMES))
def test_a_vehicle_that_is_misnamed_in_one_frame_counts_for_what_it_was_in_the_others(
    tmp_path: Path, other: int
) -> None:
    """Wherever that frame lies, also where it crosses; with less than twice the score it is outvoted at once."""
    labels = [CAR] * FRAMES
    labels[other] = TRUCK
    assert crossed(counted(tmp_path, labels)) == {("car", "in"): 1}


def test_what_is_counted_of_a_recording_tells_labels(tmp_path: Path) -> None:
    counts = counted(tmp_path, [TRUCK] * FRAMES)
    told = as_json(counts, (LINE,), (YARD,)) | more_as_json(counts, (LINE,), (YARD,), [])
    nothing = {"in": 0, "out": 0}
    assert told["lines"] == {"gate": {"person": nothing, "vehicle": {"in": 1, "out": 0}}}
    assert told["labels"] == {"gate": dict.fromkeys(VEHICLE_LABELS, nothing) | {"truck": {"in": 1, "out": 0}}}
    assert told["vehicles"] == {"yard": {"entered": 1, "left": 0, "inside": 1, "parked": 0}}
    assert "line gate: of them truck 1 in, 0 out" in as_text(counts, (LINE,), (YARD,))
