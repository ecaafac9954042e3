"""Whatever fails, no pixel of what was not redacted is in a file that comes out.

Most tests redact two files whose pictures are different noise: where the results are equal, pixel for pixel, nothing of
either is in them. (The video coder rounds a little differently from run to run.)
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from appliance.vision.catalogue import TASKS, Task
from appliance.vision.frames import RawFrame
from appliance.vision.plates import TextSchedule
from appliance.vision.recordings import Outcome, redact_file
from appliance.vision.redaction import Redactor, cover_whole
from appliance.vision.runtime import Detectors
from tests.vision.faults import (
    BREAKING,
    FAULTS,
    HEIGHT,
    WIDTH,
    clip_that_changes_size,
    clip_with_damage,
    noise_clip,
    with_a_changed_network,
)
from tests.vision.scripted import MOMENT, Picture, detectors
from tests.vision.test_recordings import read_video

# Video coding changes values a little, on average over the picture.
NEAR = 4.0
# The most by which one pixel of a cover may differ between two runs; two pixels of noise differ by 85 on average.
ROUNDING = 24


def redact_both(tmp_path: Path, suffix: str, broken: Detectors) -> tuple[list[Picture], list[Outcome]]:
    """Two pictures or clips of different noise, redacted; the results' pixels."""
    contents: list[Picture] = []
    outcomes = []
    for seed in (1, 2):
        source, target = tmp_path / f"in{seed}{suffix}", tmp_path / f"out{seed}{suffix}"
        if suffix == ".png":
            noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
            cv2.imwrite(str(source), noise)
        else:
            noise_clip(source, seed)
        outcomes.append(redact_file(source, target, broken))
        contents.append(np.stack([picture for _, picture in read_video(target)]))
    return contents, outcomes


def assert_nothing_comes_out(tmp_path: Path, suffix: str, broken: Detectors) -> str:
    """Returns the reason that is given."""
    (first, second), outcomes = redact_both(tmp_path, suffix, broken)
    assert np.abs(first.astype(int) - second).max() <= (0 if suffix == ".png" else ROUNDING)
    assert all(outcome.covered_frames == outcome.frames > 0 for outcome in outcomes)
    assert len(outcomes[0].reason.split()) > 3
    return outcomes[0].reason


@pytest.mark.parametrize("suffix", [".png", ".mp4"])
@pytest.mark.parametrize(("fault", "task"), FAULTS)
def test_a_network_that_fails_in_any_way_covers_every_frame(
    tmp_path: Path, fault: str, task: Task, suffix: str
) -> None:
    assert_nothing_comes_out(tmp_path, suffix, BREAKING[fault](task))


@pytest.mark.parametrize("task", TASKS)
def test_a_network_with_a_wrong_checksum_covers_every_frame(tmp_path: Path, default_models: Path, task: Task) -> None:
    reason = assert_nothing_comes_out(tmp_path, ".mp4", with_a_changed_network(default_models, tmp_path, task))
    assert "veilsight models pull" in reason


@pytest.mark.parametrize("method", ["look", "find", "cover"])
def test_a_redactor_that_runs_out_of_memory_covers_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Redactor, method, fail)
    if method == "look":
        # `look` itself never raises; what it calls does.
        monkeypatch.undo()
        monkeypatch.setattr(TextSchedule, "begin", fail)
    assert "not enough memory" in assert_nothing_comes_out(tmp_path, ".mp4", detectors())


def test_an_answer_to_an_earlier_frame_covers_every_later_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, look = [], Redactor.look

    def look_once(self: Redactor, frame: RawFrame) -> Any:
        first.append(look(self, frame))
        return first[0]

    monkeypatch.setattr(Redactor, "look", look_once)
    redact_file(noise_clip(tmp_path / "in.mkv", 1), tmp_path / "out.mkv", detectors())
    assert_covered(
        [picture for _, picture in read_video(tmp_path / "out.mkv")][1:], "A result belongs to another picture."
    )


def assert_covered(pictures: list[Picture], reason: str) -> None:
    """That each picture is what a cover with this reason looks like, up to what the coding changes."""
    for picture in pictures:
        expected = cover_whole(RawFrame(np.zeros_like(picture), "", 0, 0.0, MOMENT), reason).pixels
        assert float(np.abs(picture.astype(int) - expected).mean()) < NEAR


def test_the_first_frame_of_a_new_size_is_covered(tmp_path: Path) -> None:
    source, lines = clip_that_changes_size(tmp_path / "in.ts", 1), []
    redact_file(source, tmp_path / "out.mkv", detectors(), lines.append)
    changed = [line["frame"] for line in lines if "size has changed" in line.get("reason", "")]
    assert changed == [6]
    assert not lines[5]["whole_frame"]
    assert not lines[7]["whole_frame"]
    pictures = [picture for _, picture in read_video(tmp_path / "out.mkv")]
    # It is written at the video's first size.
    blank = RawFrame(np.zeros((96, 128, 3), np.uint8), "", 0, 0.0, MOMENT)
    expected = cv2.resize(cover_whole(blank, lines[6]["reason"]).pixels, (96, 64))
    assert float(np.abs(pictures[6].astype(int) - expected).mean()) < NEAR


@pytest.mark.parametrize("suffix", [".ts", ".avi"])
def test_a_damaged_picture_and_those_made_from_it_are_covered(tmp_path: Path, suffix: str) -> None:
    source, lines = clip_with_damage(tmp_path / f"in{suffix}", 1), []
    redact_file(source, tmp_path / "out.mkv", detectors(), lines.append)
    whole = [line["frame"] for line in lines if line["whole_frame"]]
    assert whole
    assert whole == list(range(whole[0], 12))
    assert whole[0] <= 4
    pictures = [picture for _, picture in read_video(tmp_path / "out.mkv")]
    assert len(pictures) == 24
    assert_covered(pictures[whole[0] : 12], lines[whole[0]]["reason"])
