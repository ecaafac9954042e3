"""The live views of two cameras whose frames come at the same moment, on a machine that makes one picture at a time."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from appliance.vision.detections import Detection
from appliance.vision.frames import RawFrame
from appliance.vision.live import Hub
from appliance.vision.redaction import Redactor
from appliance.vision.showing import Show
from appliance.vision.turns import Turns
from tests.vision.scripted import Picture, detectors, noise

SECONDS = 60.0


@dataclass
class Slow:
    """A detector that finds nothing, once it may answer."""

    go: threading.Event

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> "Slow":  # noqa: ARG002
        return self

    def result(self, deadline_seconds: float) -> tuple[Detection, ...]:  # noqa: ARG002
        assert self.go.wait(SECONDS)
        return ()


@contextmanager
def two_cameras(early_seconds: float) -> Iterator[tuple[Hub, Show, Show, threading.Event]]:
    """Both are looked at; the first one's picture is made once the event is set."""
    hub, go = Hub(), threading.Event()
    # Turns that never end by themselves.
    turns = Turns(1, lambda: 100.0)
    first = Show("first", Redactor(detectors(faces=Slow(go)), SECONDS), hub, turns, ignore, early_seconds)
    second = Show("second", Redactor(detectors()), hub, turns, ignore, early_seconds)
    hub.enter("first")
    hub.enter("second")
    with first, second:
        try:
            yield hub, first, second, go
        finally:
            go.set()


def ignore(_whole_frame: bool, _reason: str, _monotonic: float) -> None:
    """Nobody is told."""


def frame(camera: str) -> RawFrame:
    """One that has just come."""
    made = noise(1)
    return RawFrame(made.pixels, camera, made.number, time.monotonic(), made.moment)


def offer(show: Show, camera: str) -> bool:
    """Whether a frame is taken to be shown."""
    taken = frame(camera)
    begun = show.begin(taken)
    if begun is not None:
        show.finish(taken, begun, (), ())
    return begun is not None


def test_frames_that_come_at_the_same_moment_are_shown_one_after_the_other() -> None:
    with two_cameras(SECONDS) as (hub, first, second, go):
        assert offer(first, "first")
        assert offer(second, "second")
        assert hub.next_after("second", 0, 0.0) is None
        go.set()
        assert hub.next_after("first", 0, SECONDS) is not None
        assert hub.next_after("second", 0, SECONDS) is not None


def test_a_frame_whose_picture_would_be_late_is_not_taken() -> None:
    with two_cameras(0.0) as (_, first, second, go):
        assert offer(first, "first")
        assert not offer(second, "second")
        go.set()


def test_a_frame_that_has_waited_too_long_is_not_shown_and_the_next_one_is_taken() -> None:
    with two_cameras(0.05) as (hub, first, second, _):
        assert offer(first, "first")
        assert offer(second, "second")
        while not offer(second, "second"):
            time.sleep(0)
        assert hub.next_after("second", 0, 0.0) is None
