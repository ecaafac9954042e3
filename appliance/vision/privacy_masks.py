"""Fixed privacy masks: parts of a camera's picture that nobody and nothing may look at.

They are burned into each frame when it is made from what the decoder gives, before anything else has it. So what lies
beneath a mask can't influence anything that is found, counted or shown.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Zone, inside, to_pixels
from appliance.vision.covers import COVER_COLOUR
from appliance.vision.detections import Track
from appliance.vision.frames import Pixels


class PrivacyMasks:
    """The masks of one camera, polygons of normalised points (0..1). Used by one thread."""

    def __init__(self, masks: Sequence[Zone] = ()) -> None:
        self._masks = tuple(masks)
        self._beneath = np.zeros((0, 0), np.uint8)
        self._cover = np.zeros((0, 0, 3), np.uint8)

    def burn(self, pixels: Pixels) -> Pixels:
        """Cover what is beneath the masks in `pixels` (uint8 [H, W, 3]), in place where that can be written to."""
        if not self._masks:
            return pixels
        height, width = pixels.shape[:2]
        if self._beneath.shape != (height, width):
            self._beneath = pixels_beneath(self._masks, width, height)
            self._cover = np.full_like(pixels, COVER_COLOUR)
        writable = (
            pixels if pixels.flags.writeable and pixels.flags.c_contiguous else np.ascontiguousarray(pixels.copy())
        )
        return np.asarray(cv2.copyTo(self._cover, self._beneath, writable), np.uint8)


def pixels_beneath(masks: Sequence[Zone], width: int, height: int) -> NDArray[np.uint8]:
    """255 for every pixel that a mask touches, and at most for the next one to it, else 0; [height, width]."""
    drawn = np.zeros((height, width), np.uint8)
    for mask in masks:
        points = np.array([[point.x * width, point.y * height] for point in mask.points])
        # OpenCV's coordinates are those of pixels' centres.
        cv2.fillPoly(drawn, [np.rint(points - 0.5).astype(np.int32)], (255,))
    # Corners were rounded to whole pixels.
    return np.asarray(cv2.dilate(drawn, np.ones((3, 3), np.uint8)), np.uint8)


def outside(masks: Sequence[Zone], tracks: Sequence[Track], width: int, height: int) -> tuple[Track, ...]:
    """The tracks that do not stand beneath a mask: a network may guess that somebody reaches into one.

    They are left out of counts alone. What is covered in the live view never depends on them.
    """
    outlines = [[to_pixels(point, width, height) for point in mask.points] for mask in masks]
    return tuple(track for track in tracks if not any(inside(track.box.anchor, outline) for outline in outlines))
