"""Which rectangles of a frame have to be covered: plain arithmetic on boxes, in pixels of the source frame."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from appliance.metrics.geometry import Box
from appliance.vision.association import Array, assign
from appliance.vision.association import overlap as overlaps_of
from appliance.vision.detections import Detection, Track

RegionKind = Literal["face", "head", "plate", "person", "screen", "text"]
RegionSource = Literal["detector", "track", "held", "ahead"]

# A face box is tight around eyes and mouth; hair, ears and chin tell people apart too.
FACE_GROWTH = 1.3
# The head region of a person's box, as parts of the box's width and height: a head is about a seventh of a standing
# person and a quarter of a sitting one, people lean out of their boxes, and the edges of a box are uncertain.
HEAD_SIDE = 0.25
HEAD_ABOVE = 0.10
HEAD_BELOW = 0.37
# Of somebody close to the camera, or at the picture's lower edge, a box shows head and shoulders alone: a head with its
# hair is so much higher than the shoulders are wide. Whoever lies or bends has a wide box too, and may have the head
# anywhere in it.
HEAD_BELOW_WIDTH = 0.75
# The edges of a person's box are uncertain, and hands and bags reach out of it.
PERSON_GROWTH = 1.15
SCREEN_GROWTH = 1.15
SCREEN_SCORE = 0.2
# The text detector learns text shrunk to its core, which is about half as high as the letters; a plate has a rim too.
# So each side is moved out by this part of the core's height.
TEXT_GROWTH = 1.0
# Width to height of number plates, from square motorcycle plates to long ones seen at a slant, with room to spare.
PLATE_SHAPES = (1.0, 9.0)
# The weakest detection of a person is reason enough to cover a head; it need not be good enough to be counted.
PERSON_SCORE = 0.1
# Two boxes that overlap this much (intersection over union) are the same thing seen twice.
SAME = 0.3
# In one and the same picture it takes more: two people may stand close.
SAME_THING = 0.5


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle to cover. `source` says why: seen in this frame, carried by a track, held over from earlier frames,
    or carried back from later ones."""

    kind: RegionKind
    source: RegionSource
    box: Box

    def as_json(self) -> dict[str, object]:
        return {"kind": self.kind, "source": self.source, "box": [round(float(value), 1) for value in self.box]}


@dataclass(frozen=True, slots=True)
class _Held:
    """One thing, with the regions that showed it."""

    regions: tuple[Region, ...]
    seen: float


def face_regions(faces: Iterable[Detection]) -> list[Region]:
    return [Region("face", "detector", grown(face.box, FACE_GROWTH)) for face in faces]


def head_regions(people: Iterable[Detection], tracks: Iterable[Track]) -> list[Region]:
    """The head regions of persons seen in this frame, and of tracked persons wherever they are by now."""
    seen = [
        Region("head", "detector", head_within(person.box))
        for person in people
        if person.kind == "person" and person.score >= PERSON_SCORE
    ]
    followed = [Region("head", "track", head_within(track.box)) for track in tracks if track.kind == "person"]
    return seen + followed


def person_regions(people: Iterable[Detection], tracks: Iterable[Track]) -> list[Region]:
    """Whole persons, seen in this frame or tracked."""
    seen = [
        Region("person", "detector", grown(person.box, PERSON_GROWTH))
        for person in people
        if person.kind == "person" and person.score >= PERSON_SCORE
    ]
    followed = [Region("person", "track", grown(each.box, PERSON_GROWTH)) for each in tracks if each.kind == "person"]
    return seen + followed


def screen_regions(objects: Iterable[Detection]) -> list[Region]:
    """Televisions, laptops and telephones, even doubtful ones: what is on them may be private."""
    return [
        Region("screen", "detector", grown(each.box, SCREEN_GROWTH))
        for each in objects
        if each.kind == "screen" and each.score >= SCREEN_SCORE
    ]


def text_regions(texts: Iterable[Detection], vehicles: Sequence[Box]) -> list[Region]:
    """Text, wherever it is: on or near a vehicle, or of a plate's shape, it is called a plate."""
    regions = []
    for text in texts:
        width, height = text.box.x2 - text.box.x1, text.box.y2 - text.box.y1
        shaped = height > 0 and PLATE_SHAPES[0] <= width / height <= PLATE_SHAPES[1]
        near = any(overlaps(text.box, grown(vehicle, 1.2)) for vehicle in vehicles)
        margin = TEXT_GROWTH * min(width, height)
        box = Box(text.box.x1 - margin, text.box.y1 - margin, text.box.x2 + margin, text.box.y2 + margin)
        regions.append(Region("plate" if shaped or near else "text", "detector", box))
    return regions


def head_within(person: Box) -> Box:
    """Where the head is, whatever part of the person the box shows: somebody standing, or head and shoulders alone."""
    head, width = head_of(person), person.x2 - person.x1
    return Box(head.x1, head.y1, head.x2, max(head.y2, min(person.y2, person.y1 + HEAD_BELOW_WIDTH * width)))


def head_of(person: Box) -> Box:
    """The part of a standing or sitting person's box in which the head is, generously."""
    width, height = person.x2 - person.x1, person.y2 - person.y1
    return Box(
        person.x1 - HEAD_SIDE * width,
        person.y1 - HEAD_ABOVE * height,
        person.x2 + HEAD_SIDE * width,
        person.y1 + HEAD_BELOW * height,
    )


def grown(box: Box, factor: float) -> Box:
    """The box with both sides `factor` times as long, about the same centre."""
    across, down = (box.x2 - box.x1) * (factor - 1) / 2, (box.y2 - box.y1) * (factor - 1) / 2
    return Box(box.x1 - across, box.y1 - down, box.x2 + across, box.y2 + down)


def overlaps(first: Box, second: Box) -> bool:
    return first.x1 < second.x2 and second.x1 < first.x2 and first.y1 < second.y2 and second.y1 < first.y2


def overlap(first: Box, second: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = sum((box.x2 - box.x1) * (box.y2 - box.y1) for box in (first, second))
    return both / (areas - both)


def around(first: Box, second: Box) -> Box:
    """The smallest box that holds both."""
    return Box(min(first.x1, second.x1), min(first.y1, second.y1), max(first.x2, second.x2), max(first.y2, second.y2))


def is_among(region: Region, others: Iterable[Region]) -> bool:
    """Whether one of the others covers the same thing."""
    return any(overlap(region.box, other.box) >= SAME for other in others)


class Memory:
    """Regions of earlier frames, held so that a single miss does not uncover anybody.

    A thing that was seen is held for `hold_seconds` unless it is seen again before. What is seen now answers for one
    thing only: where two heads are close and one of them is missed, the other does not speak for it.
    """

    def __init__(self, hold_seconds: float) -> None:
        self._hold_seconds = hold_seconds
        self._held: list[_Held] = []

    def update(self, seconds: float, seen: Sequence[Region]) -> list[Region]:
        """Take the regions seen at this time (seconds, monotonic); returns the earlier ones to cover as well."""
        things = grouped(seen)
        held = [each for each in self._held if 0 <= seconds - each.seen <= self._hold_seconds]
        missed = assign(likeness([each.regions for each in held], things), SAME)[2]
        kept = [held[row] for row in missed.tolist()]
        self._held = kept + [_Held(thing, seconds) for thing in things]
        return [replace(region, source="held") for each in kept for region in each.regions]


def likeness(first: Sequence[Sequence[Region]], second: Sequence[Sequence[Region]]) -> Array:
    """How much each of the `first` groups of regions overlaps each of the `second`, (n, m): the best of their pairs."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    boxes = [
        np.array([region.box for group in groups for region in group], np.float64).reshape(-1, 4)
        for groups in (first, second)
    ]
    rows, columns = (np.cumsum([0, *map(len, groups[:-1])]) for groups in (first, second))
    best: Array = np.maximum.reduceat(np.maximum.reduceat(overlaps_of(*boxes), rows, axis=0), columns, axis=1)
    return best


def grouped(regions: Sequence[Region]) -> list[tuple[Region, ...]]:
    """The regions by what they show: those that overlap the first of a group by half show the same thing."""
    groups: list[list[Region]] = []
    for region in regions:
        same = next((group for group in groups if overlap(region.box, group[0].box) >= SAME_THING), None)
        if same is None:
            groups.append([region])
        else:
            same.append(region)
    return [tuple(group) for group in groups]
