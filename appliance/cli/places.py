"""Masks as they are written on the command line."""

from collections.abc import Sequence

from appliance.errors import UsageError
from appliance.metrics.geometry import GeometryError, Zone, parse_zone

MASK_HELP = "a polygon that nothing may look at, in parts of the picture from 0 to 1; may be repeated"
MASK_FORM = "X,Y,X,Y,X,Y"


def parse_masks(texts: Sequence[str]) -> tuple[Zone, ...]:
    """Polygons without a name, which are called mask-1, mask-2 and so on. Raises `UsageError`."""
    masks = []
    for number, text in enumerate(texts, start=1):
        try:
            masks.append(parse_zone(f"mask-{number}={text}"))
        except GeometryError as error:
            raise UsageError(
                f"The mask {text} can't be used; give three or more points between 0 and 1, such as 0,0,0.3,0,0.3,0.2."
            ) from error
    return tuple(masks)
