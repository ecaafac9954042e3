"""What the default networks find in real pictures."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.vision.catalogue import load_catalogue
from appliance.vision.runtime import Detectors, load_detectors
from appliance.vision.stills import detect_objects, read_picture

DEADLINE = 60.0
SURE = 0.4


@pytest.fixture(scope="module")
def detectors(default_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Detectors:
    return load_detectors(default_models, tmp_path_factory.mktemp("compiled"), ("CPU",), load_catalogue())


def every_25th_frame(clip: Path) -> Iterator[tuple[int, np.ndarray]]:
    capture = cv2.VideoCapture(str(clip))
    number = 0
    while True:
        read, image = capture.read()
        if not read:
            return
        number += 1
        if number % 25 == 1:
            yield number, image


def true_people(clip: Path) -> dict[int, list[list[float]]]:
    """Ground-truth boxes (x1, y1, x2, y2) by frame number, from MOTChallenge rows."""
    people: dict[int, list[list[float]]] = {}
    for line in (clip.parent / "gt.txt").read_text().splitlines():
        frame, _, left, top, width, height = map(float, line.split(",")[:6])
        people.setdefault(int(frame), []).append([left, top, left + width, top + height])
    return people


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def count_matches(found: list[list[float]], truth: list[list[float]]) -> int:
    """How many found boxes (best first) each take a true box of their own, at an overlap of at least half."""
    free = list(truth)
    for box in found:
        best = max(free, key=lambda each: overlap(box, each), default=None)
        if best is not None and overlap(box, best) >= 0.5:
            free.remove(best)
    return len(truth) - len(free)


def test_people_on_the_pets_clip(detectors: Detectors, pets_clip: Path) -> None:
    """The published network finds 0.885 of the people at a precision of 0.936; the converted one is no worse."""
    truth = true_people(pets_clip)
    matches = found_people = true_boxes = 0
    for number, image in every_25th_frame(pets_clip):
        detections = detectors.need("people-vehicles").start(image).result(DEADLINE)
        people = [list(each.box) for each in detections if each.kind == "person" and each.score > SURE]
        matches += count_matches(people, truth[number])
        found_people += len(people)
        true_boxes += len(truth[number])
    assert true_boxes > 150
    assert matches / true_boxes > 0.85
    assert matches / found_people > 0.92


def test_faces_and_people_on_a_street(detectors: Detectors, evaluation_data: Path) -> None:
    found = detect_objects(read_picture(evaluation_data / "clips" / "city.jpg"), detectors, SURE)
    assert (found.width, found.height) == (800, 564)
    faces = [each.box for each in found.detections if each.kind == "face"]
    people = [each.box for each in found.detections if each.kind == "person"]
    assert len(faces) >= 20
    assert len(people) >= 6
    # A face of a person seen whole lies in the upper third of somebody's box.
    for face in faces[:5]:
        x, y = (face.x1 + face.x2) / 2, (face.y1 + face.y2) / 2
        assert any(box.x1 < x < box.x2 and y < box.y1 + (box.y2 - box.y1) / 3 for box in people)


def plate_pictures(evaluation_data: Path) -> Iterator[tuple[np.ndarray, tuple[int, int, int, int]]]:
    """Every third photograph of a car and its plate's left, top, width and height in pixels."""
    for row in sorted((evaluation_data / "plates-eu").glob("*.txt"))[::3]:
        name, *numbers = row.read_text().strip().split("\t")[:5]
        left, top, width, height = map(int, numbers)
        yield read_picture(row.parent / name), (left, top, width, height)


def test_a_number_plate_lies_on_a_vehicle(detectors: Detectors, evaluation_data: Path) -> None:
    on_vehicle = pictures = 0
    for image, (left, top, width, height) in plate_pictures(evaluation_data):
        x, y = left + width / 2, top + height / 2
        detections = detectors.need("people-vehicles").start(image).result(DEADLINE)
        boxes = [each.box for each in detections if each.kind == "vehicle" and each.score > 0.3]
        on_vehicle += any(box.x1 < x < box.x2 and box.y1 < y < box.y2 for box in boxes)
        pictures += 1
    assert pictures == 36
    assert on_vehicle / pictures >= 0.8


def test_number_plates_are_found_as_text(detectors: Detectors, evaluation_data: Path) -> None:
    """At least 80 % of a plate is inside text boxes grown by 0.6 of their height, nearly always."""
    covered = pictures = 0
    for image, (left, top, width, height) in plate_pictures(evaluation_data):
        mask = np.zeros(image.shape[:2], bool)
        for each in detectors.need("text").start(image).result(DEADLINE):
            grow = 0.6 * (each.box.y2 - each.box.y1)
            x1, y1 = int(max(each.box.x1 - grow, 0)), int(max(each.box.y1 - grow, 0))
            mask[y1 : int(each.box.y2 + grow) + 1, x1 : int(each.box.x2 + grow) + 1] = True
        covered += mask[top : top + height, left : left + width].mean() >= 0.8
        pictures += 1
    assert pictures == 36
    assert covered / pictures >= 0.9
