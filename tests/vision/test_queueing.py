"""The fair queue: turns between owners, order within one, limits."""

import threading
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.queueing import FairQueue, QueueFull

OWNERS = st.sampled_from("abcde")


@given(st.lists(OWNERS, max_size=60))
def test_nobody_waits_longer_than_one_turn_of_each_other(owners: list[str]) -> None:
    """The n-th item of an owner comes after at most n items of any other, however many those put in before."""
    queue: FairQueue[tuple[str, int]] = FairQueue(100)
    counts: dict[str, int] = {}
    for owner in owners:
        counts[owner] = counts.get(owner, 0) + 1
        queue.put(owner, (owner, counts[owner]))
    taken = [queue.take(0) for _ in owners]
    assert queue.take(0) is None
    assert sorted(item for item in taken if item) == sorted(
        (owner, n) for owner in counts for n in range(1, counts[owner] + 1)
    )
    for position, item in enumerate(taken):
        assert item is not None
        owner, number = item
        before = [other for other, _ in filter(None, taken[:position])]
        assert before.count(owner) == number - 1, "an owner's items keep their order"
        assert all(before.count(other) <= number for other in counts if other != owner)


@given(st.lists(OWNERS, max_size=40))
def test_taking_all_is_taking_one_by_one(owners: list[str]) -> None:
    one, all_at_once = FairQueue[int](100), FairQueue[int](100)
    for number, owner in enumerate(owners):
        one.put(owner, number)
        all_at_once.put(owner, number)
    assert len(one) == len(owners)
    assert all_at_once.take_all() == [one.take(0) for _ in owners]
    assert len(all_at_once) == 0


def test_an_owner_that_has_too_much_is_refused_and_others_are_not() -> None:
    queue: FairQueue[int] = FairQueue(2)
    queue.put("greedy", 1)
    queue.put("greedy", 2)
    with pytest.raises(QueueFull):
        queue.put("greedy", 3)
    queue.put("modest", 4)
    assert [queue.take(0) for _ in range(4)] == [1, 4, 2, None]


def test_whoever_waits_gets_what_comes() -> None:
    queue: FairQueue[int] = FairQueue(2)
    found: list[int | None] = []
    waiting = threading.Thread(target=lambda: found.append(queue.take(60)))
    waiting.start()
    queue.put("front", 5)
    waiting.join(60)
    assert found == [5]


def test_a_camera_that_asks_for_much_takes_turns_with_one_that_asks_for_little() -> None:
    queue: FairQueue[str] = FairQueue(32)
    for owner in ["busy"] * 20 + ["calm"] * 2:
        queue.put(owner, owner)
    order = [owner for owner, _ in groupby(iter(lambda: queue.take(0), None))]
    assert order[:5] == ["busy", "calm", "busy", "calm", "busy"]
