"""Where in a recording faces are looked for, and that nothing is taken for seen that was not."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.detections import Detection
from appliance.vision.face_schedule import SWEEP_SECONDS, FaceSchedule
from appliance.vision.faces import VIDEO_SHRINK
from appliance.vision.frames import RawFrame
from appliance.vision.inference import InferenceFailed
from tests.vision.scripted import MOMENT, Answer, Picture, found

SIZE = (960, 720)
SIDE = 24
INTERVAL = 0.5


@dataclass
class SeesFaces:
    """Finds each bright square; `shown` are the sizes of the pictures that it was given."""

    shown: list[tuple[int, int]] = field(default_factory=list)
    fails: bool = False

    def start(self, image: Picture, owner: str = "", largest_scale: float = 1.0) -> Answer:  # noqa: ARG002
        self.shown.append((image.shape[1], image.shape[0]))
        if self.fails:
            return Answer(InferenceFailed("The device failed."))
        rows, columns = np.nonzero(image[:, :, 0] == 255)
        faces = set(zip(columns.tolist(), rows.tolist(), strict=True))
        corners = [(x, y) for x, y in faces if (x - 1, y) not in faces and (x, y - 1) not in faces]
        return Answer([found("face", x, y, x + SIDE, y + SIDE) for x, y in corners])


def picture(number: int, *places: tuple[int, int], size: tuple[int, int] = SIZE) -> RawFrame:
    """A grey frame, a look's interval after the one before, with faces at the places."""
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    for x, y in places:
        pixels[y : y + SIDE, x : x + SIDE] = 255
    return RawFrame(pixels, "clip", number, INTERVAL * number, MOMENT)


def boxes(faces: list[Detection]) -> set[Box]:
    return {face.box for face in faces}


def look(schedule: FaceSchedule, detector: SeesFaces, frame: RawFrame) -> tuple[set[Box], set[Box]]:
    """What is found in a frame, and what is held."""
    looked = schedule.complete(frame, detector, schedule.begin(frame, detector, False), False, 1.0)
    assert looked is not None
    return boxes(looked[0]), boxes(looked[1])


def at(x: int, y: int) -> Box:
    return Box(x, y, x + SIDE, y + SIDE)


@given(st.tuples(st.integers(0, SIZE[0] - SIDE), st.integers(0, SIZE[1] - SIDE)), st.integers(0, SIZE[0] - SIDE))
def test_a_face_that_comes_is_found_where_it_is_and_one_that_stays_is_held(place: tuple[int, int], x: int) -> None:
    detector, schedule = SeesFaces(), FaceSchedule(INTERVAL, VIDEO_SHRINK)
    stays = (x, 0 if place[1] > SIZE[1] / 2 else SIZE[1] - SIDE)
    assert look(schedule, detector, picture(0, stays)) == ({at(*stays)}, set())
    came, held = look(schedule, detector, picture(1, stays, place))
    assert at(*place) in came
    assert came | held == {at(*stays), at(*place)}
    assert detector.shown[0] == SIZE
    assert all(width * height < SIZE[0] * SIZE[1] / 2 for width, height in detector.shown[1:])
    went, still = look(schedule, detector, picture(2, stays))
    assert went | still == {at(*stays)}


def test_where_nothing_changes_the_network_is_not_asked_until_the_next_sweep() -> None:
    detector, schedule = SeesFaces(), FaceSchedule(INTERVAL, VIDEO_SHRINK)
    sweep = round(SWEEP_SECONDS / INTERVAL)
    for number in range(sweep):
        new, held = look(schedule, detector, picture(number, (100, 100)))
        assert new | held == {at(100, 100)}
    assert detector.shown == [SIZE]
    look(schedule, detector, picture(sweep))
    assert detector.shown == [SIZE, SIZE]


def test_much_change_and_a_small_picture_are_looked_at_wholly() -> None:
    detector, schedule = SeesFaces(), FaceSchedule(INTERVAL, VIDEO_SHRINK)
    look(schedule, detector, picture(0))
    frame = picture(1)
    frame.pixels[:, : 3 * SIZE[0] // 4] = 200
    look(schedule, detector, frame)
    assert detector.shown == [SIZE, SIZE]
    detector, schedule = SeesFaces(), FaceSchedule(INTERVAL, VIDEO_SHRINK)
    for number in range(3):
        look(schedule, detector, picture(number, (10 * number, 20), size=(320, 240)))
    assert detector.shown == [(320, 240)] * 3


def test_each_picture_of_a_camera_is_looked_at_wholly() -> None:
    detector, schedule = SeesFaces(), FaceSchedule(0.0, VIDEO_SHRINK)
    for number in range(3):
        look(schedule, detector, picture(number))
    assert detector.shown == [SIZE] * 3


@pytest.mark.parametrize("unread", [False, True])
def test_after_a_look_that_came_to_nothing_the_whole_picture_is_looked_at(unread: bool) -> None:
    detector, schedule = SeesFaces(), FaceSchedule(INTERVAL, VIDEO_SHRINK)
    look(schedule, detector, picture(0))
    detector.fails = True
    failing = picture(1, (300, 300))
    begun = schedule.begin(failing, detector, False)
    if not unread:
        with pytest.raises(InferenceFailed):
            schedule.complete(failing, detector, begun, False, 1.0)
    detector.fails = False
    # What came while nobody read the answer has not changed since.
    assert look(schedule, detector, picture(2, (300, 300)))[0] == {at(300, 300)}
    assert detector.shown[-1] == SIZE
