"""Whose picture is made now: the live views of several cameras take turns at the networks.

Pictures of two cameras that are made at once each take twice as long, and both are late. One after the other, each is
early, and there are as many of them: whoever has to wait too long shows a later frame instead.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

# Whoever has not given the turn back by then has failed; the others do not wait for it.
LONGEST_TURN_SECONDS = 3.0
# Whoever was refused asks again with the next frame. One that has not asked for so long shows nothing any more.
STILL_WAITING_SECONDS = 0.5


@dataclass
class _Wait:
    since: float
    asked: float


class Turns:
    """At most `at_once` turns, by default one for each two processors; safe to use from several threads.

    Who has waited longest comes first. The clock gives monotonic seconds.
    """

    def __init__(self, at_once: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once or max(1, len(os.sched_getaffinity(0)) // 2)
        self._clock = clock
        self._taken: dict[str, float] = {}
        self._waiting: dict[str, _Wait] = {}
        self._changed = threading.Condition()

    def take(self, camera: str, wait_seconds: float = 0.0) -> bool:
        """Whether it is the camera's turn now, or within `wait_seconds`; then it must be given back."""
        with self._changed:
            return self._changed.wait_for(lambda: self._take(camera), wait_seconds)

    def _take(self, camera: str) -> bool:
        now = self._clock()
        self._taken = {each: since for each, since in self._taken.items() if now - since < LONGEST_TURN_SECONDS}
        self._waiting = {each: wait for each, wait in self._waiting.items() if now - wait.asked < STILL_WAITING_SECONDS}
        mine = self._waiting.setdefault(camera, _Wait(now, now))
        mine.asked = now
        before = sum(wait.since < mine.since for wait in self._waiting.values())
        if camera in self._taken or len(self._taken) + before >= self._at_once:
            return False
        del self._waiting[camera]
        self._taken[camera] = now
        return True

    def give_back(self, camera: str) -> None:
        """Does nothing where the camera has no turn."""
        with self._changed:
            self._taken.pop(camera, None)
            self._changed.notify_all()
