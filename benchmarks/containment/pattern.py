"""A random pattern that can be recognised in any picture, or part of one, that was made from it.

Bands of blocks, each dark blue or bright yellow by a random bit. Red, green, blue, luma and chroma all differ between
them, so that every plane of a picture carries the bits; and the blocks are large enough to outlive compression.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 768, 576
# Pixels of a block and of a band's height.
BLOCK, BAND = 8, 16
BITS, BANDS = WIDTH // BLOCK, HEIGHT // BAND
# Blocks of a row that must be there to be recognised.
CODE = 32
COLOURS = np.array([[160, 40, 20], [40, 220, 235]], np.uint8)
RATE = 10


@dataclass(frozen=True)
class Pattern:
    """`bits`: uint8 [BANDS, BITS], 0 or 1."""

    bits: NDArray[np.uint8]

    def picture(self, frame: int) -> Picture:
        """BGR, uint8 [HEIGHT, WIDTH, 3]: the bands move down by one a frame, so that there is something to analyse."""
        bits = np.roll(self.bits, frame, axis=0)
        return np.repeat(np.repeat(COLOURS[bits], BAND, axis=0), BLOCK, axis=1)


def random_pattern(seed: int) -> Pattern:
    return Pattern(np.random.default_rng(seed).integers(0, 2, (BANDS, BITS), np.uint8))


def write_clip(path: Path, frames: int, picture: Callable[[int], Picture]) -> None:
    """An H.264 clip of `picture(0)`, `picture(1)`…, near to lossless."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE), options={"crf": "8", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture(number)), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def read_clip(path: Path, frames: int) -> list[Picture]:
    """The first pictures of a video, BGR at the pattern's size."""
    found: list[Picture] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="bgr24")
            found.append(np.asarray(cv2.resize(picture, (WIDTH, HEIGHT)), np.uint8))
            if len(found) == frames:
                break
    return found
