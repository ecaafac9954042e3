"""Where a tracked box is expected next: a Kalman filter of constant velocity, for all tracks at once.

Each box is centre x, centre y, width and height in pixels. The four are filtered one by one (their noises are taken as
independent), so a filter is a 2x2 matrix and the arithmetic is a few array operations, whatever the number of tracks.
The centre has a velocity; width and height wander without one, since extrapolating a box's growth while it is hidden
does harm. All noises grow with the box: a person seen twice as large moves twice as many pixels.

Time is in seconds and steps may be of any length, so dropped frames are only longer steps. Noise model: continuous
white-noise acceleration (Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation,
2001, section 6.2).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MotionParameters:
    """Noises, as parts of the box's height (a person's height is about 1.7 m, which gives them a meaning)."""

    # Standard deviation of a detected box's centre, width and height.
    measurement: float = 0.05
    # How fast the velocity wanders: standard deviation of its change over one second, in heights a second. People
    # stop or turn within a second or so: 0.5 is about 0.9 m/s.
    velocity_change: float = 0.5
    # The same of width and height.
    size_change: float = 0.1
    # Standard deviation of the unknown velocity of a new track, heights a second: 1 covers walking in any direction.
    first_velocity: float = 1.0


@dataclass
class Motion:
    """State of n filters. `mean` (n, 4): cx, cy, w, h. `velocity` (n, 4), pixels a second, the last two 0.

    `pp`, `pv`, `vv` (n, 4): variance of the position, covariance with the velocity, variance of the velocity.
    """

    mean: Array
    velocity: Array
    pp: Array
    pv: Array
    vv: Array

    def __len__(self) -> int:
        return len(self.mean)

    def boxes(self) -> Array:
        """(n, 4): left, top, right, bottom in pixels."""
        half = np.maximum(self.mean[:, 2:], 1.0) / 2
        return np.concatenate((self.mean[:, :2] - half, self.mean[:, :2] + half), axis=1)

    def uncertainty(self) -> Array:
        """(n, 2): standard deviation of the centre's x and y, pixels."""
        deviation: Array = np.sqrt(self.pp[:, :2])
        return deviation

    def take(self, rows: NDArray[np.intp]) -> "Motion":
        """The filters of the given rows, copied."""
        return Motion(self.mean[rows], self.velocity[rows], self.pp[rows], self.pv[rows], self.vv[rows])

    def join(self, other: "Motion") -> "Motion":
        """These filters followed by the others."""
        return Motion(
            np.concatenate((self.mean, other.mean)),
            np.concatenate((self.velocity, other.velocity)),
            np.concatenate((self.pp, other.pp)),
            np.concatenate((self.pv, other.pv)),
            np.concatenate((self.vv, other.vv)),
        )


def begin(boxes: Array, parameters: MotionParameters) -> Motion:
    """Filters for boxes (n, 4: left, top, right, bottom) seen for the first time."""
    mean = _centre_and_size(boxes)
    height = mean[:, 3:4]
    pp = np.repeat((parameters.measurement * height) ** 2, 4, axis=1)
    vv = np.zeros_like(mean)
    vv[:, :2] = (parameters.first_velocity * height) ** 2
    return Motion(mean, np.zeros_like(mean), pp, np.zeros_like(mean), vv)


def predict(motion: Motion, seconds: float, parameters: MotionParameters) -> Motion:
    """The filters `seconds` later (0 or more)."""
    height = np.maximum(motion.mean[:, 3:4], 1.0)
    density = np.zeros_like(motion.mean)
    density[:, :2] = (parameters.velocity_change * height) ** 2
    size_variance = np.zeros_like(motion.mean)
    size_variance[:, 2:] = (parameters.size_change * height) ** 2 * seconds
    pp = motion.pp + 2 * seconds * motion.pv + seconds**2 * motion.vv + density * seconds**3 / 3 + size_variance
    pv = motion.pv + seconds * motion.vv + density * seconds**2 / 2
    vv = motion.vv + density * seconds
    return Motion(motion.mean + seconds * motion.velocity, motion.velocity, pp, pv, vv)


def correct(motion: Motion, rows: NDArray[np.intp], boxes: Array, scores: Array, parameters: MotionParameters) -> None:
    """Correct the given rows, in place, by the boxes (m, 4: left, top, right, bottom) detected for them.

    A box of a low score is trusted less: its noise grows as its score (m, 0..1) falls, after the NSA Kalman filter
    (Du et al., GIAOTracker, 2021). So is one of another size than expected: where a part of somebody is hidden, the
    middle of what is left is off by up to half of what is missing, and would turn the velocity the wrong way.
    """
    if not len(rows):
        return
    measured = _centre_and_size(boxes)
    height = np.maximum(motion.mean[rows, 3:4], 1.0)
    innovation = measured - motion.mean[rows]
    hidden = np.tile(innovation[:, 2:] / 2, 2)
    noise = (parameters.measurement * height) ** 2 * (2.0 - scores[:, None]) + hidden**2
    pp, pv, vv = motion.pp[rows], motion.pv[rows], motion.vv[rows]
    total = pp + noise
    gain, velocity_gain = pp / total, pv / total
    motion.mean[rows] += gain * innovation
    motion.velocity[rows] += velocity_gain * innovation
    motion.pp[rows] = (1 - gain) * pp
    motion.pv[rows] = (1 - gain) * pv
    motion.vv[rows] = vv - velocity_gain * pv


def _centre_and_size(boxes: Array) -> Array:
    return np.concatenate(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]), axis=1)
