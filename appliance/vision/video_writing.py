"""Redacted pictures to an H.264 video. Nothing of the original file goes along: no sound, no metadata, no thumbnail."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from appliance.vision.frames import Pixels, RedactedFrame

# The unit of time stamps in MPEG transport and RTP: fine enough for every frame rate.
TIME_BASE = Fraction(1, 90_000)
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi")
ENCODER_OPTIONS = {"preset": "veryfast", "crf": "20"}
DEFAULT_RATE = 25.0


class VideoWriter:
    """A new video, in the container format that its file name's suffix names; use as a context manager.

    `rate` is the frames a second to declare, 0 where unknown; each picture is shown from its own time on in any case.
    FFmpeg's errors, which are `OSError`s when the disk is full or the folder absent, are passed on as they are.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._rate = Fraction(rate if rate > 0 else DEFAULT_RATE).limit_denominator(1000)
        self._container: OutputContainer = av.open(str(path), "w")
        self._stream: VideoStream | None = None
        self._last = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._stream is not None and error is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()

    def write(self, picture: RedactedFrame, seconds: float) -> None:
        """Add a picture that is shown from `seconds` on; the first one's size is the video's."""
        pixels = _even(picture.pixels)
        if self._stream is None:
            self._stream = self._begin(pixels.shape[1], pixels.shape[0])
        elif pixels.shape[:2] != (self._stream.height, self._stream.width):
            # The camera changed its size on the way.
            pixels = np.asarray(cv2.resize(pixels, (self._stream.width, self._stream.height)), np.uint8)
        planes = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        self._last = frame.pts = max(self._last + 1, round(seconds / TIME_BASE))
        frame.time_base = TIME_BASE
        self._container.mux(self._stream.encode(frame))

    def _begin(self, width: int, height: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self._rate, options=dict(ENCODER_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        return stream


def _even(pixels: Pixels) -> Pixels:
    """H.264 in 4:2:0 needs even sides; an odd one gets its last row or column twice."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else pixels
