"""What is covered, and how: choices that a command line and a test can make without loading an image library."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, get_args

from appliance.metrics.geometry import Zone
from appliance.vision.regions import FACE_GROWTH, Region, RegionKind, grown

CoverKind = Literal["faces", "plates", "persons", "screens", "text"]
CoverMethod = Literal["solid", "mosaic", "blur"]
CoverShape = Literal["rectangle", "ellipse"]
COVER_KINDS: tuple[CoverKind, ...] = get_args(CoverKind)
DEFAULT_KINDS: tuple[CoverKind, ...] = ("faces", "plates")
METHODS: tuple[CoverMethod, ...] = get_args(CoverMethod)
SHAPES: tuple[CoverShape, ...] = get_args(CoverShape)
# By which choice a region's kind is covered; heads always are.
COVERED_BY: Mapping[RegionKind, CoverKind] = MappingProxyType(
    {"face": "faces", "plate": "plates", "person": "persons", "screen": "screens", "text": "text"}
)
# Regions of less than their own size would show what they are to cover; more than this covers everything.
SMALLEST_GROWTH, LARGEST_GROWTH = 1.0, 4.0

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True)
class Covering:
    """What is covered, and how. Heads are always covered, and so are `masks`, solidly.

    `growth` is how many times as wide and high as a detected face its cover is; the margins of other regions are scaled
    with it. An ellipse goes through the corners of the rectangle that it stands for, so it never covers less. Masks are
    polygons of normalised points (0..1). `random_bytes` gives n bytes that nobody can foretell.
    """

    kinds: frozenset[CoverKind] = frozenset(DEFAULT_KINDS)
    method: CoverMethod = "solid"
    shape: CoverShape = "rectangle"
    growth: float = FACE_GROWTH
    masks: tuple[Zone, ...] = ()
    random_bytes: RandomBytes = field(default=secrets.token_bytes, repr=False)

    def sized(self, region: Region) -> Region:
        """The region at this covering's growth."""
        factor = self.growth / FACE_GROWTH
        return region if factor == 1 else replace(region, box=grown(region.box, factor))

    def shows(self, region: Region) -> bool:
        """Whether the region is none of those that are to be covered."""
        return region.kind != "head" and COVERED_BY[region.kind] not in self.kinds
