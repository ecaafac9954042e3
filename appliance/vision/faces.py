"""Faces at more than one scale: in the whole picture, and where that has to be shrunk much, in windows of it as well.

A picture that is larger than the face network's largest input is shrunk to it, and faces that are small for the picture
get too small to be seen. Windows of the input's size are shown to the network as they are. They overlap, so that each
small face is whole in one of them; large faces are seen in the whole picture.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection
from appliance.vision.frames import Pixels
from appliance.vision.inference import Detector, PendingDetections

# Width and height of a window; the face network takes these without shrinking them.
WINDOW = (1280, 960)
OVERLAP = 128
# A picture is looked at in windows where it would be shrunk by more than this: for a still picture, where time is no
# matter, and for each frame of a video.
STILL_SHRINK = 1.1
VIDEO_SHRINK = 1.6
# A device may refuse more pictures of one camera than this at once.
AT_ONCE = 4

Origin = tuple[int, int]


class FaceLook:
    """The face network at work on a picture and its windows; see `PendingDetections`."""

    def __init__(self, detector: Detector, pixels: Pixels, owner: str, most_shrink: float) -> None:
        height, width = pixels.shape[:2]
        self._detector = detector
        self._pixels = pixels
        self._owner = owner
        self._windows = deque(windows(width, height, most_shrink))
        self._started: deque[tuple[Origin, PendingDetections]] = deque([((0, 0), detector.start(pixels, owner))])

    def result(self, deadline_seconds: float) -> tuple[Detection, ...]:
        """All faces in pixels of the picture; a face in two windows comes twice."""
        deadline = time.monotonic() + deadline_seconds
        found: list[Detection] = []
        while self._started:
            self._start_more()
            origin, pending = self._started.popleft()
            found += _moved(pending.result(max(0.0, deadline - time.monotonic())), origin)
        return tuple(found)

    def _start_more(self) -> None:
        while self._windows and len(self._started) < AT_ONCE:
            x, y = self._windows.popleft()
            window = np.ascontiguousarray(self._pixels[y : y + WINDOW[1], x : x + WINDOW[0]])
            self._started.append(((x, y), self._detector.start(window, self._owner)))


def windows(width: int, height: int, most_shrink: float) -> list[Origin]:
    """The left top corners of the windows for a picture; none where it is shrunk by no more than `most_shrink`."""
    if is_shown_whole(width, height, most_shrink):
        return []
    return [(x, y) for y in _steps(height, WINDOW[1]) for x in _steps(width, WINDOW[0])]


def is_shown_whole(width: int, height: int, most_shrink: float) -> bool:
    """Whether a picture of this size is shrunk by no more than `most_shrink`."""
    # A picture on its side fits an input on its side.
    shrink = min(max(width / WINDOW[0], height / WINDOW[1]), max(width / WINDOW[1], height / WINDOW[0]))
    return shrink <= most_shrink


def _steps(length: int, window: int) -> list[int]:
    """Where windows begin along one side: evenly, overlapping by `OVERLAP` at least."""
    if length <= window:
        return [0]
    count = -(-(length - OVERLAP) // (window - OVERLAP))
    return [round(step * (length - window) / (count - 1)) for step in range(count)]


def _moved(faces: Sequence[Detection], origin: Origin) -> list[Detection]:
    x, y = origin
    return [
        replace(face, box=Box(face.box.x1 + x, face.box.y1 + y, face.box.x2 + x, face.box.y2 + y)) for face in faces
    ]
