"""Pictures from the engine to the viewers: one connection a camera, however many look at it.

Each watched camera has one thread that reads the engine's redacted pictures and keeps the newest only. A viewer asks
for "the next one after the one I have", so a slow viewer skips pictures and nothing piles up anywhere.
"""

import contextlib
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.errors import VeilsightError

RETRY_SECONDS = 1.0
JOIN_SECONDS = 5.0

Pictures = Generator[tuple[dict[str, Any], bytes], None, None]
OpenView = Callable[[str, threading.Event], Pictures]
"""Opens a camera's view, which ends when the event is set; `LiveClient.view`."""


@dataclass(frozen=True)
class Picture:
    """One redacted picture. `number` counts from 1 within one feed; `header` is what the engine says about it."""

    number: int
    header: Mapping[str, Any]
    jpeg: bytes


class Feed:
    """The newest picture of one camera, kept by a thread of its own until `stop`."""

    def __init__(self, camera: str, open_view: OpenView) -> None:
        self._camera = camera
        self._open_view = open_view
        self._changed = threading.Condition()
        self._newest: Picture | None = None
        self._number = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed {camera}", daemon=True)
        self._thread.start()

    def next_after(self, number: int, seconds: float) -> Picture | None:
        """The newest picture if it is not number `number`; waits for one at most `seconds`, then returns None."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_news(number) or self._stopped.is_set(), seconds)
            return self._newest if self._is_news(number) else None

    def stop(self) -> None:
        """Let the thread leave the engine and end."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    def join(self) -> None:
        self._thread.join(JOIN_SECONDS)

    def _is_news(self, number: int) -> bool:
        return self._newest is not None and self._newest.number != number

    def _run(self) -> None:
        while not self._stopped.is_set():
            # The engine is not there, or it broke off: the page says so after the engine's status. Try again.
            with contextlib.suppress(VeilsightError, OSError, EOFError):
                self._read(self._open_view(self._camera, self._stopped))
            with self._changed:
                self._newest = None
            self._stopped.wait(RETRY_SECONDS)

    def _read(self, pictures: Pictures) -> None:
        # Closing the iterator ends the connection, so that the engine stops redacting for nobody.
        with contextlib.closing(pictures):
            for header, jpeg in pictures:
                if self._stopped.is_set():
                    return
                self._number += 1
                with self._changed:
                    self._newest = Picture(self._number, header, jpeg)
                    self._changed.notify_all()


class Feeds:
    """The feeds of the cameras that somebody watches. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._feeds: dict[str, Feed] = {}

    def get(self, camera: str, open_view: OpenView) -> Feed:
        """The camera's feed, started if it is not running."""
        with self._lock:
            feed = self._feeds.get(camera)
            if feed is None:
                feed = self._feeds[camera] = Feed(camera, open_view)
            return feed

    def keep(self, cameras: frozenset[str]) -> None:
        """Stop the feeds of all other cameras."""
        with self._lock:
            stopped = [self._feeds.pop(camera) for camera in set(self._feeds) - cameras]
        for feed in stopped:
            feed.stop()

    def stop(self) -> None:
        """Stop every feed and wait for the threads."""
        with self._lock:
            stopped = list(self._feeds.values())
            self._feeds.clear()
        for feed in stopped:
            feed.stop()
        for feed in stopped:
            feed.join()
