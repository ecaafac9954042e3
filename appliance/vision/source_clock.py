"""When a source's frame was taken."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Literal

from av.video.frame import VideoFrame

# Some recordings have no usable time stamps; then frames are this far apart.
DEFAULT_FRAME_SECONDS = 1 / 25
# A time stamp this far from the one before is a jump of the camera's clock, not a pause in the picture.
LONGEST_STEP_SECONDS = 5.0
Pace = Literal["arrival", "played", "recording"]


class SourceClock:
    """Gives each frame its time: of arrival, of its turn when a recording is played, or of the recording."""

    def __init__(self, pace: Pace, closing: threading.Event) -> None:
        self._pace = pace
        self._closing = closing
        self._base = time.monotonic()
        self._moment = datetime.now(UTC)
        self._media = 0.0
        self._last: float | None = None
        self._step = DEFAULT_FRAME_SECONDS

    def place(self, frame: VideoFrame, arrived: float) -> tuple[float, datetime]:
        """Monotonic seconds and wall time of the frame; when a recording is played, waits for its turn."""
        if self._pace == "arrival":
            # A camera's own clock may be wrong or jump.
            return arrived, datetime.now(UTC)
        self._advance(None if frame.time is None else float(frame.time))
        due = self._base + self._media
        if self._pace == "played":
            self._closing.wait(max(0.0, due - time.monotonic()))
            return due, datetime.now(UTC)
        return due, self._moment + timedelta(seconds=self._media)

    def _advance(self, stamp: float | None) -> None:
        if self._last is not None:
            step = self._step if stamp is None else stamp - self._last
            if 0.0 < step <= LONGEST_STEP_SECONDS:
                self._step = step
            self._media += self._step
        self._last = stamp if stamp is not None else (self._last or 0.0) + self._step

    def start_again(self) -> None:
        """The recording begins anew; its first frame follows the last one."""
        self._last = None
        self._media += self._step
