"""Cameras and recordings: an address or a path in, raw frames out.

A recording that is analysed gives every frame, as fast as they are taken. A live source (a camera, or a recording
played at its own speed) is decoded in a thread of its own, which keeps the newest frame only: whoever is slow skips
frames, and nothing queues up.
"""

import struct
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from appliance.language import marked, sentence
from appliance.metrics.geometry import Zone
from appliance.vision.decoding import DECLINED, HARDWARE_KINDS, RECORDING
from appliance.vision.frames import Pixels, RawFrame
from appliance.vision.opening import (
    BROKE_OFF,
    OPEN_SECONDS,
    READ_SECONDS,
    SILENT,
    STOP_SECONDS,
    Opened,
    SourceError,
    SourceRefused,
    SourceStopped,
    Transport,
    has_transport,
    is_live,
    open_camera,
    open_recording,
    reason,
)
from appliance.vision.privacy_masks import PrivacyMasks
from appliance.vision.rates import Turns
from appliance.vision.source_clock import Pace, SourceClock

__all__ = ["Source", "SourceError", "SourceRefused", "SourceStopped", "Transport", "open_source"]

# Some damage is passed over; this many packets of nothing else is no video any more.
MOST_DAMAGED_IN_A_ROW = 100
# Sixteen thousand pixels square would be a gigabyte of memory; the largest cameras have half of this.
MOST_PIXELS = 64 * 10**6
# A camera that sends packets and no picture that can be decoded is given up after this long: longer than between two
# key frames.
PICTURE_SECONDS = 20.0
# Decoders that tell when a packet was lost. With any other, each frame that comes over UDP is taken to be damaged.
TELLING_CODECS = ("h264", "mjpeg")
# What OpenCV takes a picture in YUV to be: BT.601 with the range of television, which is also FFmpeg's guess where
# nothing is said (AVCOL_SPC_UNSPECIFIED, BT470BG and SMPTE170M; AVCOL_RANGE_UNSPECIFIED and MPEG).
OPENCV_COLOUR_SPACES = (2, 5, 6)
OPENCV_COLOUR_RANGES = (0, 1)
# The planes of a picture from software, and from most hardware.
OPENCV_CONVERSIONS = {"yuv420p": cv2.COLOR_YUV2BGR_I420, "nv12": cv2.COLOR_YUV2BGR_NV12}


class Source:
    """Frames of an open camera or recording; iterate over it once, inside a `with` block.

    `live` sources decode ahead in a thread. `received` counts decoded frames, `skipped` those beyond the rate that was
    asked for, `dropped` those that nobody took in time, `damaged` the packets that could not be decoded. `seconds` is
    the span of the source's own time stamps so far. `transport` is "tcp" or "udp", and empty where there is no choice.
    `delay` is the time from the camera's own clock to the arrival of the newest packet, in seconds, where the camera
    tells its clock (RTCP), else None; it is as right as that clock.
    """

    def __init__(
        self,
        opened: Opened,
        name: str,
        camera: str,
        pace: Pace,
        loop: bool,
        transport: str = "",
        stop: threading.Event | None = None,
        masks: Sequence[Zone] = (),
        rate: float | None = None,
    ) -> None:
        self.live = pace != "recording"
        self.received = 0
        self.dropped = 0
        self.skipped = 0
        self.damaged = 0
        self.seconds = 0.0
        self.transport = transport
        self.delay: float | None = None
        self._container = opened.container
        self._why_software = opened.why_software
        self._stream = opened.container.streams.video[0]
        self._blind = transport == "udp" and self.codec not in TELLING_CODECS
        self._unsure = self._blind
        if self.live:
            # Frame threads would be late by as many frames, and with slice threads FFmpeg's H.264 decoder does not tell
            # that parts of a frame are missing.
            self._stream.codec_context.thread_count = 1
        else:
            self._stream.thread_type = "AUTO"
        self._stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        self._name = name
        self._camera = camera
        self._pace = pace
        self._loop = loop
        self._stop = stop or threading.Event()
        self._masks = PrivacyMasks(masks)
        self._turns = Turns(rate) if rate and self.live else None
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
    def decoder(self) -> str:
        """What decodes, known from the first frame on: "software", or FFmpeg's name of the hardware, such as "cuda"."""
        context = self._stream.codec_context
        # The hardware declines streams that it can't decode, and software does them.
        return str(context.pix_fmt) if context.is_hwaccel and context.pix_fmt in HARDWARE_KINDS else "software"

    @property
    def decoder_reason(self) -> str:
        """Why software decodes; empty where hardware does. Known from the first frame on."""
        return "" if self.decoder != "software" else self._why_software or DECLINED

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
            # A thread that waits for a silent camera ends by FFmpeg's read time-out, and closes the container itself.
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
        patience = time.monotonic() + max(PICTURE_SECONDS, OPEN_SECONDS + READ_SECONDS)
        with self._changed:
            while self._newest is None and not self._ended:
                if self._stop.is_set():
                    return None
                if time.monotonic() > patience:
                    raise SourceStopped(marked("%(camera)s has sent no picture for a long time."), camera=self._name)
                self._changed.wait(STOP_SECONDS)
            frame, self._newest = self._newest, None
            if frame is not None or self._failure is None:
                return frame
            failure, self._failure = self._failure, None
        try:
            raise failure
        finally:
            # An error knows where it was raised, and so this function's variables and the source with its decoder:
            # a circle that would hold some megabytes until the garbage collector comes by.
            del failure

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
        clock = SourceClock(self._pace, self._closing)
        while True:
            before, broken = self.received, ""
            try:
                for decoded, arrived in self._decoded():
                    monotonic, moment = clock.place(decoded, arrived)
                    if self._closing.is_set():
                        return
                    # Before colours are converted, which costs as well.
                    if self._turns is None or self._turns.take(monotonic):
                        pixels = self._masks.burn(_upright(decoded))
                        yield RawFrame(pixels, self._camera, self.received, monotonic, moment, self._unsure)
                    else:
                        self.skipped += 1
                    self.received += 1
            except (av.FFmpegError, OSError) as error:
                broken = reason(error)
            # Raised out here, so that FFmpeg's error, which may name the address, is not attached.
            if broken:
                raise SourceStopped(BROKE_OFF, camera=self._name, reason=broken)
            if self._pace == "arrival":
                raise SourceStopped(marked("%(camera)s has ended its stream."), camera=self._name)
            if not self._loop or self.received == before:
                return
            clock.start_again()
            self._container.seek(0)

    def _decoded(self) -> Iterator[tuple[VideoFrame, float]]:
        """FFmpeg's frames, each with the time (seconds, monotonic) at which its packet was there.

        A damaged packet is passed over, many in a row are the end. From damage on until the next key frame, which needs
        no other frame, every frame is `_unsure`.
        """
        in_a_row, first = 0, None
        pictured = sent = time.monotonic()
        # A frame comes out of the decoder some packets after its own went in.
        incomplete: set[int | None] = set()
        for packet in self._container.demux(self._stream):
            self._note_delay(packet)
            before, sent = sent, time.monotonic()
            if self._pace == "arrival" and sent - before > READ_SECONDS:
                # FFmpeg gives up, hands out the frame that it still held, and would then wait as long once more.
                raise SourceStopped(BROKE_OFF, camera=self._name, reason=SILENT)
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
            pictured = sent if frames else pictured
            if self._pace == "arrival" and sent - pictured > PICTURE_SECONDS:
                raise SourceStopped(marked("%(camera)s sends nothing that can be decoded."), camera=self._name)
            for frame in frames:
                if frame.time is not None:
                    first = frame.time if first is None else first
                    self.seconds = max(self.seconds, frame.time - first)
                broken = frame.is_corrupt or frame.pts in incomplete
                incomplete.discard(frame.pts)
                self._unsure = self._blind or broken or (self._unsure and not frame.key_frame)
                yield frame, sent

    def _note_delay(self, packet: "Packet[VideoStream]") -> None:
        # FFmpeg's AVProducerReferenceTime: microseconds since 1970, as the camera's reports tell it.
        if packet.has_sidedata("prft"):
            wallclock, _flags = struct.unpack_from("=qi", bytes(packet.get_sidedata("prft")))
            self.delay = time.time() - wallclock / 1e6


def _upright(frame: VideoFrame) -> Pixels:
    """The picture as it is meant to be seen, blue green red; a phone held upright films lying on its side."""
    pixels = np.asarray(_blue_green_red(frame), np.uint8)
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels


def _blue_green_red(frame: VideoFrame) -> Pixels:
    """[height, width, 3]. OpenCV converts the commonest form in a third of FFmpeg's time; FFmpeg knows the others."""
    conversion = OPENCV_CONVERSIONS.get(frame.format.name)
    even = frame.width % 2 == 0 and frame.height % 2 == 0
    usual = frame.colorspace in OPENCV_COLOUR_SPACES and frame.color_range in OPENCV_COLOUR_RANGES
    if conversion is not None and even and usual:
        return np.asarray(cv2.cvtColor(frame.to_ndarray(), conversion), np.uint8)
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def open_source(
    source: str,
    camera: str,
    realtime: bool = False,
    loop: bool = False,
    username: str = "",
    password: str = "",
    transport: Transport = "tcp",
    stop: threading.Event | None = None,
    masks: Sequence[Zone] = (),
    rate: float | None = None,
) -> Source:
    """Open a camera (an rtsp, rtsps, http or https address, or /dev/videoN) or a recording (a path).

    `realtime` plays a recording at its own speed; `loop` starts it again at its end. Times of frames are those of the
    recording, beginning now, or of arrival. `transport` is RTSP's. When `stop` is set, from any thread, opening and
    waiting for frames end within a second: opening raises `SourceStopped`, the iteration ends. What lies beneath the
    `masks` is in no frame. Of a live source at most `rate` frames a second are given. Raises `SourceError` in one
    sentence without user name or password.
    """
    live = is_live(source)
    name = sentence("The camera %(name)s", name=camera) if live else sentence("The recording %(name)s", name=source)
    pace: Pace = "arrival" if live else "played" if realtime else "recording"
    opened = open_camera(source, name, username, password, transport, stop) if live else _open_recording(source)
    if not opened.container.streams.video:
        opened.container.close()
        raise SourceError(marked("%(camera)s has no picture, only sound or data."), camera=name)
    chosen = transport if has_transport(source) else ""
    return Source(opened, name, camera, pace, loop and not live, chosen, stop, masks, rate)


def _open_recording(path: str) -> Opened:
    if not Path(path).is_file():
        raise SourceError(f"There is no file {path}; give a video file or a camera's rtsp:// address.")
    try:
        return Opened(open_recording(path), RECORDING)
    except (av.FFmpegError, OSError, ValueError) as error:
        failure = f"{path} is not a video that can be read ({reason(error)}); try another file."
    raise SourceError(failure)
