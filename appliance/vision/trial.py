"""Trying a camera: what it sends, how fast and how late. Frames are counted and let go."""

import statistics
import time
from dataclasses import dataclass

from appliance.language import marked
from appliance.vision.opening import has_transport, is_live
from appliance.vision.sources import SourceError, Transport, open_source

# The first frames waited for FFmpeg and come at once; from then on, long enough to tell a rate.
BURST_SECONDS = 1.0
WATCH_SECONDS = 4.0
# A camera tells its clock every few seconds only (RFC 3550, section 6.2).
CLOCK_SECONDS = 8.0
# No camera is this late: the clocks differ.
LATEST_SECONDS = 30.0


@dataclass(frozen=True)
class Trial:
    """What a camera sent.

    `width` and `height` are in pixels; `frame_rate` is measured, in frames a second; `declared_rate` is what the stream
    says, 0 where it says nothing. `decoder` is FFmpeg's name of the hardware, or "software" for the `decoder_reason`.
    `first_frame_seconds` counts from before the connection. `latency_seconds` is from the camera's clock to the frame's
    arrival; None where `latency_note` says why it is not known.
    """

    width: int
    height: int
    codec: str
    transport: str
    decoder: str
    decoder_reason: str
    frame_rate: float
    declared_rate: float
    first_frame_seconds: float
    latency_seconds: float | None
    latency_note: str
    damaged_frames: int


def try_camera(source: str, name: str, username: str = "", password: str = "", transport: Transport = "tcp") -> Trial:
    """Watch a camera, or play a recording, for a few seconds. Raises `SourceError`."""
    began = time.monotonic()
    with open_source(source, name, True, False, username, password, transport) as opened:
        frames = iter(opened)
        frame = next(frames, None)
        if frame is None:
            raise SourceError(marked("%(camera)s sent no picture."), camera=name)
        first = time.monotonic()
        damaged, delays, since = int(frame.damaged), list[float](), (first, opened.received)
        for frame in frames:
            now = time.monotonic()
            damaged += frame.damaged
            if now - first < BURST_SECONDS:
                since = now, opened.received
            elif opened.delay is not None:
                delays.append(opened.delay)
            if _seen_enough(source, now - first, delays):
                break
        seconds = time.monotonic() - since[0]
        latency, note = _latency(source, delays)
        return Trial(
            frame.width,
            frame.height,
            opened.codec,
            opened.transport,
            opened.decoder,
            opened.decoder_reason,
            round((opened.received - since[1]) / seconds, 1),
            round(opened.frame_rate, 2),
            round(first - began, 2),
            latency,
            note,
            damaged,
        )


def _seen_enough(source: str, seconds: float, delays: list[float]) -> bool:
    tells_clock = has_transport(source)
    return seconds > (WATCH_SECONDS if delays or not tells_clock else CLOCK_SECONDS)


def _latency(source: str, delays: list[float]) -> tuple[float | None, str]:
    if not is_live(source):
        return None, "a recording has none"
    if not delays:
        return None, "the camera does not tell its clock"
    latency = statistics.median(delays)
    if not -0.05 <= latency <= LATEST_SECONDS:
        return (
            None,
            f"the camera's clock is {abs(latency):.0f} s {'behind' if latency > 0 else 'ahead of'} this machine's",
        )
    return round(max(0.0, latency), 3), ""
