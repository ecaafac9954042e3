"""What redaction covers of real heads and plates, and that late networks cover everything."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.catalogue import Task, load_catalogue
from appliance.vision.covers import COVER_COLOUR
from appliance.vision.frames import RawFrame, RedactedFrame
from appliance.vision.redaction import Redactor
from appliance.vision.runtime import Detectors, load_detectors
from appliance.vision.sources import open_source
from appliance.vision.stills import read_picture
from appliance.vision.tracking import Tracker
from benchmarks.coverage import ENOUGH, covered_part, heads
from benchmarks.ground_truth import read_tracks

DEADLINE = 60.0
# Frames of the clip in which people walk alone, in groups and past each other.
FIRST, LAST, EVERY = 200, 290, 5


@pytest.fixture(scope="module")
def detectors(default_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Detectors:
    return load_detectors(default_models, tmp_path_factory.mktemp("compiled"), ("CPU",), load_catalogue())


def is_covered(picture: RedactedFrame) -> NDArray[np.bool_]:
    """Where the picture's own pixels are those of a cover, bool [H, W]."""
    return np.asarray((picture.pixels == COVER_COLOUR).all(axis=2))


def test_heads_of_walking_people_are_covered_as_a_viewer_sees_them(pets_clip: Path, detectors: Detectors) -> None:
    truth, parts = read_tracks(pets_clip.with_name("gt.txt")), []
    redactor, tracker = Redactor(detectors, DEADLINE), Tracker()
    with open_source(str(pets_clip), "front") as source:
        for number, frame in enumerate(source, start=1):
            if number > LAST:
                break
            if number < FIRST:
                continue
            looking = redactor.look(frame)
            objects = detectors.need("people-vehicles").start(frame.pixels).result(DEADLINE)
            picture = redactor.redact(frame, looking, objects, tracker.update(objects, frame.monotonic))
            if number % EVERY == 0:
                assert not picture.whole_frame
                parts += [covered_part(is_covered(picture), head) for _, head in heads(truth, number)]
    assert len(parts) > 80
    assert np.mean([part >= ENOUGH for part in parts]) >= 0.97


def test_plates_are_covered(evaluation_data: Path, detectors: Detectors) -> None:
    parts, areas = [], []
    for label in sorted((evaluation_data / "plates-eu").glob("*.txt"))[::6]:
        name, *numbers = label.read_text(encoding="utf-8").split("\t")[:5]
        left, top, width, height = map(float, numbers)
        frame = RawFrame.of_picture(read_picture(label.with_name(name)), name)
        redactor = Redactor(detectors, DEADLINE)
        objects = detectors.need("people-vehicles").start(frame.pixels).result(DEADLINE)
        picture = redactor.redact(frame, redactor.look(frame), objects, ())
        assert not picture.whole_frame
        parts.append(covered_part(is_covered(picture), Box(left, top, left + width, top + height)))
        areas.append(float(is_covered(picture).mean()))
    assert len(parts) >= 18
    assert min(parts) >= ENOUGH
    assert np.mean(areas) < 0.1


@pytest.mark.parametrize("task", ["faces", "text"])
def test_a_network_that_is_too_busy_covers_the_whole_frame(pets_clip: Path, detectors: Detectors, task: Task) -> None:
    with open_source(str(pets_clip), "front") as source:
        frame = next(iter(source))
    network, redactor = detectors.need(task), Redactor(detectors, deadline_seconds=0.0)
    before = [network.start(frame.pixels) for _ in range(10)]
    picture = redactor.redact(frame, redactor.look(frame), (), ())
    assert picture.whole_frame
    assert "no result within 0 seconds" in picture.reason
    assert float((picture.pixels == frame.pixels).all(axis=2).mean()) < 0.001
    assert all(isinstance(each.result(DEADLINE), tuple) for each in before)
