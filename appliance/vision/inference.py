"""One network, asked from many threads, on the first of its devices that works.

Pictures wait in a queue that is fair to the cameras; threads of the network's own take them, run the device and read
its outputs. When a device refuses the network, fails or stops answering, the network moves on to its next device, with
the pictures that wait. A picture whose result does not come is an `InferenceFailed`: whoever shows it covers it whole.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.errors import VeilsightError
from appliance.vision.backends.interface import (
    CompiledNetwork,
    DeviceFailed,
    Family,
    Outputs,
    Place,
    Session,
)
from appliance.vision.catalogue import CatalogueNetwork
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import Placement, choose_size, letterbox
from appliance.vision.driver_errors import explain_failure
from appliance.vision.queueing import FairQueue, QueueFull

# More pictures of one camera than this mean that the device has stopped answering or is far too slow.
MOST_WAITING = 32
# A device that computes one picture for this long has stopped answering.
STUCK_SECONDS = 5.0
# A thread without work ends after this time; the next picture starts a new one.
IDLE_SECONDS = 10.0

Size = tuple[int, int]

logger = logging.getLogger(__name__)


class InferenceFailed(VeilsightError):
    """A network gave no usable result for a picture; whoever redacts must cover the whole picture."""


class PendingDetections(Protocol):
    """The detections of one picture, on their way."""

    def result(self, deadline_seconds: float) -> tuple[Detection, ...]:
        """The detections in pixels of the picture, best first; waits at most `deadline_seconds` from now.

        Raises `InferenceFailed` when the device fails or takes longer, or when its output has the wrong shape or
        holds numbers that are not finite; after that, and after a result, the same call raises it again.
        """


class Detector(Protocol):
    """Finds one kind of thing in pictures; safe to use from several threads."""

    def start(self, image: NDArray[np.uint8], owner: str = "", largest_scale: float = math.inf) -> PendingDetections:
        """Begin with `image` (uint8 [H, W, 3], blue green red, any size); it may be changed once this returns.

        A pixel of it gets at most `largest_scale` pixels of the network's input, or fewer where the network wants that.
        Pictures of different owners (cameras) are computed in turn. Never waits for the device. Raises
        `InferenceFailed` where the owner has too many pictures waiting.
        """


@dataclass(frozen=True)
class Candidate:
    """A place that may run the network, and how the network is compiled there for a size (width, height)."""

    place: Place
    compile: Callable[[Size], CompiledNetwork]


@dataclass(frozen=True)
class DeviceChange:
    """A network left a device, for the reason given."""

    network: str
    left: Place
    now: Place
    reason: str


@dataclass(eq=False)
class _Job:
    """A picture in the network's input form, and where its detections go."""

    picture: NDArray[np.uint8]
    size: Size
    placement: Placement
    owner: str
    answer: "Future[tuple[Detection, ...]]" = field(default_factory=Future)


class Runner:
    """The network on one place: compiled for each size when first needed, and run by threads of its own."""

    def __init__(self, candidate: Candidate, run: Callable[["Runner", _Job, Session], None]) -> None:
        self.place = candidate.place
        self.finished = 0
        self._compile = candidate.compile
        self._run = run
        self._queue: FairQueue[_Job] = FairQueue(MOST_WAITING)
        self._compiled: dict[Size, CompiledNetwork] = {}
        self._compiling = threading.Lock()
        self._threads = 0
        self._wanted = 1
        self._busy: dict[int, float] = {}
        self._lock = threading.Lock()

    def put(self, job: _Job) -> None:
        """Raises `QueueFull`."""
        self._queue.put(job.owner, job)
        with self._lock:
            if self._threads >= self._wanted:
                return
            self._threads += 1
        threading.Thread(target=self._work, name=f"infer on {self.place}", daemon=True).start()

    def take_waiting(self) -> list[_Job]:
        return self._queue.take_all()

    def compiled(self, size: Size) -> CompiledNetwork:
        """The network for a size, compiled now unless it was before. Raises `DeviceFailed`."""
        with self._compiling:
            if size not in self._compiled:
                self._compiled[size] = self._compile(size)
                # One more than the device computes at once, so that it need not wait for us.
                self._wanted = max(self._wanted, self._compiled[size].streams + 1)
            return self._compiled[size]

    def first_compiled(self) -> CompiledNetwork | None:
        """The network for whichever size was compiled first, if any was."""
        return next(iter(list(self._compiled.values())), None)

    def stuck_seconds(self) -> float:
        """For how long the device has been at work on the picture that it began first; 0 where it rests."""
        with self._lock:
            return time.monotonic() - min(self._busy.values(), default=time.monotonic())

    def _work(self) -> None:
        sessions: dict[Size, Session] = {}
        while True:
            job = self._queue.take(IDLE_SECONDS)
            if job is None:
                with self._lock:
                    if not len(self._queue):
                        self._threads -= 1
                        return
            elif job.answer.set_running_or_notify_cancel():
                self._answer(job, sessions)

    def _answer(self, job: _Job, sessions: dict[Size, Session]) -> None:
        try:
            if job.size not in sessions:
                sessions[job.size] = self.compiled(job.size).session()
            session: Session = sessions[job.size]
        except Exception as error:
            session = _Refused(error)
        with self._lock:
            self._busy[threading.get_ident()] = time.monotonic()
        try:
            self._run(self, job, session)
        finally:
            with self._lock:
                del self._busy[threading.get_ident()]
                self.finished += 1


@dataclass(frozen=True)
class _Refused:
    """The session of a network that a device did not take."""

    error: Exception

    def run(self, picture: NDArray[np.uint8]) -> Outputs:  # noqa: ARG002
        raise self.error


class Network:
    """A `Detector` on the first of the candidates that works.

    `on_change` is told, from a thread of the network's own, when it has moved. On its last place it stays whatever
    happens; each picture that fails there fails alone.
    """

    def __init__(
        self,
        entry: CatalogueNetwork,
        family: Family,
        candidates: Sequence[Candidate],
        on_change: Callable[[DeviceChange], None] = lambda _change: None,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        self.entry = entry
        self._family = family
        self._on_change = on_change
        self._stuck_seconds = stuck_seconds
        self._candidates = list(candidates)
        self._left: list[str] = []
        self._pictures: dict[Place, int] = {}
        self._runner = Runner(self._candidates.pop(0), self._run)
        self._lock = threading.RLock()

    @property
    def place(self) -> Place:
        """Where it runs now."""
        return self._runner.place

    @property
    def left(self) -> tuple[str, ...]:
        """The places that it left while running, each with the reason."""
        return tuple(self._left)

    @property
    def pictures(self) -> Mapping[Place, int]:
        """How many pictures each place computed."""
        with self._lock:
            return dict(self._pictures)

    def compiled(self, size: Size) -> CompiledNetwork:
        """The network for a size on the place where it is now. Raises `DeviceFailed`."""
        return self._runner.compiled(size)

    def present(self) -> tuple[Place, CompiledNetwork | None]:
        """Where it runs now and as what; None while it is not compiled there yet."""
        runner = self._runner
        return runner.place, runner.first_compiled()

    def start(self, image: NDArray[np.uint8], owner: str = "", largest_scale: float = math.inf) -> "PendingResult":
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise InferenceFailed(f"A picture of shape {image.shape} and type {image.dtype} can't be analysed.")
        largest_scale = min(largest_scale, self.entry.input.largest_scale)
        size = choose_size(self.entry.input.sizes, image.shape[1], image.shape[0], largest_scale)
        picture, placement = letterbox(image, size, largest_scale)
        job = _Job(picture, size, placement, owner)
        try:
            with self._lock:
                self._runner.put(job)
        except QueueFull:
            self.give_up_if_stuck()
            raise InferenceFailed(
                f"{self.entry.name}: {MOST_WAITING} pictures wait for it already; the device is stuck or too slow."
            ) from None
        return PendingResult(self, job.answer)

    def give_up_if_stuck(self) -> None:
        """Leave a device that has stopped answering; what it computes still may come, and is not waited for."""
        runner = self._runner
        if (seconds := runner.stuck_seconds()) > self._stuck_seconds:
            self._move_on(runner, f"no answer for {seconds:.1f} seconds.")

    def _run(self, runner: Runner, job: _Job, session: Session) -> None:
        """One picture, in a thread of the runner."""
        try:
            try:
                outputs = session.run(job.picture)
                check_outputs(outputs, self._family.output_shapes(*job.size))
            except Exception as error:
                self._rescue(runner, job, error)
                return
            detections = self._family.decode(outputs, job.placement, self.entry.minimum_score)
            with self._lock:
                self._pictures[runner.place] = self._pictures.get(runner.place, 0) + 1
            job.answer.set_result(detections)
        except Exception as error:
            logger.exception("a picture could not be analysed by %s", self.entry.name)
            job.answer.set_exception(InferenceFailed(f"{self.entry.name}: its output can't be read ({error})."))

    def _rescue(self, runner: Runner, job: _Job, error: Exception) -> None:
        """The device failed with this picture: the next device gets it, if there is one."""
        text = (
            str(error.__cause__ or error) if isinstance(error, VeilsightError) else f"{type(error).__name__}: {error}"
        )
        reason = explain_failure(runner.place.kind, text)
        self._move_on(runner, reason)
        try:
            with self._lock:
                if self._runner is not runner:
                    again = _Job(job.picture, job.size, job.placement, job.owner)
                    again.answer.add_done_callback(lambda done: _pass_on(done, job.answer))
                    self._runner.put(again)
                    return
        except QueueFull:
            reason = "too many pictures wait for the next device"
        job.answer.set_exception(InferenceFailed(f"{self.entry.name}: the device failed ({reason.rstrip('.')})."))

    def _move_on(self, runner: Runner, reason: str) -> None:
        """Leave the runner's place for the next candidate, unless that has happened or there is none."""
        with self._lock:
            if self._runner is not runner or not self._candidates:
                return
            self._runner = Runner(self._candidates.pop(0), self._run)
            self._left.append(f"{runner.place}: {reason}")
            for job in runner.take_waiting():
                try:
                    self._runner.put(job)
                except QueueFull:
                    if job.answer.set_running_or_notify_cancel():
                        job.answer.set_exception(InferenceFailed(f"{self.entry.name}: too many pictures wait for it."))
            change = DeviceChange(self.entry.name, runner.place, self._runner.place, reason)
        logger.error("%s moves from %s to %s: %s", change.network, change.left, change.now, change.reason)
        try:
            self._on_change(change)
        except Exception:
            logger.exception("the change of %s to another device could not be told", self.entry.name)


def _pass_on(done: "Future[tuple[Detection, ...]]", answer: "Future[tuple[Detection, ...]]") -> None:
    if done.cancelled():
        answer.set_exception(InferenceFailed("The picture was given up."))
    elif (error := done.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(done.result())


class PendingResult:
    """See `PendingDetections`. Dropping it unread takes its picture out of the queue."""

    def __init__(self, network: Network, answer: "Future[tuple[Detection, ...]]") -> None:
        self._network = network
        self._answer: Future[tuple[Detection, ...]] | None = answer

    def result(self, deadline_seconds: float) -> tuple[Detection, ...]:
        name = self._network.entry.name
        answer, self._answer = self._answer, None
        if answer is None:
            raise InferenceFailed(f"{name}: this result was fetched, or given up, before.")
        try:
            return answer.result(max(0.0, deadline_seconds))
        except TimeoutError:
            answer.cancel()
            self._network.give_up_if_stuck()
            raise InferenceFailed(f"{name}: no result within {deadline_seconds:g} seconds.") from None

    def close(self) -> None:
        """Give the picture up; does nothing after a result."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.cancel()

    def __del__(self) -> None:
        self.close()


def check_outputs(outputs: Outputs, shapes: tuple[tuple[int, ...], ...]) -> None:
    """Raises `DeviceFailed` where number, shape or type are not as expected, or a value is not finite."""
    found = tuple(output.shape for output in outputs)
    if found != shapes or any(output.dtype != np.float32 for output in outputs):
        raise DeviceFailed(f"The output has the wrong shape {found}, expected {shapes}.")
    # A sum is finite only where each of its terms is. Terms so large that their sum overflows mean nothing either.
    if not all(np.isfinite(output.sum()) for output in outputs):
        raise DeviceFailed("The output holds numbers that are not finite.")
