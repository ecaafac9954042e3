"""The live view of one camera: redacts the newest analysed frame while somebody looks.

It has a thread of its own, so that people who look at a camera do not slow down its counting. A frame that comes while
another is being redacted is not shown, and after each picture the networks are left alone for as long as it took. One
that comes while another camera has its turn waits for it, as long as its picture would still be early. So on a slow
device the view shows fewer pictures, none of them is late, and counting keeps its rate.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from appliance.vision.detections import Detection, Track
from appliance.vision.frames import RawFrame, RedactedFrame
from appliance.vision.live import Hub
from appliance.vision.redaction import Looking, Redactor, cover_whole, explain
from appliance.vision.turns import Turns

STOP_SECONDS = 5.0
LONGEST_REST_SECONDS = 0.5
# What viewers take for the present.
EARLY_SECONDS = 0.09
# How much of a picture's time counts for what one usually takes.
NEWEST_PART = 0.2
# Height and width of the picture that stands for one that could not be made.
SIGN_SIZE = (180, 320)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """A frame that is to be shown: the redactor's networks at work on it, or None while it waits for its turn."""

    looking: Looking | None


@dataclass(frozen=True)
class _Offer:
    """An analysed frame with what was found in it, or with the reason why that is not known."""

    frame: RawFrame
    begun: Begun
    objects: Sequence[Detection]
    tracks: Sequence[Track]
    failure: str


class Show:
    """Takes analysed frames from the camera's thread and publishes redacted pictures; use as a context manager.

    `on_picture` is told of each picture: whether it was covered whole, why, and the frame's time (monotonic). `turns`
    are shared by all cameras. A frame waits for its turn only if its picture is likely to be there `early_seconds`
    after the frame's arrival.
    """

    def __init__(
        self,
        camera: str,
        redactor: Redactor,
        hub: Hub,
        turns: Turns,
        on_picture: Callable[[bool, str, float], None],
        early_seconds: float = EARLY_SECONDS,
    ) -> None:
        self._camera = camera
        self._redactor = redactor
        self._hub = hub
        self._turns = turns
        self._on_picture = on_picture
        self._early_seconds = early_seconds
        self._offer: _Offer | None = None
        self._stopped = False
        self._busy = False
        self._began = self._free_at = self._usual = 0.0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"show {camera}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopped, self._offer = True, None
            self._changed.notify()
        self._thread.join(STOP_SECONDS)
        self._turns.give_back(self._camera)

    def begin(self, frame: RawFrame) -> Begun | None:
        """Whether this frame is to be shown: somebody looks, and no other frame of the camera is at work. `finish` must
        follow. If it is the camera's turn, the redactor's networks begin at once, beside the one that finds people.
        Never waits."""
        with self._changed:
            if not self._hub.watched(self._camera) or self._busy or time.monotonic() < self._free_at:
                return None
            mine = self._turns.take(self._camera)
            if not mine and not self._seconds_left(frame):
                return None
            self._busy, self._began = True, time.monotonic()
        return Begun(self._redactor.look(frame) if mine else None)

    def finish(
        self,
        frame: RawFrame,
        begun: Begun,
        objects: Sequence[Detection],
        tracks: Sequence[Track],
        failure: str = "",
    ) -> None:
        """Show the frame that was begun, now that it is analysed; with a `failure` it is covered whole. Never waits."""
        with self._changed:
            self._offer = _Offer(frame, begun, objects, tracks, failure)
            self._changed.notify()

    def _seconds_left(self, frame: RawFrame) -> float:
        """For how long the frame may wait for its turn, so that its picture is early still."""
        left = frame.monotonic + self._early_seconds - self._usual - time.monotonic()
        # The times of a recording that is not played at its own speed mean nothing here.
        return max(0.0, min(left, self._early_seconds))

    def _run(self) -> None:
        while (offer := self._take()) is not None:
            shown = True
            try:
                shown = self._show(offer)
            except Exception:
                # No picture is better than an unredacted one; the next frame is tried anew.
                logger.exception("a picture of %s could not be shown", self._camera)
            self._turns.give_back(self._camera)
            with self._changed:
                now = time.monotonic()
                self._busy = False
                if shown:
                    took = now - self._began
                    self._usual += NEWEST_PART * (took - self._usual)
                    self._free_at = now + min(took, LONGEST_REST_SECONDS)

    def _take(self) -> _Offer | None:
        with self._changed:
            self._changed.wait_for(lambda: self._offer or self._stopped)
            offer, self._offer = self._offer, None
            return None if self._stopped else offer

    def _show(self, offer: _Offer) -> bool:
        """Whether it was shown: it is not where it would have to wait too long."""
        try:
            looking = offer.begun.looking or self._look(offer.frame)
            if looking is None:
                return False
            self._publish(self._redact(offer, looking))
        except Exception as error:
            reason = explain(error)
            self._on_picture(True, reason, offer.frame.monotonic)
            # Smaller, since what failed may have failed for want of memory.
            self._hub.publish(self._camera, *_sign(self._camera, reason))
        return True

    def _look(self, frame: RawFrame) -> Looking | None:
        """Begin with a frame that had to wait, once it is its turn; None where the picture would be late by then."""
        mine = self._turns.take(self._camera, self._seconds_left(frame))
        self._began = time.monotonic()
        return self._redactor.look(frame) if mine else None

    def _redact(self, offer: _Offer, looking: Looking) -> RedactedFrame:
        if offer.failure:
            return cover_whole(offer.frame, offer.failure)
        return self._redactor.redact(offer.frame, looking, offer.objects, offer.tracks)

    def _publish(self, picture: RedactedFrame) -> None:
        self._hub.publish(self._camera, describe(picture), picture.jpeg())
        self._on_picture(picture.whole_frame, picture.reason, picture.monotonic)


def _sign(camera: str, reason: str) -> tuple[Mapping[str, object], bytes]:
    """A small picture that shows nothing but the reason, with its description."""
    picture = cover_whole(RawFrame.of_picture(np.zeros((*SIGN_SIZE, 3), np.uint8), camera), reason)
    return describe(picture), picture.jpeg()


def describe(picture: RedactedFrame) -> Mapping[str, object]:
    """What viewers are told with a picture."""
    return {
        "number": picture.number,
        "moment": picture.moment.isoformat(timespec="milliseconds"),
        "width": picture.pixels.shape[1],
        "height": picture.pixels.shape[0],
        "whole_frame": picture.whole_frame,
        "reason": picture.reason,
    }
