"""Crossings, visits, occupancy and dwell from hand-made tracks."""

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appliance.metrics.counters import CLEARANCE, FORGET_SECONDS, SETTLE_SECONDS, Counter, Observation
from appliance.metrics.geometry import Box, GeometryError, Line, Point, Zone, distance_to_segment, to_pixels

WIDTH, HEIGHT = 1000, 800
# An upright line in the middle, drawn from the bottom to the top: left is z < 0, so left to right is "in".
DOOR = Line("door", Point(0.5, 0.9), Point(0.5, 0.1))
ACROSS = Line("across", Point(0.5, 1.0), Point(0.5, 0.0))
ROOM = Zone("room", (Point(0.2, 0.2), Point(0.6, 0.2), Point(0.6, 0.9), Point(0.2, 0.9)))

coordinate = st.floats(0.0, 1.0, allow_nan=False)
places = st.builds(Point, coordinate, coordinate)


def standing_at(point: Point, number: int = 1, kind: str = "person", size: float = 60.0) -> Observation:
    """A track whose box is a square of `size` pixels with its bottom centre at a normalised point."""
    x, y = point.x * WIDTH, point.y * HEIGHT
    return Observation(number, kind, kind, Box(x - size / 2, y - size, x + size / 2, y))


def walk(counter: Counter, path: Sequence[Point], number: int = 1, kind: str = "person", start: float = 0.0) -> None:
    for step, point in enumerate(path):
        counter.update(start + step / 10, [standing_at(point, number, kind)], WIDTH, HEIGHT)


def crossings(path: Sequence[Point], line: Line = DOOR) -> tuple[int, int]:
    counter = Counter([line], [])
    walk(counter, path)
    return in_and_out(counter, line)


def in_and_out(counter: Counter, line: Line = DOOR, kind: str = "person") -> tuple[int, int]:
    totals = counter.totals().crossings
    return totals[line.name, kind, "in"], totals[line.name, kind, "out"]


def at(*xs: float, y: float = 0.5) -> list[Point]:
    return [Point(x, y) for x in xs]


# --- the rule


def test_left_to_right_through_an_upward_line_is_in() -> None:
    assert crossings(at(0.4, 0.6)) == (1, 0)
    assert crossings(at(0.6, 0.4)) == (0, 1)


def test_a_path_beside_the_segment_does_not_count() -> None:
    assert crossings(at(0.4, 0.6, y=0.95)) == (0, 0)


def test_there_and_back_counts_both_ways() -> None:
    assert crossings(at(0.3, 0.45, 0.55, 0.7, 0.55, 0.45, 0.3)) == (1, 1)


def test_a_crossing_is_reported_with_its_time_and_direction_once_it_is_deep_enough() -> None:
    counter = Counter([DOOR], [])
    counter.update(1.0, [standing_at(Point(0.4, 0.5), 7)], WIDTH, HEIGHT)
    assert counter.update(1.05, [standing_at(Point(0.505, 0.5), 7)], WIDTH, HEIGHT) == ()
    (crossing,) = counter.update(1.1, [standing_at(Point(0.507, 0.5), 7)], WIDTH, HEIGHT)
    assert (crossing.time_seconds, crossing.line, crossing.track, crossing.kind, crossing.direction) == (
        1.1,
        "door",
        7,
        "person",
        "in",
    )


def test_kinds_are_counted_apart_and_others_not_at_all() -> None:
    counter = Counter([DOOR], [ROOM])
    walk(counter, at(0.4, 0.6), 1, "person")
    walk(counter, at(0.6, 0.4), 2, "vehicle")
    walk(counter, at(0.4, 0.6), 3, "face")
    assert in_and_out(counter) == (1, 0)
    assert in_and_out(counter, kind="vehicle") == (0, 1)
    assert {kind for _, kind, _ in counter.totals().crossings} == {"person", "vehicle"}


def test_tracks_do_not_disturb_each_other() -> None:
    counter = Counter([DOOR], [])
    for step in range(11):
        x = 0.3 + 0.04 * step
        both = [standing_at(Point(x, 0.5), 1), standing_at(Point(1 - x, 0.6), 2)]
        counter.update(step / 10, both, WIDTH, HEIGHT)
    assert in_and_out(counter) == (1, 1)


def test_two_lines_of_one_name_are_refused() -> None:
    with pytest.raises(GeometryError):
        Counter([DOOR, DOOR], [])


# --- hysteresis


def test_a_box_flickering_on_the_line_counts_once() -> None:
    flicker = [0.499, 0.501] * 20
    assert crossings(at(0.3, 0.4, *flicker, 0.6, 0.7)) == (1, 0)


def test_a_box_flickering_on_the_line_that_turns_back_counts_both_ways_or_none() -> None:
    flicker = [0.499, 0.501] * 20
    ways_in, ways_out = crossings(at(0.3, 0.4, *flicker, 0.4, 0.3))
    assert ways_in == ways_out <= 1


def test_somebody_who_walks_along_the_line_does_not_count() -> None:
    jitter = random.Random(7)  # noqa: S311
    walk_along = [Point(0.502 + jitter.gauss(0, 0.002), 0.2 + step * 0.005) for step in range(120)]
    assert crossings([Point(0.6, 0.2), *walk_along, Point(0.6, 0.8)]) == (0, 0)


def test_a_step_over_the_line_and_back_counts_neither_way() -> None:
    assert crossings(at(0.4, 0.505, 0.4)) == (0, 0)


@pytest.mark.parametrize("turns", [1, 3, 10])
def test_a_flickering_box_is_never_counted_in_reverse(turns: int) -> None:
    """Whoever is clearly on the far side in the end went there once, however the box jumped on the way."""
    jumps = [0.47, 0.515] * turns
    ways_in, ways_out = crossings(at(0.3, 0.4, *jumps, 0.6, 0.7))
    assert ways_in - ways_out == 1
    assert crossings(at(0.3, 0.4, *[0.495, 0.515] * turns, 0.6, 0.7)) == (1, 0)


def test_stop_and_go_on_the_line_counts_once() -> None:
    noise = random.Random(4)  # noqa: S311
    standing = [0.5 + noise.gauss(0, 0.003) for _ in range(300)]
    assert crossings(at(0.3, 0.4, 0.45, *standing, 0.55, 0.7)) == (1, 0)


def test_a_track_that_appears_on_the_line_counts_when_it_is_clear_of_it() -> None:
    assert crossings(at(0.499, 0.501, 0.499, 0.501, 0.6)) == (1, 0)
    assert crossings(at(0.499, 0.501, 0.499, 0.4)) == (0, 0)


def test_exactly_on_the_line_is_neither_side() -> None:
    assert crossings(at(0.4, 0.5, 0.5, 0.6)) == (1, 0)
    assert crossings(at(0.4, 0.5, 0.5, 0.4)) == (0, 0)
    assert crossings(at(0.5, 0.6)) == (0, 0)


def test_hysteresis_grows_with_the_box() -> None:
    """Twenty pixels off the line and back is a return for a small box, and jitter for a large one."""
    path = at(0.3, 0.52, 0.48, 0.52, 0.7)
    small, large = Counter([DOOR], []), Counter([DOOR], [])
    for step, point in enumerate(path):
        small.update(step, [standing_at(point, size=20)], WIDTH, HEIGHT)
        large.update(step, [standing_at(point, size=300)], WIDTH, HEIGHT)
    assert in_and_out(small) == (2, 1)
    assert in_and_out(large) == (1, 0)


def test_circling_close_to_a_lines_end_counts_once() -> None:
    circle = [Point(0.492, 0.105), Point(0.508, 0.105), Point(0.508, 0.092), Point(0.492, 0.092)]
    assert crossings([Point(0.4, 0.105), *circle * 5, Point(0.7, 0.105)]) == (1, 0)


# --- edges, gaps and memory


def test_a_line_near_the_bottom_edge_counts_who_leaves_through_it() -> None:
    edge = Line("edge", Point(1.0, 0.98), Point(0.0, 0.98))
    path = [Point(0.5, y) for y in (0.7, 0.8, 0.9, 0.97, 1.0, 1.0)]  # the box is cut off at the frame's edge
    ways_in, ways_out = crossings(path, edge)
    assert ways_in + ways_out == 1


def test_an_anchor_that_leaves_the_frame_still_crosses() -> None:
    edge = Line("edge", Point(0.0, 0.99), Point(1.0, 0.99))
    assert sum(crossings([Point(0.5, y) for y in (0.8, 0.9, 1.05, 1.2)], edge)) == 1


def test_a_track_lost_and_found_again_across_the_line_counts() -> None:
    counter = Counter([DOOR], [])
    counter.update(0.0, [standing_at(Point(0.4, 0.5))], WIDTH, HEIGHT)
    for step in range(1, 20):
        counter.update(step / 10, [], WIDTH, HEIGHT)
    counter.update(2.0, [standing_at(Point(0.6, 0.5))], WIDTH, HEIGHT)
    assert in_and_out(counter) == (1, 0)


def test_a_track_found_again_after_the_memory_starts_anew() -> None:
    counter = Counter([DOOR], [])
    counter.update(0.0, [standing_at(Point(0.4, 0.5))], WIDTH, HEIGHT)
    counter.update(FORGET_SECONDS + 1, [standing_at(Point(0.6, 0.5))], WIDTH, HEIGHT)
    assert in_and_out(counter) == (0, 0)


def test_somebody_lost_barely_beyond_a_line_counts_soon_after() -> None:
    counter = Counter([DOOR], [])
    walk(counter, at(0.4, 0.49, 0.503))
    assert in_and_out(counter) == (0, 0)
    assert not counter.update(SETTLE_SECONDS, [], WIDTH, HEIGHT)
    (crossing,) = counter.update(SETTLE_SECONDS + 0.3, [], WIDTH, HEIGHT)
    assert (crossing.direction, in_and_out(counter)) == ("in", (1, 0))
    walk(counter, at(0.503, 0.6), start=SETTLE_SECONDS + 1)
    assert in_and_out(counter) == (1, 0)


def test_a_recordings_end_counts_who_is_barely_beyond_a_line() -> None:
    counter = Counter([DOOR], [])
    walk(counter, at(0.4, 0.49, 0.503))
    counter.finish()
    assert in_and_out(counter) == (1, 0)


def test_what_a_track_passed_before_it_was_confirmed_counts() -> None:
    """A slow camera shows a person twice before the track is sure; by then the line may be behind them."""
    counter = Counter([DOOR], [])
    now, before = standing_at(Point(0.6, 0.5)), standing_at(Point(0.4, 0.5))
    counter.update(0.0, [replace(now, first_box=before.box)], WIDTH, HEIGHT)
    assert in_and_out(counter) == (1, 0)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_a_line_along_the_pictures_edge_needs_no_corner_beyond_it(edge: float) -> None:
    """Only the anchor counts: parts of the box never pass a line that lies at the edge."""
    inset = 0.02 if edge == 0.0 else 0.98
    upright = Line("upright", Point(inset, 1.0), Point(inset, 0.0))
    towards = [Point(0.5 + (edge - 0.5) * part, 0.6) for part in (0.2, 0.5, 0.8, 1.0)]
    assert sum(crossings(towards, upright)) == 1
    level = Line("level", Point(0.0, 0.98), Point(1.0, 0.98))
    assert sum(crossings([Point(0.5, y) for y in (0.7, 0.9, 1.0)], level)) == 1


def test_hours_of_coming_and_going_leave_no_state_behind() -> None:
    """Per-track state is evicted also where tracks cross, stay and are lost barely beyond the line."""
    counter = Counter([DOOR], [ROOM])
    for number in range(3000):
        path = at(0.4, 0.503) if number % 2 else at(0.4, 0.6)
        walk(counter, path, number, start=number * 2.0)
    assert counter.tracks_remembered <= FORGET_SECONDS / 2 + 2
    assert in_and_out(counter)[0] >= 2999
    counter.finish()
    assert counter.tracks_remembered == 0


def test_tracks_are_forgotten() -> None:
    counter = Counter([DOOR], [ROOM])
    for number in range(2000):
        counter.update(number / 10, [standing_at(Point(0.4, 0.5), number)], WIDTH, HEIGHT)
    assert counter.tracks_remembered <= FORGET_SECONDS * 10 + 1


def test_a_change_of_resolution_moves_nobody() -> None:
    counter = Counter([DOOR], [])
    counter.update(0.0, [standing_at(Point(0.4, 0.5))], WIDTH, HEIGHT)
    half = Observation(1, "person", "person", Box(180, 170, 220, 200))  # the same place, in half the pixels
    counter.update(0.1, [half], WIDTH // 2, HEIGHT // 2)
    assert in_and_out(counter) == (0, 0)
    # From 0.4, 0.97 to 0.6, 0.85 leads past the end of the line, at 0.9, in any resolution.
    counter = Counter([DOOR], [])
    counter.update(0.0, [standing_at(Point(0.4, 0.97))], WIDTH, HEIGHT)
    counter.update(0.1, [Observation(1, "person", "person", Box(280, 310, 320, 340))], WIDTH // 2, HEIGHT // 2)
    assert in_and_out(counter) == (0, 0)


# --- zones


def test_dwell_is_measured_by_time_stamps() -> None:
    """Half the frames dropped: the same dwell."""
    path = at(0.1, *[0.4] * 50, 0.9, 0.9)
    every, second = Counter([], [ROOM]), Counter([], [ROOM])
    for step, point in enumerate(path):
        every.update(step / 10, [standing_at(point)], WIDTH, HEIGHT)
        if step % 2 == 1:
            second.update(step / 10, [standing_at(point)], WIDTH, HEIGHT)
    for counter in (every, second):
        totals = counter.totals()
        assert totals.visits["room", "person"] == totals.visits_ended["room", "person"] == 1
        assert totals.dwell_seconds["room", "person"] == pytest.approx(5.0)
        assert totals.occupancy_seconds["room", "person"] == pytest.approx(5.0)


def test_a_visitor_flickering_on_the_outline_visits_once() -> None:
    counter = Counter([], [ROOM])
    walk(counter, at(0.1, *[0.199, 0.201] * 20, 0.3, 0.1))
    assert counter.totals().visits["room", "person"] == 1


@pytest.mark.parametrize("y", [1.0, 1.05])
def test_a_zone_drawn_to_the_edge_holds_who_is_cut_off_by_it(y: float) -> None:
    whole = Zone("whole", (Point(0, 0), Point(1, 0), Point(1, 1), Point(0, 1)))
    counter = Counter([], [whole])
    walk(counter, [Point(0.5, y), Point(0.6, y)])
    assert counter.totals().occupancy["whole", "person"] == 1


def test_occupancy_is_how_many_are_inside_now() -> None:
    counter = Counter([], [ROOM])
    counter.update(0.0, [standing_at(Point(0.4, 0.5), 1), standing_at(Point(0.5, 0.5), 2)], WIDTH, HEIGHT)
    assert counter.totals().occupancy["room", "person"] == 2
    counter.update(0.1, [standing_at(Point(0.9, 0.5), 1), standing_at(Point(0.5, 0.5), 2)], WIDTH, HEIGHT)
    totals = counter.totals()
    assert (totals.occupancy["room", "person"], totals.occupancy_maximum["room", "person"]) == (1, 2)


def test_somebody_hidden_for_a_moment_is_still_inside() -> None:
    counter = Counter([], [ROOM])
    counter.update(0.0, [standing_at(Point(0.4, 0.5))], WIDTH, HEIGHT)
    counter.update(0.5, [], WIDTH, HEIGHT)
    assert counter.totals().occupancy["room", "person"] == 1
    counter.update(5.0, [], WIDTH, HEIGHT)
    assert counter.totals().occupancy["room", "person"] == 0


def test_a_recordings_end_ends_the_visits_at_their_last_sighting() -> None:
    counter = Counter([], [ROOM])
    walk(counter, at(*[0.4] * 11))
    counter.finish()
    totals = counter.totals()
    assert totals.visits_ended["room", "person"] == 1
    assert totals.dwell_seconds["room", "person"] == pytest.approx(1.0)


# --- invariants


@given(st.lists(places, min_size=2, max_size=30))
def test_a_mirror_image_swaps_in_and_out(path: list[Point]) -> None:
    mirrored_line = Line("door", Point(1 - DOOR.start.x, DOOR.start.y), Point(1 - DOOR.end.x, DOOR.end.y))
    mirrored = [Point(1 - point.x, point.y) for point in path]
    assume(all(abs(point.x - 0.5) > 1e-6 for point in path))
    assert crossings(mirrored, mirrored_line) == crossings(path)[::-1]


@given(st.lists(places, min_size=2, max_size=20))
def test_a_line_drawn_the_other_way_swaps_in_and_out(path: list[Point]) -> None:
    assert crossings(path, Line("door", DOOR.end, DOOR.start)) == crossings(path)[::-1]


@given(st.lists(places, min_size=2, max_size=12), st.integers(2, 7))
def test_more_steps_on_the_same_path_change_no_count(path: list[Point], parts: int) -> None:
    finer = [path[0]]
    for before, after in itertools.pairwise(path):
        for part in range(1, parts + 1):
            share = part / parts
            finer.append(
                Point(before.x + share * (after.x - before.x), before.y + share * (after.y - before.y))
                if part < parts
                else after
            )
    margin = CLEARANCE * 60.0
    assume(all(abs(clearance(point) - margin) > 1e-6 and abs(point.x - 0.5) > 1e-9 for point in finer))
    assert crossings(finer, ACROSS) == crossings(path, ACROSS)


@given(st.lists(places, min_size=1, max_size=30))
def test_a_closed_path_leaves_as_often_as_it_enters(path: list[Point]) -> None:
    assume(clearance(path[0]) > CLEARANCE * 60.0)
    ways_in, ways_out = crossings([*path, path[0]], ACROSS)
    assert ways_in == ways_out


@given(st.lists(places, min_size=2, max_size=30))
def test_one_track_crosses_a_line_through_the_whole_picture_by_turns(path: list[Point]) -> None:
    ways_in, ways_out = crossings(path, ACROSS)
    assert abs(ways_in - ways_out) <= 1


@given(st.lists(st.tuples(st.floats(0, 3), places), min_size=2, max_size=40))
def test_occupancy_integrates_to_the_dwell_of_all_visits(steps: list[tuple[float, Point]]) -> None:
    counter, time_seconds = Counter([], [ROOM]), 0.0
    for elapsed, point in steps:
        time_seconds += elapsed
        counter.update(time_seconds, [standing_at(point)], WIDTH, HEIGHT)
    counter.finish()
    totals = counter.totals()
    assert totals.visits == totals.visits_ended
    assert math.isclose(
        totals.occupancy_seconds["room", "person"], totals.dwell_seconds["room", "person"], abs_tol=1e-6
    )


def clearance(point: Point) -> float:
    """Distance in pixels from the line through the whole picture."""
    start, end = to_pixels(ACROSS.start, WIDTH, HEIGHT), to_pixels(ACROSS.end, WIDTH, HEIGHT)
    return distance_to_segment(to_pixels(point, WIDTH, HEIGHT), start, end)
