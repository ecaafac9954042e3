"""A few redacted pictures side by side, to check at a glance what a redacted recording shows."""

from math import ceil

import cv2
import numpy as np

from appliance.vision.frames import EncodingFailed, Pixels, RedactedFrame

COLUMNS = 4
MOST = 16
# Pixels between pictures; their largest width and height.
GAP = 8
LARGEST = (480, 360)
BACKGROUND = 245


class ContactSheet:
    """Keeps up to `MOST` of the redacted pictures it is shown, at even distances."""

    def __init__(self) -> None:
        self._kept: list[Pixels] = []
        self._shown = 0
        self._every = 1

    def add(self, picture: RedactedFrame) -> None:
        if self._shown % self._every == 0:
            self._kept.append(_small(picture.pixels))
        self._shown += 1
        if len(self._kept) > MOST:
            self._kept = self._kept[::2]
            self._every *= 2

    def encode(self, suffix: str) -> bytes:
        """The sheet in the format of a file name's suffix. Raises `EncodingFailed`."""
        width, height = LARGEST
        columns = min(COLUMNS, max(1, len(self._kept)))
        rows = max(1, ceil(len(self._kept) / columns))
        sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), BACKGROUND, np.uint8)
        for place, picture in enumerate(self._kept):
            top = GAP + (place // columns) * (height + GAP) + (height - picture.shape[0]) // 2
            left = GAP + (place % columns) * (width + GAP) + (width - picture.shape[1]) // 2
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        try:
            done, encoded = cv2.imencode(suffix, sheet)
        except cv2.error:
            done = False
        if not done:
            raise EncodingFailed(f"A contact sheet can't be encoded as {suffix}; name it .jpg or .png.")
        return encoded.tobytes()


def _small(pixels: Pixels) -> Pixels:
    scale = min(LARGEST[0] / pixels.shape[1], LARGEST[1] / pixels.shape[0], 1.0)
    size = (max(1, int(pixels.shape[1] * scale)), max(1, int(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
