"""CenterNet: peaks of a heat map and the four edge distances there, to people, vehicles and screens.

After Zhou, Wang, Krähenbühl: Objects as Points, 2019; the box layout is the one of MB3-CenterNet's own graph.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection, Kind
from appliance.vision.detectors.letterbox import Placement, to_picture
from appliance.vision.detectors.suppression import suppress

STRIDE = 4
# Class numbers of COCO's 80 (https://cocodataset.org) that are kept, in the order of the heat map's channels.
CLASSES: Mapping[int, tuple[Kind, str]] = {
    0: ("person", "person"),
    2: ("vehicle", "car"),
    3: ("vehicle", "motorcycle"),
    5: ("vehicle", "bus"),
    7: ("vehicle", "truck"),
    62: ("screen", "television"),
    63: ("screen", "laptop"),
    67: ("screen", "telephone"),
}
KINDS = tuple(CLASSES.values())
# The channels of each kind: of two boxes of one kind that overlap much, one is left.
CHANNELS = tuple(np.array([kind == each for each, _ in KINDS]) for kind in dict.fromkeys(kind for kind, _ in KINDS))
# Two people seldom overlap so much in a picture; two peaks on one large object, or a car that is also a truck, do.
OVERLAP = 0.7
# The network's own graph keeps 100; a crowd's faint peaks are no loss beyond that.
MAXIMUM = 300

OUTPUTS = ("peaks", "sizes")


def output_shapes(width: int, height: int) -> tuple[tuple[int, ...], ...]:
    rows, columns = height // STRIDE, width // STRIDE
    return (1, len(CLASSES), rows, columns), (1, 4, rows, columns)


def decode(outputs: Sequence[NDArray[np.float32]], placement: Placement, minimum_score: float) -> tuple[Detection, ...]:
    """People, vehicles and screens from `peaks` and `sizes` (conversion.py), in pixels of the picture, best first."""
    peaks, sizes = outputs[0][0], outputs[1][0]
    flat = peaks.reshape(-1)
    found = np.flatnonzero(flat >= minimum_score)
    if len(found) > MAXIMUM:
        found = found[np.argpartition(-flat[found], MAXIMUM)[:MAXIMUM]]
    scores = flat[found]
    channel, row, column = np.unravel_index(found, peaks.shape)
    left, top, right, bottom = sizes[:, row, column]
    x, y = (column * STRIDE).astype(np.float32), (row * STRIDE).astype(np.float32)
    boxes = to_picture(np.stack([x - left, y - top, x + right, y + bottom], axis=1), placement)
    whole = (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
    detections = []
    for of_kind in CHANNELS:
        indices = np.flatnonzero(whole & of_kind[channel])
        kept = indices[suppress(boxes[indices], scores[indices], OVERLAP)]
        for number, score, box in zip(channel[kept].tolist(), scores[kept].tolist(), boxes[kept].tolist(), strict=True):
            kind, label = KINDS[number]
            detections.append(Detection(kind, label, score, Box(*box)))
    return tuple(sorted(detections, key=lambda detection: -detection.score))
