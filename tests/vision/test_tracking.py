"""Tracks from made-up detections: who keeps a number, who gets one, who is forgotten."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.metrics.counters import Counter
from appliance.metrics.geometry import Box, parse_line
from appliance.vision.counting import observations
from appliance.vision.detections import Detection, Kind, Track
from appliance.vision.tracking import Tracker, TrackingParameters

PARAMETERS = TrackingParameters()
MEMORY = PARAMETERS.memory_seconds


def person(x: float, y: float = 300.0, score: float = 0.8, height: float = 80.0, kind: Kind = "person") -> Detection:
    """A person of the given height in pixels whose box has its centre at x, y."""
    width = 0.4 * height
    return Detection(kind, kind, score, Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))


def follow(tracker: Tracker, frames: Iterable[list[Detection]], step: float = 0.1) -> list[tuple[Track, ...]]:
    return [tracker.update(detections, index * step) for index, detections in enumerate(frames)]


def nearest(tracks: Iterable[Track], x: float) -> Track:
    return min(tracks, key=lambda track: abs((track.box.x1 + track.box.x2) / 2 - x))


def numbers(frames: Iterable[Iterable[Track]]) -> set[int]:
    return {track.number for tracks in frames for track in tracks}


def test_a_walker_keeps_one_number_and_is_confirmed() -> None:
    frames = follow(Tracker(), [[person(100 + 6 * step)] for step in range(50)])
    assert len(numbers(frames)) == 1
    assert not frames[0][0].confirmed
    assert frames[PARAMETERS.confirming_detections - 1][0].confirmed
    assert frames[-1][0].missed_frames == 0


def test_the_estimate_stays_on_a_steady_walker() -> None:
    frames = follow(Tracker(), [[person(100 + 6 * step)] for step in range(50)])
    box = frames[-1][0].box
    assert (box.x1 + box.x2) / 2 == pytest.approx(100 + 6 * 49, abs=2)
    assert box.y2 == pytest.approx(340, abs=1)


@pytest.mark.parametrize("keep_every", [1, 2, 3, 5])
def test_dropped_frames_do_not_matter(keep_every: int) -> None:
    tracker = Tracker()
    seen = [
        tracker.update([person(100 + 6 * step), person(700 - 5 * step, 420)], step / 10)
        for step in range(0, 60, keep_every)
    ]
    assert len(numbers(seen)) == 2
    assert all(track.confirmed for track in seen[-1])


def test_two_who_pass_each_other_keep_their_numbers() -> None:
    def walking(step: int) -> list[Detection]:
        return [person(100 + 8 * step, 300), person(500 - 8 * step, 318)]

    frames = follow(Tracker(), map(walking, range(50)))
    to_the_right, to_the_left = nearest(frames[10], 180).number, nearest(frames[10], 420).number
    assert nearest(frames[-1], 492).number == to_the_right
    assert nearest(frames[-1], 108).number == to_the_left
    assert len(numbers(frames)) == 2


def test_somebody_hidden_for_a_second_keeps_the_number() -> None:
    frames = follow(Tracker(), [[] if 20 <= step < 30 else [person(100 + 6 * step)] for step in range(60)])
    assert len(numbers(frames)) == 1
    assert frames[29][0].missed_frames == 10
    assert frames[30][0].missed_frames == 0


def test_a_hidden_walker_is_expected_further_on() -> None:
    frames = follow(Tracker(), [[person(100 + 6 * step)] if step < 20 else [] for step in range(30)])
    box = frames[-1][0].box
    assert (box.x1 + box.x2) / 2 == pytest.approx(100 + 6 * 29, abs=10)


def test_an_uncertain_detection_follows_but_begins_nothing() -> None:
    uncertain = PARAMETERS.low_score + 0.05
    for score in (uncertain, PARAMETERS.high_score + 0.05):
        assert not numbers(follow(Tracker(), [[person(100, score=score)] for _ in range(20)]))
    frames = follow(Tracker(), [[person(100, score=0.8 if step < 5 else uncertain)] for step in range(60)])
    assert len(numbers(frames)) == 1
    assert frames[-1][0].missed_frames == 0


def test_what_is_seen_once_is_never_confirmed_nor_kept() -> None:
    tracker = Tracker()
    tracker.update([person(100)], 0.0)
    later = [tracker.update([], step / 10) for step in range(1, 20)]
    assert not any(track.confirmed for tracks in later for track in tracks)
    assert later[-1] == ()


def test_a_faint_fixture_that_flickers_up_once_is_not_confirmed() -> None:
    scores = itertools.cycle([0.35, 0.3, 0.25])
    frames = [[person(100, score=0.55 if step == 10 else next(scores))] for step in range(100)]
    assert not any(track.confirmed for tracks in follow(Tracker(), frames) for track in tracks)


def test_a_flash_at_many_frames_a_second_is_not_confirmed() -> None:
    """A reflection of a tenth of a second is three detections and more at 60 frames a second."""
    frames = follow(Tracker(), [[person(100)] if step < 6 else [] for step in range(60)], step=1 / 60)
    assert not any(track.confirmed for tracks in frames for track in tracks)


def test_only_confirmed_tracks_seen_now_are_observed() -> None:
    tracker = Tracker()
    first = tracker.update([person(100)], 0.0)
    assert len(first) == 1
    assert observations(first) == ()
    for step in range(1, 5):
        tracks = tracker.update([person(100)], step / 10)
    assert [observation.track for observation in observations(tracks)] == [first[0].number]
    assert observations(tracker.update([], 0.5)) == ()


def test_a_track_is_forgotten_after_its_memory() -> None:
    tracker = Tracker()
    for step in range(5):
        tracker.update([person(100)], step / 10)
    assert tracker.update([], 0.4 + MEMORY - 0.01)
    assert tracker.update([], 0.4 + MEMORY + 0.01) == ()


def test_tracks_do_not_pile_up() -> None:
    tracker = Tracker()
    for step in range(3000):
        where = (step * 379) % 5000
        tracks = tracker.update([person(where), person(where, 700)], step / 10)
        assert len(tracks) <= 2 * (MEMORY * 10 + 2)


def test_numbers_of_two_runs_can_not_be_joined() -> None:
    starts = {Tracker().update([person(100)], 0.0)[0].number for _ in range(5)}
    assert len(starts) == 5


def test_persons_and_vehicles_do_not_take_each_others_detections() -> None:
    tracker = Tracker()
    for step in range(10):
        tracks = tracker.update([person(100, kind="vehicle"), person(101)], step / 10)
    assert {track.kind: track.missed_frames for track in tracks} == {"vehicle": 0, "person": 0}
    tracks = tracker.update([person(100, kind="vehicle")], 1.0)
    assert {track.kind: track.missed_frames for track in tracks} == {"vehicle": 0, "person": 1}


def test_other_kinds_are_not_tracked() -> None:
    assert Tracker().update([person(100, kind="face"), person(200, kind="plate")], 0.0) == ()


def label_of(*labels: tuple[str, float]) -> str:
    """What a vehicle that stands still is called after these detections."""
    box = Box(100, 100, 200, 160)
    frames = follow(Tracker(), [[Detection("vehicle", label, score, box)] for label, score in labels])
    return frames[-1][0].label


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ([("car", 0.6), ("car", 0.7), ("truck", 0.9)], "car"),
        ([("truck", 0.9), ("car", 0.6), ("car", 0.7)], "car"),
        ([("car", 0.45), ("truck", 0.9), ("car", 0.42)], "truck"),
        ([("truck", 0.5), ("car", 0.5)], "truck"),
    ],
)
def test_detections_vote_for_the_label_with_their_scores(labels: list[tuple[str, float]], label: str) -> None:
    """Neither the last detection nor a single sure one decides alone."""
    assert label_of(*labels) == label


@given(st.lists(st.sampled_from(["truck", "bus"]), min_size=1, max_size=9), st.integers(0, 8))
def test_a_label_seen_in_most_frames_stays_wherever_the_others_stand(others: list[str], place: int) -> None:
    frames = ["car"] * (len(others) + 1)
    place = min(place, len(frames))
    assert label_of(*((label, 0.7) for label in [*frames[:place], *others, *frames[place:]])) == "car"


def test_a_second_box_of_the_same_person_begins_nothing() -> None:
    def doubled(step: int) -> list[Detection]:
        return [person(100 + 4 * step), person(102 + 4 * step, 301, score=0.7)]

    frames = follow(Tracker(), [[person(100)], *(doubled(step) for step in range(20))])
    assert len(numbers(frames)) == 1


def test_a_clock_that_stands_or_runs_back_does_no_harm() -> None:
    tracker = Tracker()
    for seconds in (0.0, 0.1, 0.1, 0.05, 0.2, 0.3):
        tracks = tracker.update([person(100)], seconds)
    assert len(tracks) == 1
    assert tracks[0].confirmed


def test_a_walker_found_again_across_a_line_counts() -> None:
    tracker, counter = Tracker(), Counter([parse_line("door=0.5,1,0.5,0")], [])
    for step in range(60):
        hidden = 35 <= step < 45  # the line, at 400 pixels, is passed meanwhile
        tracks = tracker.update([] if hidden else [person(160 + 6 * step)], step / 10)
        counter.update(step / 10, observations(tracks), 800, 600)
    assert counter.totals().crossings["door", "person", "in"] == 1
    assert counter.totals().crossings["door", "person", "out"] == 0


@pytest.mark.parametrize("rate", [3.3, 5.0, 10.0, 30.0])
def test_a_line_passed_before_the_track_is_confirmed_counts_at_any_rate(rate: float) -> None:
    tracker, counter = Tracker(), Counter([parse_line("door=0.5,1,0.5,0")], [])
    for step in range(round(3 * rate)):
        tracks = tracker.update([person(380 + 60 * step / rate)], step / rate)  # centre 400 is passed in 20 pixels
        counter.update(step / rate, observations(tracks), 800, 600)
    assert counter.totals().crossings["door", "person", "in"] == 1


def test_detections_without_a_track_never_count_together_as_one() -> None:
    """Flashes on both sides of a line are nobody; they must not be joined to somebody who crosses it all the time."""
    tracker, counter = Tracker(), Counter([parse_line("door=0.5,1,0.5,0")], [])
    for step in range(100):
        detections = [person(200 if step % 4 < 2 else 600, score=0.9)] if step % 2 == 0 else []
        counter.update(step / 10, observations(tracker.update(detections, step / 10)), 800, 600)
    counter.finish()
    assert set(counter.totals().crossings.values()) == {0}


coordinates = st.floats(-200, 2000)
boxes = st.builds(
    lambda x, y, width, height: Box(x, y, x + width, y + height),
    coordinates,
    coordinates,
    st.floats(0, 900),
    st.floats(0, 900),
)
kinds: st.SearchStrategy[Kind] = st.sampled_from(["person", "vehicle", "face"])
crowds = st.lists(st.builds(Detection, kinds, st.just("thing"), st.floats(0, 1), boxes), max_size=8)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), crowds), max_size=25))
def test_whatever_is_detected_tracks_are_sound(frames: list[tuple[float, list[Detection]]]) -> None:
    tracker, now, best_before = Tracker(), 0.0, 0
    for elapsed, detections in frames:
        now += elapsed
        tracks = tracker.update(detections, now)
        assert len({track.number for track in tracks}) == len(tracks)
        assert all(abs(edge) < 1e9 for track in tracks for edge in track.box)  # also refuses NaN
        assert all(track.box.x1 < track.box.x2 and track.box.y1 < track.box.y2 for track in tracks)
        assert {track.kind for track in tracks} <= {"person", "vehicle"}
        # Every number is new and larger, or was there before.
        fresh = [track.number for track in tracks if track.number > best_before]
        best_before = max([best_before, *fresh])
        assert sum(track.missed_frames == 0 for track in tracks) <= len(detections)
