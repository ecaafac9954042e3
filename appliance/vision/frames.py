"""The two kinds of picture, and the wall between them.

A `RawFrame` holds a camera's pixels in this process's memory and nowhere else: it can't be pickled, copied, printed or
turned into bytes. A `RedactedFrame` is made by the redactor alone. Code that wants to show or send a picture can only
take a `RedactedFrame`, since only that can be encoded.
"""

from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from typing import Never, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import VeilsightError
from appliance.vision.regions import Region

Pixels = NDArray[np.uint8]

JPEG_QUALITY = 80


class RawFrameLeak(TypeError):
    """Something tried to take a raw frame out of the program's memory."""


class EncodingFailed(VeilsightError):
    """A redacted picture could not be encoded."""


class RawFrame:
    """One decoded picture of a camera.

    `pixels` is uint8 [height, width, 3], blue green red, for use inside `appliance.vision` only. `number` counts the
    source's pictures from 0, `monotonic` is seconds of a clock that nobody sets, `moment` is wall time in UTC.
    `damaged` frames, or parts of them, were made up by the decoder.
    """

    __slots__ = ("camera", "damaged", "moment", "monotonic", "number", "pixels")

    def __init__(
        self, pixels: Pixels, camera: str, number: int, monotonic: float, moment: datetime, damaged: bool = False
    ) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError("a frame's pixels are uint8 [height, width, 3]")
        self.pixels = pixels
        self.camera = camera
        self.number = number
        self.monotonic = monotonic
        self.moment = moment
        self.damaged = damaged

    @classmethod
    def of_picture(cls, pixels: Pixels, name: str) -> Self:
        """A frame of a picture that stands alone."""
        return cls(pixels, name, 0, 0.0, datetime.now(UTC))

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def __repr__(self) -> str:
        return f"<RawFrame {self.number} of {self.camera}, {self.width}x{self.height}>"

    def _refuse(self, *_: object) -> Never:
        raise RawFrameLeak("a raw frame stays in the memory of the process that decoded it")

    __copy__ = __deepcopy__ = __reduce__ = __reduce_ex__ = __getstate__ = _refuse
    __bytes__ = __iter__ = __array__ = __buffer__ = _refuse


class _Seal:
    """What only the redactor has: see `redaction`."""


SEAL = _Seal()


@dataclass(frozen=True, slots=True, eq=False)
class RedactedFrame:
    """A picture that people may see. Only `appliance.vision.redaction` can make one.

    `pixels` is uint8 [height, width, 3], blue green red, and can't be written to. `whole_frame` is true where
    everything is covered, and `reason` then says why in plain words. The seal is asked for and not kept, so that no
    second frame can be made from a first.
    """

    seal: InitVar[_Seal]
    pixels: Pixels = field(repr=False)
    camera: str
    number: int
    monotonic: float
    moment: datetime
    whole_frame: bool
    reason: str
    regions: tuple[Region, ...]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not SEAL:
            raise RawFrameLeak("only the redactor makes redacted frames")
        self.pixels.flags.writeable = False

    def jpeg(self, quality: int = JPEG_QUALITY) -> bytes:
        """The picture as a JPEG. Raises `EncodingFailed`."""
        return self.encode(".jpg", quality)

    def encode(self, suffix: str, quality: int) -> bytes:
        """The picture in the format of a file name's suffix, without metadata. Raises `EncodingFailed`."""
        options = {
            ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
            ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
            ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        }
        try:
            done, encoded = cv2.imencode(suffix, self.pixels, options.get(suffix, []))
        except cv2.error:
            done = False
        if not done:
            height, width = self.pixels.shape[:2]
            raise EncodingFailed(f"A redacted picture of {width} x {height} pixels can't be encoded as {suffix}.")
        return encoded.tobytes()
