"""Which of a camera's streams serves the analysis best."""

from collections.abc import Sequence
from dataclasses import dataclass

# The networks look at pictures of about this width; more is decoded for nothing.
LEAST_WIDTH = 640
# What is decoded with least work comes first.
CODECS = ("H264", "H265", "JPEG")


@dataclass(frozen=True)
class Stream:
    """One of a camera's streams: `codec` as ONVIF names it (H264, H265, JPEG), frames a second 0 where not told.

    `address` holds no user name and no password.
    """

    profile: str
    codec: str
    width: int
    height: int
    frame_rate: float
    address: str


def best_stream(streams: Sequence[Stream], least_width: int = LEAST_WIDTH) -> tuple[Stream, str]:
    """The stream to analyse, and why. `streams` is not empty.

    The smallest one that is wide enough, among equals the one that is decoded with least work; where none is wide
    enough, the widest.
    """
    wide = [stream for stream in streams if stream.width >= least_width]
    if not wide:
        return max(
            streams, key=lambda stream: stream.width
        ), f"none is {least_width} pixels wide; this one is the widest"
    best = min(wide, key=lambda stream: (stream.width * stream.height, _work(stream)))
    return best, f"the smallest of at least {least_width} pixels' width" if len(streams) > 1 else "the only one"


def _work(stream: Stream) -> int:
    return CODECS.index(stream.codec) if stream.codec in CODECS else len(CODECS)
