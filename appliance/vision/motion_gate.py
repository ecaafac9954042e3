"""Says for which frames the network for persons and vehicles need not be asked, since nothing has changed.

A frame is passed over only if all of this holds; then what the last look found is true of it too:

- no cell of a coarse picture differs from what the network was last shown. The comparison is with that look and not
  with the frame before, so something that changes slowly adds up until it is seen;
- nothing has differed for `HOLD_SECONDS`;
- every track was seen in the last look and is confirmed: whoever appears or is missed is looked for in each frame;
- the last look was less than `RECHECK_SECONDS` ago, or `EMPTY_RECHECK_SECONDS` where nobody is followed.

So whoever changes the picture is looked for in the very frame in which that happens, with no delay. Only somebody
who differs from the background by less than `CHANGED_LEVELS` in every cell waits for the recheck; networks do not
find such a person. Somebody who stands still stays followed: the same detections are given to the tracker again, and
if a recheck misses them, each frame is looked at until they are found again or the tracker gives them up, as it would
without the gate.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.vision.detections import Track
from appliance.vision.frames import Pixels

# A cell is smaller than the smallest person that a network finds, which is more than a fiftieth of the width high.
CELLS_ACROSS = 160
SMALLEST_CELL = 4
# Of 255, in the mean of a cell. The noise of a camera moves it by one or two levels; where it moves it by more, the
# gate stays open, which costs time and misses nobody.
CHANGED_LEVELS = 6.0
HOLD_SECONDS = 0.5
RECHECK_SECONDS = 1.0
EMPTY_RECHECK_SECONDS = 3.0

Levels = NDArray[np.int16]


class MotionGate:
    """Follows one camera. `needs_look` is called with each frame, in order; `looked` after each look that succeeded."""

    def __init__(self) -> None:
        self._known: Levels | None = None
        self._levels: Levels | None = None
        self._looked = 0.0
        self._changed = 0.0

    def needs_look(self, pixels: Pixels, now: float, tracks: Sequence[Track]) -> bool:
        """Whether the network is to be asked about this frame (uint8 [H, W, 3]) at `now` (seconds, monotonic).

        `tracks` are all tracks as of the frame before.
        """
        self._levels = coarse_levels(pixels)
        if self._known is None or self._known.shape != self._levels.shape or differs(self._known, self._levels):
            self._changed = now
            return True
        if any(track.missed_frames or not track.confirmed for track in tracks):
            return True
        holding = 0 <= now - self._changed < HOLD_SECONDS
        patience = RECHECK_SECONDS if tracks else EMPTY_RECHECK_SECONDS
        return holding or not 0 <= now - self._looked < patience

    def looked(self, now: float) -> None:
        """The network has answered about the frame of the last `needs_look`."""
        self._known, self._looked = self._levels, now

    def forget(self) -> None:
        """The next frame is to be looked at."""
        self._known = None


def coarse_levels(pixels: Pixels) -> Levels:
    """The mean colour of each cell, int16 [rows, columns, 3]."""
    height, width = pixels.shape[:2]
    side = max(SMALLEST_CELL, -(-width // CELLS_ACROSS))
    size = (max(1, width // side), max(1, height // side))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.int16)


def differs(before: Levels, after: Levels) -> bool:
    """Whether any cell's colour is another, in any of its three channels: clothes may be as bright as the wall."""
    return bool(np.abs(after - before).max() >= CHANGED_LEVELS)
