"""One picture from a file, and what the networks find in it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.errors import VeilsightError
from appliance.vision.detections import Detection
from appliance.vision.runtime import Detectors

# A first picture may have to wait until its network is compiled for its size.
DEADLINE_SECONDS = 60.0


class PictureError(VeilsightError):
    """A file can't be read as a picture."""


@dataclass(frozen=True)
class DetectedObjects:
    """What was found in a picture of `width` x `height` pixels."""

    width: int
    height: int
    detections: tuple[Detection, ...]


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The picture, uint8 [H, W, 3], blue green red, turned upright as its EXIF data says.

    Raises `PictureError`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PictureError(f"The picture {path} can't be read ({error.strerror}).") from error
    return decode_picture(content, str(path))


def decode_picture(content: bytes, name: str) -> NDArray[np.uint8]:
    """The same from the file's bytes; messages call it `name`. Raises `PictureError`."""
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error as error:
        raise PictureError(f"The picture {name} is damaged or too large.") from error
    if image is None:
        raise PictureError(f"{name} is not a picture that can be read; use a JPEG or PNG file.")
    return np.asarray(image, np.uint8)


def detect_objects(image: NDArray[np.uint8], detectors: Detectors, minimum_score: float) -> DetectedObjects:
    """People, vehicles, faces and text in a picture; people and vehicles from `minimum_score` up.

    The three networks run at the same time. Raises `InferenceFailed`, and the reason why a network is not there.
    """
    pending = [detectors.need(task).start(image) for task in ("people-vehicles", "faces", "text")]
    people_vehicles, faces, text = (each.result(DEADLINE_SECONDS) for each in pending)
    sure = tuple(each for each in people_vehicles if each.score >= minimum_score and each.kind in ("person", "vehicle"))
    return DetectedObjects(image.shape[1], image.shape[0], sure + faces + text)
