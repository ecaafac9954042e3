"""What a detector reports and what a tracker makes of it."""

from dataclasses import dataclass
from typing import Literal

from appliance.metrics.geometry import Box

Kind = Literal["person", "vehicle", "face", "plate", "text", "screen"]


@dataclass(frozen=True, slots=True)
class Detection:
    """One object in one frame; `box` in pixels of the source frame, `score` in 0..1."""

    kind: Kind
    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Track:
    """One object followed over time.

    `number` lives in memory only, starts at random for each run and is never stored. `box` is the current estimate in
    pixels of the source frame. `label` is what its detections so far called it, weighed by their scores, so that no
    single frame decides. `missed_frames` is 0 when the object was detected in this very frame. A track is `confirmed`
    once enough detections support it; only confirmed tracks are counted, but every track is redacted. `first_box` is
    where it was seen first, so that a track counts what it passed before it was confirmed.
    """

    number: int
    kind: Kind
    label: str
    score: float
    box: Box
    missed_frames: int
    confirmed: bool
    first_box: Box | None = None
