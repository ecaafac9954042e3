"""Trails of tracks, and the file they are written to."""

from pathlib import Path

import pytest

from appliance.errors import UsageError
from appliance.metrics.geometry import Box
from appliance.vision.detections import Track
from appliance.vision.trails import LONGEST_FILLED_SECONDS, TracksNotWritten, Trails, check_target, write_tracks


def track(number: int, x: float, confirmed: bool = True, missed: int = 0) -> Track:
    return Track(number, "person", "person", 0.5, Box(x, 10, x + 20, 60), missed, confirmed)


def test_tracks_are_numbered_from_one_whatever_their_number_was() -> None:
    trails = Trails()
    for frame in (1, 2):
        trails.add(frame, frame / 10, [track(90017, 0), track(90018, 100)])
    assert [(row.frame, row.track, row.kind) for row in trails.rows()] == [
        (1, 1, "person"),
        (1, 2, "person"),
        (2, 1, "person"),
        (2, 2, "person"),
    ]


def test_frames_before_the_confirmation_belong_to_the_trail() -> None:
    trails = Trails()
    trails.add(1, 0.1, [track(7, 0, confirmed=False)])
    trails.add(2, 0.2, [track(7, 5)])
    assert [row.frame for row in trails.rows()] == [1, 2]


def test_what_is_never_confirmed_leaves_no_trail() -> None:
    trails = Trails()
    trails.add(1, 0.1, [track(7, 0, confirmed=False)])
    trails.add(2, 0.2, [])
    assert trails.rows() == ()


def test_a_short_gap_is_filled_on_a_straight_line() -> None:
    trails = Trails()
    trails.add(1, 0.1, [track(7, 0)])
    trails.add(2, 0.2, [track(7, 999, missed=1)])
    trails.add(3, 0.3, [track(7, 999, missed=2)])
    trails.add(4, 0.4, [track(7, 30)])
    assert [row.box.x1 for row in trails.rows()] == pytest.approx([0, 10, 20, 30])


def test_a_long_gap_stays_open() -> None:
    trails = Trails()
    trails.add(1, 0.0, [track(7, 0)])
    trails.add(30, LONGEST_FILLED_SECONDS + 0.1, [track(7, 30)])
    assert [row.frame for row in trails.rows()] == [1, 30]


def test_the_file_has_motchallenge_rows(tmp_path: Path) -> None:
    trails = Trails()
    trails.add(1, 0.0, [track(7, 5)])
    write_tracks(tmp_path / "tracks.txt", trails.rows())
    assert (tmp_path / "tracks.txt").read_text() == "1,1,5.00,10.00,20.00,50.00,0.5000,-1,-1,-1\n"


def test_a_file_that_can_not_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "tracks.txt"
    target.mkdir()
    with pytest.raises(UsageError):
        check_target(target)
    with pytest.raises(TracksNotWritten, match=r"tracks\.txt"):
        write_tracks(target, [])
    assert list(tmp_path.iterdir()) == [target]
