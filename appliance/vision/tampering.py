"""Notices that a camera can no longer see what it is there to see: covered, dark, blurred, blinded, frozen or moved.

Once a second the picture is compared with a reference, a mean of what the camera has shown for a minute while nothing
was wrong. Both are means over time, so that people who pass do not matter. A suspicion must last before it is told,
and the reference learns nothing while there is one.

- blinded: half of the picture is as bright as it can be, which it was not before;
- covered: half of the parts that had detail have lost it, and the rest is no blurred form of what was there; or there
  is no contrast at all;
- dark: neither contrast nor light. That is a lamp that was switched off as often as a cloth over the lens, and the
  picture can't tell which. As long as a little light shows what was there before, nothing is wrong;
- blurred: half of the parts that had detail have lost it, and brightness is distributed as before;
- moved: the edges fit better when shifted (correlation of the gradients' magnitudes), or are nowhere to be found. Edges
  hardly depend on the light, so lamps, the sun and a car that parks do not look like a move. A view that stays is taken
  for the right one after an hour;
- frozen: the same picture over and over, to the last bit, which no camera's noise allows. A camera that removes all
  noise may look frozen for as long as nothing moves and no clock is shown in its picture.

A camera that switches to infrared has a reference of its own. References are mean pictures of 160 pixels' width, in
this process's memory and shown to nobody. They begin with the camera's start: what was wrong before that is noticed
only where nothing can be seen at all.

Thresholds were set with the PETS clip, shifted, turned, blurred, covered and lit in other ways (`tests/vision`).
"""

import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.language import marked
from appliance.vision.frames import Pixels

Tampering = Literal["covered", "dark", "blurred", "blinded", "frozen", "moved"]
# For people to read.
WORDS: Mapping[Tampering, str] = MappingProxyType(
    {
        "covered": marked("the camera is covered"),
        "dark": marked("the picture is dark: there is no light, or the lens is covered"),
        "blurred": marked("the picture is blurred"),
        "blinded": marked("a light blinds the camera"),
        "frozen": marked("the same picture comes over and over"),
        "moved": marked("the camera looks elsewhere than before"),
    }
)

SAMPLE_SECONDS = 1.0
# Means over time: of what is seen now, in samples, and of the reference.
CURRENT_SAMPLES = 3
REFERENCE_SECONDS = 60.0
# The reference means nothing before it has seen for so long.
LEARNING_SECONDS = 5.0
# How long a suspicion lasts before it is told, and how long there must be none before the end is told.
CONFIRM_SECONDS = 15.0
CLEAR_SECONDS = 5.0
FROZEN_SECONDS = 20.0
# Who moved a camera on purpose need do nothing: the new view becomes the reference.
NEW_VIEW_SECONDS = 3600.0
# After a pause in the pictures, what is seen now begins anew.
GAP_SECONDS = 5.0

COARSE_WIDTH = 160
FINE_WIDTH = 640
BLOCKS = (16, 12)
SMOOTHEST = 5
BRIGHT_LEVEL = 240
DARK_LEVEL = 45
BLINDED_PART = 0.5
FLAT_CONTRAST = 6.0
# A part of the picture has detail if its edges are this strong, and has lost it at this part of that.
LEAST_DETAIL = 1.5
LOST_DETAIL = 0.4
LOST_PART = 0.5
SAME_BRIGHTNESS = 0.8
# In little light, edges that correlate this much show that the camera still sees.
SEEN_EDGES = 0.5
SAME_EDGES = 0.25
# Between these, the edges are compared at every shift up to this part of the picture; a shift of this part or more that
# fits by so much better is a move.
SURELY_SAME_EDGES = 0.75
MOST_SHIFT = 0.12
LEAST_SHIFT = 0.02
BETTER_FIT = 0.15
# Mean difference between a pixel's colours; below it a picture is black and white.
MONOCHROME_LEVELS = 3.0

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Judgement:
    """`tampering` is None where all is well. The `unreliable_seconds` before this frame were not told of before."""

    tampering: Tampering | None
    unreliable_seconds: float


@dataclass(frozen=True)
class View:
    """What a camera sees, as a mean over time: brightness [H, W] and detail by block. `seconds` went into it."""

    brightness: Array
    detail: Array
    seconds: float = 0.0

    def learn(self, seen: "View", elapsed: float) -> "View":
        """The mean that goes on with what is seen now; a picture of another size begins anew."""
        if self.brightness.shape != seen.brightness.shape:
            return seen
        seconds = self.seconds + elapsed
        part = np.float32(elapsed / min(REFERENCE_SECONDS, max(seconds, 2 * elapsed)))
        brightness = self.brightness + part * (seen.brightness - self.brightness)
        return View(brightness, self.detail + part * (seen.detail - self.detail), seconds)


class TamperWatch:
    """Watches one camera, over its reconnections. Used by the camera's thread."""

    def __init__(self) -> None:
        self._references: dict[bool, View] = {}
        self._current: deque[View] = deque(maxlen=CURRENT_SAMPLES)
        self._frozen = _Same()
        self._sampled: float | None = None
        self._suspected: Tampering | None = None
        self._since = 0.0
        self._clear_since: float | None = None
        self._told: Tampering | None = None
        self._told_until = 0.0

    def update(self, pixels: Pixels, now: float) -> Judgement:
        """Judge the frame (uint8 [H, W, 3]) of this time (seconds, monotonic)."""
        elapsed = SAMPLE_SECONDS if self._sampled is None else now - self._sampled
        if 0 <= elapsed < SAMPLE_SECONDS and self._sampled is not None:
            return Judgement(self._told, self._unreliable(now))
        if not 0 <= elapsed < GAP_SECONDS:
            self._current.clear()
            self._frozen = _Same()
            self._since = self._told_until = now
            elapsed = SAMPLE_SECONDS
        self._sampled = now
        self._decide(self._suspect(pixels, now, elapsed), now)
        return Judgement(self._told, self._unreliable(now))

    def _suspect(self, pixels: Pixels, now: float, elapsed: float) -> tuple[Tampering | None, float]:
        """What seems wrong, and since when."""
        seen = view(pixels)
        if self._current and self._current[-1].brightness.shape != seen.brightness.shape:
            self._current.clear()
        self._current.append(seen)
        same_since = self._frozen.since(pixels, now)
        monochrome = _is_monochrome(pixels)
        reference = self._references.get(monochrome, seen)
        suspected = judge(_mean(self._current), reference)
        if suspected is None and now - same_since >= FROZEN_SECONDS:
            return "frozen", same_since
        if suspected == "moved" and self._suspected == "moved" and now - self._since >= NEW_VIEW_SECONDS:
            reference, suspected = seen, None
        if suspected is None:
            self._references[monochrome] = reference.learn(seen, elapsed)
        return suspected, now

    def _decide(self, suspicion: tuple[Tampering | None, float], now: float) -> None:
        kind, since = suspicion
        if kind is None:
            self._clear_since = now if self._clear_since is None else self._clear_since
            if now - self._clear_since >= CLEAR_SECONDS:
                self._suspected = self._told = None
            return
        self._clear_since = None
        if self._suspected is None:
            self._since = since
        self._suspected = kind
        self._since = min(self._since, since)
        if now - self._since >= CONFIRM_SECONDS:
            self._told_until = self._since if self._told is None else self._told_until
            self._told = kind

    def _unreliable(self, now: float) -> float:
        if self._told is None:
            return 0.0
        seconds, self._told_until = max(0.0, now - self._told_until), now
        return seconds


class _Same:
    """Since when the same picture comes, to the last bit."""

    def __init__(self) -> None:
        self._known: int | None = None
        self._since = 0.0

    def since(self, pixels: Pixels, now: float) -> float:
        # Every eighth pixel of every eighth row: noise is everywhere.
        found = zlib.crc32(pixels[::8, ::8].tobytes())
        if found != self._known:
            self._known, self._since = found, now
        return self._since


def view(pixels: Pixels) -> View:
    """What is seen in one picture (uint8 [H, W, 3])."""
    grey = cv2.cvtColor(_shrunk(pixels, COARSE_WIDTH), cv2.COLOR_BGR2GRAY)
    return View(np.asarray(grey, np.float32), _detail(pixels))


def _mean(views: Sequence[View]) -> View:
    brightness, detail = (
        np.asarray(np.mean(parts, axis=0, dtype=np.float32))
        for parts in ([each.brightness for each in views], [each.detail for each in views])
    )
    return View(brightness, detail)


def _is_monochrome(pixels: Pixels) -> bool:
    """Whether hardly a pixel has a colour, as in infrared."""
    return float(np.ptp(_shrunk(pixels, COARSE_WIDTH).astype(np.int16), axis=2).mean()) < MONOCHROME_LEVELS


def judge(current: View, reference: View) -> Tampering | None:
    """What seems wrong with what is seen now."""
    bright = float((current.brightness >= BRIGHT_LEVEL).mean())
    learnt = reference.seconds >= LEARNING_SECONDS and reference.brightness.shape == current.brightness.shape
    bright_before = float((reference.brightness >= BRIGHT_LEVEL).mean()) if learnt else 0.0
    if bright >= BLINDED_PART and bright_before < BLINDED_PART / 2:
        return "blinded"
    contrast = float(current.brightness.std())
    edges = _edges(current.brightness)
    known = _edges(reference.brightness) if learnt else edges
    if contrast < FLAT_CONTRAST and not (learnt and _correlation(edges, known) >= SEEN_EDGES):
        return "dark" if float(current.brightness.mean()) < DARK_LEVEL else "covered"
    if not learnt:
        return None
    # Little light leaves little of everything.
    dimmed = min(1.0, contrast / max(float(reference.brightness.std()), 1.0))
    textured = reference.detail >= LEAST_DETAIL
    lost = (current.detail < LOST_DETAIL * dimmed * reference.detail)[textured]
    if lost.size and float(lost.mean()) >= LOST_PART:
        same = _correlation(current.brightness, reference.brightness) >= SAME_BRIGHTNESS
        return "blurred" if same else "covered"
    return "moved" if _is_moved(edges, known) else None


def _is_moved(edges: Array, known: Array) -> bool:
    """Whether the edges are not those known, or fit them better when shifted."""
    same = _correlation(edges, known)
    if same < SAME_EDGES:
        return True
    if same >= SURELY_SAME_EDGES:
        return False
    height, width = edges.shape
    across, down = round(width * MOST_SHIFT), round(height * MOST_SHIFT)
    middle = edges[down : height - down, across : width - across]
    fits = cv2.matchTemplate(known, middle, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(fits)
    shift = max(abs(x - across) / width, abs(y - down) / height)
    return shift >= LEAST_SHIFT and best >= float(fits[down, across]) + BETTER_FIT


def _shrunk(pixels: Pixels, width: int) -> Pixels:
    if pixels.shape[1] <= width:
        return pixels
    height = max(1, round(pixels.shape[0] * width / pixels.shape[1]))
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _detail(pixels: Pixels) -> Array:
    """Strength of the finest detail by block, float32 [rows, columns]: the mean magnitude of the Laplacian.

    What the smoothest blocks have is the camera's noise and is taken off, since noise remains where detail is lost.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(_shrunk(pixels, FINE_WIDTH), cv2.COLOR_BGR2GRAY), (3, 3), 0)
    strength = np.abs(cv2.Laplacian(grey, cv2.CV_16S)).astype(np.float32)
    blocks = np.asarray(cv2.resize(strength, BLOCKS, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(np.maximum(0, blocks - np.percentile(blocks, SMOOTHEST)), np.float32)


def _edges(brightness: Array) -> Array:
    across, down = (cv2.Sobel(brightness, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _correlation(first: Array, second: Array) -> float:
    """Pearson's, 0 where one of them is flat."""
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
