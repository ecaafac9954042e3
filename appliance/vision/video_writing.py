"""Redacted pictures to a video. Of the original file go along the shape of its pixels and, if asked, its sound; no
metadata, no thumbnail, no subtitles."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from io import RawIOBase
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from appliance.vision.frames import Pixels, RedactedFrame
from appliance.vision.original import Original

# The unit of time stamps in MPEG transport and RTP: fine enough for every frame rate.
TIME_BASE = Fraction(1, 90_000)
DEFAULT_RATE = 25.0
X264 = (("preset", "superfast"), ("crf", "20"))
VP9 = (("deadline", "realtime"), ("cpu-used", "8"), ("row-mt", "1"), ("crf", "30"), ("b", "0"))


@dataclass(frozen=True)
class Format:
    """A container and its encoder. Where frames have `fixed_rate`, each is as long as the next."""

    container: str
    encoder: str = "libx264"
    options: tuple[tuple[str, str], ...] = X264
    fixed_rate: bool = False


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        ".mp4": Format("mp4"),
        ".m4v": Format("mp4"),
        ".mov": Format("mov"),
        ".mkv": Format("matroska"),
        ".webm": Format("webm", "libvpx-vp9", VP9),
        ".avi": Format("avi", options=(*X264, ("bf", "0")), fixed_rate=True),
        ".ts": Format("mpegts"),
        ".mts": Format("mpegts"),
        ".m2ts": Format("mpegts"),
    }
)
VIDEO_SUFFIXES = tuple(FORMATS)


class VideoWriter:
    """A new video, in the container format that its file name's suffix names; use as a context manager.

    `rate` is the frames a second to declare, 0 where unknown; each picture is shown from its own time on in any case,
    but in an AVI file, whose frames are all of one length. `original` gives the shape of pixels, and the sound too with
    `keep_audio`. FFmpeg's errors, which are `OSError`s when the disk is full or the folder absent, are passed on as
    they are. Raises `SoundNotKept`. With `file`, the video goes there, and `path` is only its name.
    """

    def __init__(
        self,
        path: Path,
        rate: float,
        original: Original | None = None,
        keep_audio: bool = False,
        file: RawIOBase | None = None,
    ) -> None:
        self._format = FORMATS[path.suffix.lower()]
        self._rate = Fraction(rate if rate > 0 else DEFAULT_RATE).limit_denominator(1001)
        self._time_base = 1 / self._rate if self._format.fixed_rate else TIME_BASE
        self._original = original
        self._keep_audio = keep_audio and original is not None
        self._container: OutputContainer = av.open(file or str(path), "w", format=self._format.container)
        self._stream: VideoStream | None = None
        self._last = -1
        self._planes: Pixels | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._stream is not None and error is None:
                self._copy_sound((self._last + 1) * float(self._time_base))
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
        # OpenCV converts in a third of the time that FFmpeg takes.
        planes = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420), np.uint8)
        stamp = max(self._last + 1, round(seconds / self._time_base))
        if self._format.fixed_rate and self._planes is not None:
            # The picture before is shown on until this one's time.
            for between in range(self._last + 1, stamp):
                self._encode(self._stream, self._planes, between)
        self._encode(self._stream, planes, stamp)
        self._planes = planes
        self._copy_sound(seconds)

    def _encode(self, stream: VideoStream, planes: Pixels, stamp: int) -> None:
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        self._last = frame.pts = stamp
        frame.time_base = self._time_base
        self._container.mux(stream.encode(frame))

    def _begin(self, width: int, height: int) -> VideoStream:
        chosen = self._format
        added = self._container.add_stream(chosen.encoder, rate=self._rate, options=dict(chosen.options))
        stream = cast(VideoStream, added)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = self._time_base
        if self._original is not None:
            stream.codec_context.sample_aspect_ratio = self._original.aspect(width, height)
            if self._keep_audio:
                self._original.add_sound_to(self._container, f"a {chosen.container} file")
        return stream

    def _copy_sound(self, until: float) -> None:
        if self._original is not None and self._keep_audio:
            self._original.copy_sound(self._container, until)


def _even(pixels: Pixels) -> Pixels:
    """Video in 4:2:0 needs even sides; an odd one gets its last row or column twice."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else pixels
