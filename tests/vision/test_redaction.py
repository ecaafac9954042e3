"""Covering what must not be seen, and everything where that is not sure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.catalogue import Task
from appliance.vision.covering import Covering, CoverKind
from appliance.vision.covers import COVER_COLOUR
from appliance.vision.detections import Detection, Track
from appliance.vision.frames import Pixels, RawFrame, RedactedFrame
from appliance.vision.inference import InferenceFailed
from appliance.vision.plates import TEXT_SECONDS
from appliance.vision.redaction import (
    HOLD_SECONDS,
    WHOLE_COLOUR,
    Looking,
    Redactor,
    cover_whole,
)
from appliance.vision.regions import Region
from appliance.vision.runtime import Detectors
from tests.vision.scripted import HEIGHT, WIDTH, Answer, Picture, Refusing, Scripted, detectors, found, noise, track

NOT_A_NUMBER = found("face", math.nan, 10, 50, 60)


def redact_one(
    seed: int, with_detectors: Detectors, objects: Sequence[Detection] = (), tracks: Sequence[Track] = ()
) -> RedactedFrame:
    redactor, frame = Redactor(with_detectors), noise(seed)
    return redactor.redact(frame, redactor.look(frame), objects, tracks)


def covered(picture: RedactedFrame) -> Pixels:
    """Where the picture is covered, bool [H, W]."""
    return np.asarray((picture.pixels == COVER_COLOUR).all(axis=2))


def is_covered(picture: RedactedFrame, left: int, top: int, right: int, bottom: int) -> bool:
    return bool(covered(picture)[top:bottom, left:right].all())


@pytest.mark.parametrize(
    "broken",
    [
        detectors(missing=["faces"]),
        detectors(missing=["text"]),
        detectors(faces=Refusing()),
        detectors(text=Refusing()),
        detectors(faces=Scripted(lambda *_: InferenceFailed("no result within 2 seconds"))),
        detectors(text=Scripted(lambda *_: InferenceFailed("no result within 2 seconds"))),
        detectors(faces=Scripted(lambda *_: RuntimeError("a defect of ours"))),
        detectors(faces=Scripted(lambda *_: [NOT_A_NUMBER])),
    ],
)
def test_where_redaction_fails_no_pixel_is_shown(broken: Detectors) -> None:
    first, second = redact_one(1, broken), redact_one(2, broken)
    assert first.whole_frame
    assert first.reason
    assert first.regions == ()
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert float((first.pixels == WHOLE_COLOUR).all(axis=2).mean()) > 0.8


@pytest.mark.parametrize("box", [(10, 10, math.inf, 90), (60, 10, 20, 90), (10, 90, 60, 10), (10, math.nan, 60, 90)])
def test_a_box_that_is_none_covers_the_frame(box: tuple[float, ...]) -> None:
    unusable = [found("person", *box)]
    first, second = redact_one(1, detectors(), unusable), redact_one(2, detectors(), unusable)
    assert first.whole_frame
    np.testing.assert_array_equal(first.pixels, second.pixels)


@pytest.mark.parametrize(
    "looking",
    [Looking("front", 7, Answer([])), Looking("back", 8, Answer([]))],
    ids=["older frame", "other camera"],
)
def test_a_result_of_another_picture_covers_the_frame(looking: Looking) -> None:
    pictures = [Redactor(detectors()).redact(noise(seed, 8), looking, [], []) for seed in (1, 2)]
    assert all(picture.whole_frame for picture in pictures)
    np.testing.assert_array_equal(pictures[0].pixels, pictures[1].pixels)


@pytest.mark.parametrize("reason", ["", "x" * 500, "The network for faces is missing; " * 30])
def test_a_whole_cover_is_a_picture_of_its_own(reason: str) -> None:
    frame = noise(1)
    picture = cover_whole(frame, reason)
    assert picture.whole_frame
    assert picture.pixels.shape == frame.pixels.shape
    assert not np.shares_memory(picture.pixels, frame.pixels)
    assert not (picture.pixels == frame.pixels).all(axis=2).any()


def test_everything_private_is_covered_and_the_rest_is_shown() -> None:
    with_detectors = detectors(
        faces=Scripted(lambda *_: [found("face", 100, 100, 120, 130)]),
        text=Scripted(lambda *_: [found("text", 200, 200, 240, 210)]),
    )
    picture = redact_one(1, with_detectors, [found("person", 20, 40, 60, 140)])
    assert not picture.whole_frame
    assert is_covered(picture, 97, 96, 123, 134)
    assert is_covered(picture, 197, 197, 243, 213)
    assert is_covered(picture, 17, 35, 63, 68)
    hidden = covered(picture)
    np.testing.assert_array_equal(picture.pixels[~hidden], noise(1).pixels[~hidden])
    assert float(hidden.mean()) < 0.08
    assert {(region.kind, region.source) for region in picture.regions} == {
        ("face", "detector"),
        ("plate", "detector"),
        ("head", "detector"),
    }


def test_what_lies_beneath_a_cover_leaves_no_trace() -> None:
    with_detectors = detectors(faces=Scripted(lambda *_: [found("face", 0, 0, WIDTH, HEIGHT)]))
    np.testing.assert_array_equal(redact_one(1, with_detectors).pixels, redact_one(2, with_detectors).pixels)


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_head_of_a_person_who_is_only_tracked_is_covered(confirmed: bool) -> None:
    hidden_person = track("person", 100, 50, 140, 150, missed_frames=12, confirmed=confirmed)
    assert is_covered(redact_one(1, detectors(), [], [hidden_person]), 100, 45, 140, 75)


def test_a_person_hardly_seen_is_covered_too() -> None:
    assert is_covered(redact_one(1, detectors(), [found("person", 100, 50, 140, 150, score=0.2)]), 100, 45, 140, 75)


edges = st.floats(-50, 400)


@given(st.lists(st.tuples(edges, edges, edges, edges), max_size=6))
def test_every_pixel_that_a_region_touches_is_covered_and_no_other(
    boxes: list[tuple[float, float, float, float]],
) -> None:
    frame = noise(1)
    regions = [Region("face", "detector", Box(min(a, c), min(b, d), max(a, c), max(b, d))) for a, b, c, d in boxes]
    hidden = covered(Redactor(detectors()).cover(frame, regions))
    columns, rows = np.arange(WIDTH), np.arange(HEIGHT)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    for region in regions:
        across = (columns + 1 > region.box.x1) & (columns < region.box.x2)
        down = (rows + 1 > region.box.y1) & (rows < region.box.y2)
        expected |= down[:, None] & across[None, :]
    np.testing.assert_array_equal(hidden, expected)


def test_a_face_missed_for_a_moment_stays_covered() -> None:
    faces = Scripted(lambda *_: [found("face", 100, 100, 120, 130)])
    redactor = Redactor(detectors(faces=faces))
    for number, (seconds, hidden) in enumerate(
        [(0.0, True), (0.1, True), (HOLD_SECONDS, True), (HOLD_SECONDS + 0.1, False)]
    ):
        frame = noise(1, number, seconds)
        picture = redactor.redact(frame, redactor.look(frame), [], [])
        faces.find = lambda *_: []
        assert is_covered(picture, 100, 100, 120, 130) is hidden


def test_a_person_missed_for_a_moment_stays_covered() -> None:
    redactor = Redactor(detectors())
    person = [found("person", 100, 50, 140, 150, score=0.1)]
    for number, (seconds, people, hidden) in enumerate([(0.0, person, True), (0.4, [], True), (1.0, [], False)]):
        frame = noise(1, number, seconds)
        picture = redactor.redact(frame, redactor.look(frame), people, [])
        assert is_covered(picture, 100, 45, 140, 75) is hidden


FIRST_VEHICLE = (10.0, 10.0, 110.0, 90.0)


def with_vehicle(number: int, seconds: float, vehicle: tuple[float, float, float, float] | None) -> RawFrame:
    """Noise, with a bright rectangle where the vehicle is."""
    frame = noise(number + 1, number, seconds)
    if vehicle:
        left, top, right, bottom = map(int, vehicle)
        frame.pixels[top:bottom, left:right] = 230
    return frame


@pytest.mark.parametrize(
    ("vehicle", "box", "seconds", "looks"),
    [
        (None, None, 0.1, False),
        (None, None, TEXT_SECONDS, True),
        (FIRST_VEHICLE, FIRST_VEHICLE, 0.1, False),
        (FIRST_VEHICLE, (22.0, 10.0, 122.0, 90.0), 0.1, False),
        ((22.0, 10.0, 122.0, 90.0), (22.0, 10.0, 122.0, 90.0), 0.1, True),
        ((180.0, 100.0, 280.0, 180.0), (180.0, 100.0, 280.0, 180.0), 0.1, True),
    ],
    ids=["no vehicle", "time is up", "stands still", "its box wavers", "has moved", "is new"],
)
def test_text_is_looked_for_before_a_vehicle_is_shown_anew(
    vehicle: tuple[float, float, float, float] | None,
    box: tuple[float, float, float, float] | None,
    seconds: float,
    looks: bool,
) -> None:
    text = Scripted()
    redactor = Redactor(detectors(text=text))
    first, later = with_vehicle(0, 0.0, FIRST_VEHICLE), with_vehicle(1, seconds, vehicle)
    redactor.redact(first, redactor.look(first), [found("vehicle", *FIRST_VEHICLE)], [])
    text.sizes.clear()
    redactor.redact(later, redactor.look(later), [found("vehicle", *box)] if box else [], [])
    assert bool(text.sizes) is looks


def test_a_look_for_text_that_failed_is_made_up_in_the_next_frame() -> None:
    text = Scripted(lambda *_: InferenceFailed("no result within 2 seconds"))
    redactor, frames = Redactor(detectors(text=text)), [noise(number, number, 0.04 * number) for number in range(3)]
    looks = [redactor.look(frame) for frame in frames]
    assert len(text.sizes) == 1
    text.find = lambda *_: [found("text", 200, 200, 240, 210)]
    pictures = [redactor.redact(frame, looking, [], []) for frame, looking in zip(frames, looks, strict=True)]
    assert pictures[0].whole_frame
    assert all(is_covered(picture, 190, 190, 250, 220) for picture in pictures[1:])
    assert len(text.sizes) == 2


@dataclass
class SeesBlack:
    """Finds each black rectangle, as text, in whatever picture it is shown."""

    sizes: list[tuple[int, int]] = field(default_factory=list)

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> Answer:  # noqa: ARG002
        self.sizes.append(image.shape[1::-1])
        _, _, rectangles, _ = cv2.connectedComponentsWithStats((image.max(axis=2) < 20).astype(np.uint8))
        return Answer([found("text", x, y, x + w, y + h) for x, y, w, h, _ in rectangles[1:].tolist()])


def with_plates(number: int, *plates: tuple[int, int]) -> RawFrame:
    """The same scene in each frame, four in a second, with plates of 24 x 8 pixels."""
    frame = noise(1, number, 0.25 * number)
    for x, y in plates:
        frame.pixels[y : y + 8, x : x + 24] = 0
    return frame


def test_between_two_looks_at_the_whole_picture_what_has_changed_is_looked_at_and_what_has_not_stays_covered() -> None:
    text = SeesBlack()
    redactor = Redactor(detectors(text=text))
    first, second, third = (40, 40), (200, 100), (120, 200)
    scenes = [(first,)] * 3 + [(first, second)] * 3 + [(second,)] * 2 + [(second, third)] * 12
    for number, plates in enumerate(scenes):
        frame = with_plates(number, *plates)
        picture = redactor.redact(frame, redactor.look(frame), [], [])
        # Two frames lie within the short interval; in a recording they are covered from behind.
        known = [plate for plate in plates if all(plate in scenes[max(0, number - back)] for back in range(3))]
        assert all(is_covered(picture, x - 4, y - 4, x + 28, y + 12) for x, y in known)
    assert text.sizes.count((WIDTH, HEIGHT)) == 3
    assert 3 < len(text.sizes) < 10


def test_in_a_live_view_a_look_at_the_whole_picture_counts_from_the_next_one_on() -> None:
    text = SeesBlack()
    redactor = Redactor(detectors(text=text), text_behind=True)
    covered_at, everywhere = [], []
    for number in range(12):
        frame = with_plates(number, (200, 100))
        if number >= 3:
            # Too little to count as a change.
            frame.pixels[41:43, 41:43] = 0
        before = text.sizes.count((WIDTH, HEIGHT))
        picture = redactor.redact(frame, redactor.look(frame), [], [])
        assert is_covered(picture, 196, 96, 228, 112)
        everywhere += [number] * (text.sizes.count((WIDTH, HEIGHT)) - before)
        covered_at += [number] * is_covered(picture, 41, 41, 43, 43)
    assert everywhere == [0, 8]
    assert covered_at == [9, 10, 11]


def test_after_a_pause_the_whole_picture_is_looked_at_before_anything_is_shown() -> None:
    text = SeesBlack()
    redactor = Redactor(detectors(text=text), text_behind=True)
    for number in (0, 1, 2, 40):
        frame = with_plates(number, (40, 40)) if number < 40 else with_plates(number, (200, 100), (120, 200))
        picture = redactor.redact(frame, redactor.look(frame), [], [])
    assert is_covered(picture, 196, 96, 228, 112)
    assert is_covered(picture, 116, 196, 148, 212)


def only_close(*texts: Detection) -> Scripted:
    """Finds the texts in close looks, but nothing in the whole picture."""
    return Scripted(lambda width, _height: [] if width == WIDTH else texts)


@pytest.mark.parametrize(
    ("kinds", "covered_kinds"),
    [
        (("faces", "plates"), {"face", "plate", "head"}),
        (("faces",), {"face", "head"}),
        (("plates",), {"plate", "head"}),
        (("text",), {"text", "head"}),
        (("persons",), {"person", "head"}),
        (("screens",), {"screen", "head"}),
        ((), {"head"}),
    ],
)
def test_what_is_chosen_is_covered_and_heads_always(kinds: Sequence[CoverKind], covered_kinds: set[str]) -> None:
    with_detectors = detectors(
        faces=Scripted(lambda *_: [found("face", 100, 100, 120, 130)]),
        text=Scripted(lambda *_: [found("text", 200, 200, 240, 210), found("text", 200, 20, 210, 90)]),
    )
    redactor, frame = Redactor(with_detectors, covering=Covering(frozenset(kinds))), noise(1)
    objects = [found("person", 20, 40, 60, 140), found("screen", 250, 150, 300, 190)]
    picture = redactor.redact(frame, redactor.look(frame), objects, [])
    assert {region.kind for region in picture.regions} == covered_kinds
    assert is_covered(picture, 250, 150, 300, 190) is ("screens" in kinds)
    assert is_covered(picture, 20, 40, 60, 140) is ("persons" in kinds)


@pytest.mark.parametrize(("kinds", "missing"), [(("faces",), "text"), (("plates",), "faces"), (("persons",), "faces")])
def test_a_network_that_nothing_needs_may_be_missing(kinds: Sequence[CoverKind], missing: Task) -> None:
    redactor, frame = Redactor(detectors(missing=[missing]), covering=Covering(frozenset(kinds))), noise(1)
    assert not redactor.redact(frame, redactor.look(frame), [], []).whole_frame


def test_a_plate_seen_only_close_to_the_vehicle_is_covered_where_it_is() -> None:
    text = only_close(found("text", 30, 40, 60, 50))
    picture = redact_one(1, detectors(text=text), [found("vehicle", 100, 100, 200, 180)])
    (plate,) = picture.regions
    assert plate.kind == "plate"
    # The close look begins a little outside the vehicle's box, here at 92, 94; the plate's box is grown.
    assert is_covered(picture, 122, 134, 152, 144)
    assert plate.box.x2 - plate.box.x1 < 60


def test_what_is_too_tall_for_a_plate_on_a_vehicle_is_none() -> None:
    text = only_close(found("text", 10, 10, 100, 80))
    assert redact_one(1, detectors(text=text), [found("vehicle", 100, 100, 200, 180)]).regions == ()
