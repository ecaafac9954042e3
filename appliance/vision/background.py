"""Work that goes on in a thread beside the caller's: items made ahead, and calls made one after another."""

import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar

Item = TypeVar("Item")
Parameters = ParamSpec("Parameters")

POLL_SECONDS = 0.1


class Beside(ABC):
    """Something at work in a thread of its own while the context lasts; when it ends, the thread has ended."""

    def __init__(self, name: str) -> None:
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=self.work, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._thread.join()

    @abstractmethod
    def work(self) -> None:
        """What is done, until `stopped` is set or before."""


class Ahead(Beside, Generic[Item]):
    """Iterates over `items` in a thread of its own, at most `capacity` items ahead; use as a context manager.

    An exception of `items` comes after the items before it.
    """

    def __init__(self, items: Iterable[Item], capacity: int) -> None:
        super().__init__("ahead")
        self._items = items
        self._queue: queue.Queue[Item | _End] = queue.Queue(capacity)

    def __iter__(self) -> Iterator[Item]:
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def work(self) -> None:
        error: Exception | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except Exception as raised:
            error = raised
        self._put(_End(error))

    def _put(self, item: "Item | _End") -> bool:
        while not self.stopped.is_set():
            try:
                self._queue.put(item, timeout=POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False


class _End:
    """What comes after the last item."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


class Behind:
    """Makes calls in their order in a thread of its own, at most `capacity` calls behind; use as a context manager.

    What a call raises is raised by a later `call`, or at the context's end where that ends well.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pool = ThreadPoolExecutor(1, "behind")
        self._waiting: deque[Future[object]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self._waiting and error is None:
                self._waiting.popleft().result()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def call(self, act: Callable[Parameters, object], *given: Parameters.args, **named: Parameters.kwargs) -> None:
        while len(self._waiting) >= self._capacity:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(act, *given, **named))
