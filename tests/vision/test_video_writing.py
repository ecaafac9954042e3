"""Redacted pictures as a video."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.vision.frames import RawFrame, RedactedFrame
from appliance.vision.redaction import cover_whole
from appliance.vision.video_writing import VideoWriter

MOMENT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def picture(width: int = 64, height: int = 48) -> RedactedFrame:
    return cover_whole(RawFrame(np.zeros((height, width, 3), np.uint8), "front", 0, 0.0, MOMENT), "for a test")


def read(path: Path) -> list[tuple[float, int, int]]:
    """Time in seconds, width and height of each frame."""
    with av.open(str(path)) as container:
        return [(frame.time or 0.0, frame.width, frame.height) for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_each_picture_is_shown_from_its_own_time(tmp_path: Path, suffix: str) -> None:
    path, times = tmp_path / f"out{suffix}", [0.0, 0.04, 0.5, 3.25, 3.3]
    with VideoWriter(path, 25.0) as writer:
        for seconds in times:
            writer.write(picture(), seconds)
    assert [time for time, _, _ in read(path)] == pytest.approx(times, abs=0.002)


def test_odd_sides_are_made_even(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", 10.0) as writer:
        writer.write(picture(63, 47), 0.0)
    assert read(tmp_path / "out.mp4") == [(0.0, 64, 48)]


def test_a_new_size_on_the_way_is_shown_at_the_first_size(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", 10.0) as writer:
        for number, size in enumerate([(64, 48), (128, 96), (31, 17)]):
            writer.write(picture(*size), number / 10)
    assert [size for _, *size in read(tmp_path / "out.mp4")] == [[64, 48]] * 3


def test_pictures_of_one_time_keep_their_order(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mkv", 0.0) as writer:
        for seconds in (0.0, 0.5, 0.5, 0.4):
            writer.write(picture(), seconds)
    times = [time for time, _, _ in read(tmp_path / "out.mkv")]
    assert len(times) == 4
    assert times == sorted(times)


def test_the_declared_rate_is_the_one_given(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mkv", 30000 / 1001) as writer:
        for number in range(10):
            writer.write(picture(), number * 1001 / 30000)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].guessed_rate == pytest.approx(Fraction(30000, 1001), rel=1e-3)
