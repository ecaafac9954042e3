"""How much of what must be covered is covered."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from benchmarks.ground_truth import Tracks

SMALLEST_PERSON = 60.0
HEAD_PART = 0.2
ENOUGH = 0.8


def cover_mask(boxes: Iterable[Sequence[float]], width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels lie in one of the boxes, bool [height, width]."""
    mask = np.zeros((height, width), np.bool_)
    for x1, y1, x2, y2 in boxes:
        mask[max(0, int(y1)) : max(0, int(np.ceil(y2))), max(0, int(x1)) : max(0, int(np.ceil(x2)))] = True
    return mask


def covered_part(mask: NDArray[np.bool_], box: Box) -> float:
    """The part of the box, where it is inside the picture, that the mask covers; 1 where none of it is inside."""
    window = mask[max(0, round(box.y1)) : max(0, round(box.y2)), max(0, round(box.x1)) : max(0, round(box.x2))]
    return float(window.mean()) if window.size else 1.0


def heads(truth: Tracks, frame: int) -> list[tuple[int, Box]]:
    """The heads in a frame (from 1), each with its person's number."""
    people = [(number, box) for number, box in truth.get(frame, ()) if box.y2 - box.y1 >= SMALLEST_PERSON]
    return [(number, Box(box.x1, box.y1, box.x2, box.y1 + HEAD_PART * (box.y2 - box.y1))) for number, box in people]


class Tally:
    """Counts what is covered, and remembers what is not."""

    def __init__(self) -> None:
        self.parts: list[float] = []
        self.areas: list[float] = []
        self.missed: list[str] = []

    def add(self, name: str, mask: NDArray[np.bool_], boxes: Iterable[Box]) -> None:
        self.areas.append(float(mask.mean()))
        for box in boxes:
            self.parts.append(covered_part(mask, box))
            if self.parts[-1] < ENOUGH:
                self.missed.append(f"{name} {', '.join(f'{value:.0f}' for value in box)}: {self.parts[-1]:.2f}")

    def as_json(self) -> dict[str, object]:
        covered = sum(part >= ENOUGH for part in self.parts)
        return {
            "boxes": len(self.parts),
            "covered": round(covered / max(1, len(self.parts)), 4),
            "area": round(float(np.mean(self.areas)), 4),
            "missed": self.missed,
        }


class Flicker:
    """Heads that are covered in the frames before and after, and uncovered in between. Takes every frame, in order."""

    def __init__(self) -> None:
        self._frames: list[dict[int, float]] = []

    def add(self, mask: NDArray[np.bool_], people: Iterable[tuple[int, Box]]) -> None:
        self._frames.append({number: covered_part(mask, box) for number, box in people})

    def as_json(self) -> dict[str, int]:
        """`heads` in all frames; `uncovered` those of which less than 80 % of the box is covered between two that are;
        `seen` those of which nothing at all is covered there."""
        uncovered = seen = 0
        for before, now, after in zip(self._frames, self._frames[1:], self._frames[2:], strict=False):
            for number in before.keys() & now.keys() & after.keys():
                if before[number] >= ENOUGH and after[number] >= ENOUGH:
                    uncovered += now[number] < ENOUGH
                    seen += now[number] == 0
        return {"heads": sum(map(len, self._frames)), "uncovered": uncovered, "seen": seen}
