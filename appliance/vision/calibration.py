"""Pictures for making an INT8 version: some to calibrate it with, others to compare it with the original.

They come from recordings, from pictures in files, or from a running camera. Each is fitted into the network's input at
once, and the frame itself is let go; what was fitted stays in this process's memory until the comparison is done.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import UsageError
from appliance.vision.catalogue import NetworkInput
from appliance.vision.detectors.letterbox import PADDING, Placement, choose_size, letterbox
from appliance.vision.frames import Pixels, RawFrame
from appliance.vision.recordings import kind_of
from appliance.vision.sources import Source, open_source
from appliance.vision.stills import read_picture

# Pictures that follow each other are alike. So a row of them is dealt in stretches, of which there are about this many.
STRETCHES = 16

# Corners as parts of the picture's width and height, 0..1.
Polygon = Sequence[tuple[float, float]]


class NothingToCalibrateWith(UsageError):
    """What was named holds no picture."""


@dataclass(frozen=True, eq=False, repr=False)
class Sample:
    """A picture as a network takes it: uint8 [1, H, W, 3], blue green red, and where the picture lies in it."""

    tensor: NDArray[np.uint8]
    placement: Placement

    @property
    def size(self) -> tuple[int, int]:
        """The input's width and height."""
        return self.tensor.shape[2], self.tensor.shape[1]


def find_files(named: Sequence[Path]) -> tuple[Path, ...]:
    """The recordings and pictures that were named, and those inside folders that were named, in order.

    Raises `NothingToCalibrateWith`.
    """
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            found += sorted(each for each in path.rglob("*") if kind_of(each) is not None and each.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise NothingToCalibrateWith(
                f"There is no file or folder {path}; name a recording or a folder of pictures."
            )
    if not found:
        names = ", ".join(str(path) for path in named)
        raise NothingToCalibrateWith(f"There is no recording and no picture in {names}; name another folder.")
    return tuple(found)


def samples_of_files(files: Sequence[Path], expected: NetworkInput, most: int) -> tuple[Sample, ...]:
    """At most `most` pictures, spread evenly over pictures and recordings. Raises `PictureError` and `SourceError`."""
    stills = [path for path in files if kind_of(path) == "image"]
    recordings = [path for path in files if kind_of(path) != "image"]
    for_stills = min(len(stills), most if not recordings else most // 2)
    kept = [fit(read_picture(stills[index * len(stills) // for_stills]), expected) for index in range(for_stills)]
    for number, path in enumerate(recordings):
        share = max(2, (most - len(kept)) // (len(recordings) - number))
        with open_source(str(path), camera=path.name) as source:
            kept += evenly((frame.pixels for frame in source if not frame.damaged), expected, share)
    return tuple(kept[:most])


def samples_of_camera(
    source: Source, expected: NetworkInput, most: int, seconds: float, masks: Sequence[Polygon] = ()
) -> tuple[Sample, ...]:
    """At most `most` pictures, one now and then, of the next `seconds` of an open camera, with grey for the masks.

    Raises `SourceError`.
    """
    frames = now_and_then((frame for frame in source if not frame.damaged), seconds, seconds / most)
    return tuple(fit(masked(frame.pixels, masks), expected) for frame in frames)


def masked(pixels: Pixels, masks: Sequence[Polygon]) -> Pixels:
    """The picture with what lies under a mask replaced by the grey that surrounds pictures in a network's input."""
    if not masks:
        return pixels
    size = np.array([pixels.shape[1], pixels.shape[0]])
    corners = [np.rint(np.array(mask) * size - 0.5).astype(np.int32) for mask in masks]
    return np.asarray(cv2.fillPoly(pixels.copy(), corners, (PADDING,) * 3), np.uint8)


def now_and_then(frames: Iterable[RawFrame], seconds: float, interval: float) -> Iterator[RawFrame]:
    """Frames about `interval` seconds apart, from the first one on and for at most `seconds`."""
    began: float | None = None
    due = 0.0
    for frame in frames:
        began = frame.monotonic if began is None else began
        passed = frame.monotonic - began
        if passed >= seconds:
            return
        if passed >= due:
            due = due + interval if due + interval > passed else passed + interval
            yield frame


def evenly(pictures: Iterable[Pixels], expected: NetworkInput, most: int) -> list[Sample]:
    """Up to `most` samples, at least half as many where there are enough, equally far apart.

    How many pictures come need not be known: when the list is full, every second one is dropped and the step doubled.
    """
    kept: list[Sample] = []
    step = 1
    for number, pixels in enumerate(pictures):
        if number % step:
            continue
        if len(kept) == most:
            kept = kept[::2]
            step *= 2
            if number % step:
                continue
        kept.append(fit(pixels, expected))
    return kept


def fit(pixels: Pixels, expected: NetworkInput) -> Sample:
    """The picture in the input size that inference would choose for it."""
    size = choose_size(expected.sizes, pixels.shape[1], pixels.shape[0], expected.largest_scale)
    return Sample(*letterbox(pixels, size, expected.largest_scale))


def deal(samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """The samples to calibrate with, and those held back; stretches of consecutive ones go to either by turns."""
    length = max(1, len(samples) // STRETCHES)
    calibration = tuple(each for number, each in enumerate(samples) if number // length % 2 == 0)
    return calibration, tuple(each for number, each in enumerate(samples) if number // length % 2 == 1)
