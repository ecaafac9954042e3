"""Work in a thread beside the caller's: order, limits, errors, and ends."""

import threading
from collections.abc import Iterator

import pytest

from appliance.vision.background import Ahead, Behind


def test_items_come_in_order_and_no_more_are_made_ahead_than_there_is_room() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with Ahead(numbers(), capacity=3) as ahead:
        for taken, number in enumerate(ahead):
            assert number == taken
            assert len(made) <= taken + 1 + 3 + 2
    assert made == list(range(100))


def test_an_error_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken off")

    with Ahead(broken(), capacity=3) as ahead:
        items = iter(ahead)
        assert next(items) == 1
        with pytest.raises(ValueError, match="broken off"):
            next(items)


def test_who_leaves_early_leaves_no_thread_behind() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 0

    before = threading.active_count()
    with Ahead(endless(), capacity=2) as ahead:
        assert next(iter(ahead)) == 0
    assert threading.active_count() == before


def test_calls_are_made_in_order_and_all_before_the_end() -> None:
    done: list[int] = []
    with Behind(capacity=2) as behind:
        for number in range(50):
            behind.call(done.append, number)
    assert done == list(range(50))


def test_what_a_call_raises_is_raised_here_and_no_later_call_is_lost_silently() -> None:
    def fail() -> None:
        raise ValueError("disk full")

    def call(times: int) -> None:
        with Behind(capacity=1) as behind:
            for _ in range(times):
                behind.call(fail)

    for times in (1, 3):
        with pytest.raises(ValueError, match="disk full"):
            call(times)


def test_after_an_error_of_the_caller_waiting_calls_are_dropped() -> None:
    begun, release, done = threading.Event(), threading.Event(), []

    def wait() -> None:
        begun.set()
        release.wait(60)

    def leave() -> None:
        with Behind(capacity=5) as behind:
            behind.call(wait)
            behind.call(done.append, 1)
            begun.wait(60)
            threading.Timer(0.05, release.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert done == []
