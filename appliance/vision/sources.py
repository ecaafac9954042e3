"""Cameras and recordings: an address or a path in, raw frames out.

A recording that is analysed gives every frame, as fast as they are taken. A live source (a camera, or a recording
played at its own speed) is decoded in a thread of its own, which keeps the newest frame only: whoever is slow skips
frames, and nothing queues up.
"""

import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from appliance.errors import VeilsightError
from appliance.vision.frames import Pixels, RawFrame

OPEN_SECONDS = 10.0
READ_SECONDS = 10.0
# Some recordings have no usable time stamps; then frames are this far apart.
DEFAULT_FRAME_SECONDS = 1 / 25
# A time stamp this far from the one before is a jump of the camera's clock, not a pause in the picture.
LONGEST_STEP_SECONDS = 5.0
# Some damage is passed over; this many packets of nothing else is no video any more.
MOST_DAMAGED_IN_A_ROW = 100
# What OpenCV takes a picture in YUV to be: BT.601 with the range of television, which is also FFmpeg's guess where
# nothing is said (AVCOL_SPC_UNSPECIFIED, BT470BG and SMPTE170M; AVCOL_RANGE_UNSPECIFIED and MPEG).
OPENCV_COLOUR_SPACES = (2, 5, 6)
OPENCV_COLOUR_RANGES = (0, 1)
Pace = Literal["arrival", "played", "recording"]
LIVE_SCHEMES = ("rtsp", "rtsps", "http", "https")


class SourceError(VeilsightError):
    """A camera or recording can't be opened or read. The message holds no user name and no password."""


class SourceStopped(SourceError):
    """A source that was open gives no more frames."""


class Source:
    """Frames of an open camera or recording; iterate over it once, inside a `with` block.

    `live` sources decode ahead in a thread. `received` counts decoded frames, `dropped` those that nobody took in time,
    `damaged` the packets that could not be decoded. `seconds` is the span of the source's own time stamps so far.
    """

    def __init__(self, container: InputContainer, name: str, camera: str, pace: Pace, loop: bool) -> None:
        self.live = pace != "recording"
        self.received = 0
        self.dropped = 0
        self.damaged = 0
        self.seconds = 0.0
        self._unsure = False
        self._container = container
        self._stream = container.streams.video[0]
        # Slice and frame threads; a live camera may not wait for frame threads to fill.
        self._stream.thread_type = "SLICE" if self.live else "AUTO"
        self._name = name
        self._camera = camera
        self._pace = pace
        self._loop = loop
        self._newest: RawFrame | None = None
        self._failure: SourceError | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def frame_rate(self) -> float:
        """Frames a second as the source declares them, 0 where it doesn't."""
        return float(self._stream.average_rate or self._stream.guessed_rate or 0)

    @property
    def width(self) -> int:
        return int(self._stream.width)

    @property
    def height(self) -> int:
        return int(self._stream.height)

    @property
    def codec(self) -> str:
        return str(self._stream.codec_context.name)

    @property
    def frame_count(self) -> int:
        """How many frames a recording declares, 0 where it doesn't; one that was trimmed may show fewer of them."""
        return int(self._stream.frames)

    @property
    def declared_seconds(self) -> float:
        """How long a recording says it is, 0 where it doesn't."""
        if self._container.format.name == "avi" and self.frame_rate:
            # FFmpeg tells an AVI file's length from its size; its header knows how long it was when it was whole.
            return self.frame_count / self.frame_rate
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / av.time_base

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._thread is not None:
            # FFmpeg's read time-out bounds how long the thread can hang; it closes the container itself.
            self._thread.join(0.5)
        else:
            self._container.close()

    def __iter__(self) -> Iterator[RawFrame]:
        """The frames; raises `SourceStopped` where the source breaks off before its end. A camera has no end."""
        if not self.live:
            yield from self._decode()
            return
        self._thread = threading.Thread(target=self._keep_newest, name=f"decode {self._camera}", daemon=True)
        self._thread.start()
        while (frame := self._take()) is not None:
            yield frame

    def _take(self) -> RawFrame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._ended, READ_SECONDS + OPEN_SECONDS)
            frame, self._newest = self._newest, None
            if frame is None and self._failure is not None:
                raise self._failure
            if frame is None and not self._ended:
                raise SourceStopped(f"{self._name} has sent no picture for {READ_SECONDS + OPEN_SECONDS:g} seconds.")
            return frame

    def _keep_newest(self) -> None:
        try:
            for frame in self._decode():
                with self._changed:
                    self.dropped += self._newest is not None
                    self._newest = frame
                    self._changed.notify()
                if self._closing.is_set():
                    break
        except SourceError as error:
            self._failure = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()
            self._container.close()

    def _decode(self) -> Iterator[RawFrame]:
        clock = _Clock(self._pace, self._closing)
        while True:
            before, failure = self.received, ""
            try:
                for decoded in self._decoded():
                    monotonic, moment = clock.place(decoded)
                    if self._closing.is_set():
                        return
                    yield RawFrame(_upright(decoded), self._camera, self.received, monotonic, moment, self._unsure)
                    self.received += 1
            except (av.FFmpegError, OSError) as error:
                failure = f"{self._name} broke off ({_reason(error)})."
            if failure or self._pace == "arrival":
                raise SourceStopped(failure or f"{self._name} has ended its stream.")
            if not self._loop or self.received == before:
                return
            clock.start_again()
            self._container.seek(0)

    def _decoded(self) -> Iterator[VideoFrame]:
        """FFmpeg's frames; a damaged packet is passed over, many in a row are the end.

        From damage on until the next key frame, which needs no other frame, every frame is `_unsure`.
        """
        in_a_row, first = 0, None
        # A frame comes out of the decoder some packets after its own went in.
        incomplete: set[int | None] = set()
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt:
                incomplete.add(packet.pts)
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                self.damaged += 1
                self._unsure = True
                in_a_row += 1
                if in_a_row > MOST_DAMAGED_IN_A_ROW:
                    raise
                continue
            in_a_row = 0 if frames else in_a_row
            for frame in frames:
                if frame.time is not None:
                    first = frame.time if first is None else first
                    self.seconds = max(self.seconds, frame.time - first)
                broken = frame.is_corrupt or frame.pts in incomplete
                incomplete.discard(frame.pts)
                self._unsure = broken or (self._unsure and not frame.key_frame)
                yield frame


def _upright(frame: VideoFrame) -> Pixels:
    """The picture as it is meant to be seen, blue green red; a phone held upright films lying on its side."""
    pixels = np.asarray(_blue_green_red(frame), np.uint8)
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels


def _blue_green_red(frame: VideoFrame) -> Pixels:
    """[height, width, 3]. OpenCV converts the commonest form in a third of FFmpeg's time; FFmpeg knows the others."""
    plain = frame.format.name == "yuv420p" and frame.width % 2 == 0 and frame.height % 2 == 0
    if plain and frame.colorspace in OPENCV_COLOUR_SPACES and frame.color_range in OPENCV_COLOUR_RANGES:
        return np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420), np.uint8)
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


class _Clock:
    """Gives each frame its time: of arrival, of its turn when a recording is played, or of the recording."""

    def __init__(self, pace: Pace, closing: threading.Event) -> None:
        self._pace = pace
        self._closing = closing
        self._base = time.monotonic()
        self._moment = datetime.now(UTC)
        self._media = 0.0
        self._last: float | None = None
        self._step = DEFAULT_FRAME_SECONDS

    def place(self, frame: VideoFrame) -> tuple[float, datetime]:
        """Monotonic seconds and wall time of the frame; when a recording is played, waits for its turn."""
        if self._pace == "arrival":
            # A camera's own clock may be wrong or jump.
            return time.monotonic(), datetime.now(UTC)
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


def open_source(
    source: str,
    camera: str,
    realtime: bool = False,
    loop: bool = False,
    username: str = "",
    password: str = "",
) -> Source:
    """Open a camera's URL or a recording's path.

    `realtime` plays a recording at its own speed; `loop` starts it again at its end. Times of frames are those of the
    recording, beginning now, or of arrival. Raises `SourceError` in one sentence without user name or password.
    """
    live = urlsplit(source).scheme.lower() in LIVE_SCHEMES
    name = f"The camera {camera}" if live else f"The recording {source}"
    if not live and not Path(source).is_file():
        raise SourceError(f"There is no file {source}; give a video file or a camera's rtsp:// address.")
    container, failure = None, ""
    try:
        container = _open_camera(source, username, password) if live else _open_recording(source)
    except (av.FFmpegError, OSError, ValueError) as error:
        failure = _explain(name, source, live, error)
    if container is None:
        # Raised out here, so that FFmpeg's error, which names the address and the password in it, is not attached.
        raise SourceError(failure)
    if not container.streams.video:
        container.close()
        raise SourceError(f"{name} has no picture, only sound or data.")
    pace: Pace = "arrival" if live else "played" if realtime else "recording"
    return Source(container, name, camera, pace, loop and not live)


def _open_camera(address: str, username: str, password: str) -> InputContainer:
    options = {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay"}
    return av.open(with_credentials(address, username, password), options=options, timeout=(OPEN_SECONDS, READ_SECONDS))


def _open_recording(path: str) -> InputContainer:
    # A play list can name addresses; a recording may not make this process connect anywhere.
    return av.open(path, options={"protocol_whitelist": "file"})


def _explain(name: str, source: str, live: bool, error: Exception) -> str:
    if live:
        return f"{name} can't be reached ({_reason(error)}); check address, user name and password."
    return f"{source} is not a video that can be read ({_reason(error)}); try another file."


def with_credentials(address: str, username: str, password: str) -> str:
    """The address as FFmpeg wants it. It goes into no message, log or process list."""
    if not username:
        return address
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(username, safe='')}:{quote(password, safe='')}@{host}"))


def _reason(error: Exception) -> str:
    """FFmpeg's reason alone: its messages end with the address, which may hold a password."""
    text = getattr(error, "strerror", None) or type(error).__name__
    return re.sub(r"\S*://\S*|\S*@\S*", "…", str(text))
