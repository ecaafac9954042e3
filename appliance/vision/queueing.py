"""A queue that is fair to its owners: one item of each in turn, before a second of any."""

import threading
from collections import OrderedDict, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class QueueFull(Exception):
    """An owner has as many items waiting as it may."""


class FairQueue(Generic[Item]):
    """First in, first out for each owner; round robin between owners (Nagle: RFC 970, section 4). Safe for threads.

    So a camera that asks for much waits for itself, and the others do not wait for it. Each owner may have `limit`
    items waiting.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # The owner whose turn it is comes first. Owners without an item are not in here.
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def put(self, owner: str, item: Item) -> None:
        """Raises `QueueFull`."""
        with self._changed:
            if len(self._waiting.get(owner, ())) >= self._limit:
                raise QueueFull
            self._waiting.setdefault(owner, deque()).append(item)
            self._changed.notify()

    def take(self, wait_seconds: float) -> Item | None:
        """The next item, or None where none came within `wait_seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, wait_seconds):
                return None
            return self._pop()

    def take_all(self) -> list[Item]:
        """All items, in the order in which they would be taken."""
        with self._changed:
            taken = []
            while self._waiting:
                taken.append(self._pop())
            return taken

    def _pop(self) -> Item:
        owner, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[owner] = items
        return item
