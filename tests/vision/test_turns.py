"""Turns: never more at once than may be, everybody gets one, and nobody who failed keeps one."""

import threading
import time
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.turns import LONGEST_TURN_SECONDS, STILL_WAITING_SECONDS, Turns

SECONDS = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_after_the_other_and_who_has_waited_longest_first() -> None:
    clock = Clock()
    turns = Turns(1, clock)
    assert turns.take("a")
    assert not turns.take("b")
    clock.now += 0.1
    assert not turns.take("c")
    turns.give_back("a")
    assert not turns.take("a"), "it had a turn already, and two wait"
    assert not turns.take("c"), "b waits longer"
    assert turns.take("b")


def test_who_does_not_ask_any_more_holds_nobody_up() -> None:
    clock = Clock()
    turns = Turns(1, clock)
    turns.take("a")
    turns.take("b")
    turns.give_back("a")
    clock.now += 0.1
    assert not turns.take("a")
    clock.now += STILL_WAITING_SECONDS
    assert turns.take("a")


def test_a_turn_that_is_never_given_back_ends() -> None:
    clock = Clock()
    turns = Turns(1, clock)
    assert turns.take("a")
    clock.now += LONGEST_TURN_SECONDS
    assert turns.take("b")
    turns.give_back("b")
    turns.give_back("b")
    assert turns.take("a")


def test_who_waits_gets_the_turn_when_it_is_given_back_and_nobody_else_before() -> None:
    turns = Turns(1)
    assert turns.take("a")
    taken: list[bool] = []
    thread = threading.Thread(target=lambda: taken.append(turns.take("b", SECONDS)))
    thread.start()
    while "b" not in turns._waiting:
        time.sleep(0)
    assert not turns.take("c")
    turns.give_back("a")
    thread.join(SECONDS)
    assert taken == [True]
    assert not turns.take("c")


def test_who_waits_in_vain_is_told() -> None:
    turns = Turns(1)
    assert turns.take("a")
    assert not turns.take("b", 0.01)


def test_two_at_once_where_the_machine_has_room() -> None:
    turns = Turns(2, Clock())
    assert [turns.take(each) for each in "abc"] == [True, True, False]


@given(
    phases=st.lists(st.integers(0, 99), min_size=1, max_size=6),
    length=st.integers(1, 150),
    at_once=st.integers(1, 3),
)
def test_cameras_in_step_all_get_as_many_pictures_as_any(phases: list[int], length: int, at_once: int) -> None:
    """Frames come each 100 ms, at another moment for each camera; a turn takes `length` ms. Without fairness the same
    camera would always come too late."""
    clock = Clock()
    turns = Turns(at_once, clock)
    pictures: Counter[int] = Counter(dict.fromkeys(range(len(phases)), 0))
    ends: dict[int, int] = {}
    for moment in range(10_000):
        clock.now = moment / 1000
        for camera in [camera for camera, end in ends.items() if end == moment]:
            turns.give_back(str(camera))
            del ends[camera]
        for camera, phase in enumerate(phases):
            if moment % 100 == phase and camera not in ends and turns.take(str(camera)):
                ends[camera] = moment + length
                pictures[camera] += 1
                assert len(ends) <= at_once
    # Between two turns the one whose turn it is may have no frame for 100 ms.
    assert min(pictures.values()) >= 10_000 * min(at_once, len(phases)) // (len(phases) * (length + 200)) - 1
    assert max(pictures.values()) - min(pictures.values()) <= 0.5 * max(pictures.values()) + 1
