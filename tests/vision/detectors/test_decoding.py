"""From output tensors to boxes: a box written into a tensor the way a network writes it is read back."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.metrics.floor import VEHICLE_LABELS
from appliance.vision.detectors import centerface, centernet, text, yunet
from appliance.vision.detectors.letterbox import place

SIZE = (512, 384)
PLACEMENT, _ = place(768, 576, SIZE, True)
SCALE = PLACEMENT.scale_x


def centernet_outputs() -> tuple[np.ndarray, np.ndarray]:
    peaks, sizes = centernet.output_shapes(*SIZE)
    return np.zeros(peaks, np.float32), np.zeros(sizes, np.float32)


@given(
    channel=st.integers(0, 4),
    row=st.integers(10, 80),
    column=st.integers(10, 110),
    edges=st.tuples(*[st.floats(2, 30)] * 4),
    score=st.floats(0.2, 1),
)
def test_centernet_reads_a_box_at_its_peak(channel: int, row: int, column: int, edges, score: float) -> None:  # type: ignore[no-untyped-def]
    peaks, sizes = centernet_outputs()
    peaks[0, channel, row, column] = score
    sizes[0, :, row, column] = edges
    (found,) = centernet.decode((peaks, sizes), PLACEMENT, 0.1)
    left, top, right, bottom = edges
    expected = [4 * column - left, 4 * row - top, 4 * column + right, 4 * row + bottom]
    assert found.box == pytest.approx([edge / SCALE for edge in expected], abs=0.01)
    assert (found.kind, found.label) == centernet.KINDS[channel]
    assert found.score == pytest.approx(score)


def test_every_vehicle_that_is_detected_can_be_counted_by_its_label() -> None:
    """A label that has no cell would be counted as a vehicle and missing among the labels."""
    assert {label for kind, label in centernet.KINDS if kind == "vehicle"} == set(VEHICLE_LABELS)


def test_centernet_keeps_a_person_before_a_car_and_one_of_two_vehicles() -> None:
    peaks, sizes = centernet_outputs()
    sizes[:] = 20
    for channel, score in ((0, 0.5), (1, 0.6), (4, 0.9)):
        peaks[0, channel, 40, 40] = score
    found = centernet.decode((peaks, sizes), PLACEMENT, 0.1)
    assert [(each.kind, each.label) for each in found] == [("vehicle", "truck"), ("person", "person")]


def test_centernet_drops_faint_peaks_and_empty_boxes() -> None:
    peaks, sizes = centernet_outputs()
    peaks[0, 0, 40, 40] = 0.05
    peaks[0, 0, 60, 60] = 0.9
    assert centernet.decode((peaks, sizes), PLACEMENT, 0.1) == ()


def test_a_crowd_is_limited_to_its_surest() -> None:
    peaks, sizes = centernet_outputs()
    sizes[:] = 1.5
    peaks[0, 0] = np.linspace(0.2, 0.9, peaks[0, 0].size, dtype=np.float32).reshape(peaks[0, 0].shape)
    found = centernet.decode((peaks, sizes), PLACEMENT, 0.1)
    assert len(found) == centernet.MAXIMUM
    assert min(each.score for each in found) > 0.88


@given(
    row=st.integers(20, 70),
    column=st.integers(20, 100),
    width=st.floats(4, 60),
    height=st.floats(4, 60),
    offset=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
)
def test_centerface_reads_a_face(row: int, column: int, width: float, height: float, offset) -> None:  # type: ignore[no-untyped-def]
    heat, log_sizes, offsets = (np.zeros(shape, np.float32) for shape in centerface.output_shapes(*SIZE))
    heat[0, 0, row, column] = 0.8
    log_sizes[0, :, row, column] = math.log(height / 4), math.log(width / 4)
    offsets[0, :, row, column] = offset
    (found,) = centerface.decode((heat, log_sizes, offsets), PLACEMENT, 0.2)
    y, x = 4 * (row + offset[0] + 0.5), 4 * (column + offset[1] + 0.5)
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    assert found.box == pytest.approx([edge / SCALE for edge in expected], abs=0.01)
    assert found.kind == "face"


def test_centerface_survives_absurd_sizes() -> None:
    heat, log_sizes, offsets = (np.zeros(shape, np.float32) for shape in centerface.output_shapes(*SIZE))
    heat[0, 0, 10, 10] = 0.8
    log_sizes[:] = 1e30
    (found,) = centerface.decode((heat, log_sizes, offsets), PLACEMENT, 0.2)
    assert all(map(math.isfinite, found.box))


# As high as a stroke may be; what is thicker is no text, see below.
HIGHEST = math.floor(text.THICKEST * SIZE[1])


@given(left=st.integers(0, 400), top=st.integers(0, 300), width=st.integers(3, 100), height=st.integers(3, HIGHEST))
def test_text_reads_a_region(left: int, top: int, width: int, height: int) -> None:
    (probability,) = (np.zeros(shape, np.float32) for shape in text.output_shapes(*SIZE))
    probability[0, 0, top : top + height, left : left + width] = 0.7
    (found,) = text.decode((probability,), PLACEMENT, 0.3)
    right, bottom = min(left + width, SIZE[0]), min(top + height, SIZE[1])
    assert found.box == pytest.approx([edge / SCALE for edge in (left, top, right, bottom)], abs=0.01)
    assert found.score == pytest.approx(0.7)


def test_text_tells_regions_apart_and_drops_specks() -> None:
    (probability,) = (np.zeros(shape, np.float32) for shape in text.output_shapes(*SIZE))
    probability[0, 0, 10:30, 10:60] = 0.5
    probability[0, 0, 10:30, 100:160] = 0.9
    probability[0, 0, 200:202, 200:300] = 0.9
    assert [round(each.score, 2) for each in text.decode((probability,), PLACEMENT, 0.3)] == [0.9, 0.5]


@pytest.mark.parametrize(
    ("angle", "length", "thickness", "is_text"),
    [
        (0, 300, 20, True),
        (40, 300, 20, True),
        (90, 200, 20, True),
        (0, 300, 90, False),
        (40, 200, 110, False),
    ],
)
def test_a_stroke_as_thick_as_a_wall_is_no_text(angle: float, length: int, thickness: int, is_text: bool) -> None:
    (probability,) = (np.zeros(shape, np.float32) for shape in text.output_shapes(*SIZE))
    stroke = cv2.boxPoints(((SIZE[0] / 2, SIZE[1] / 2), (length, thickness), angle)).astype(np.int32)
    cv2.fillConvexPoly(probability[0, 0], stroke, (0.9,))
    assert bool(text.decode((probability,), PLACEMENT, 0.3)) is is_text


def yunet_outputs() -> list[np.ndarray]:
    return [np.zeros(shape, np.float32) for shape in yunet.output_shapes(*SIZE)]


@given(
    level=st.integers(0, 2),
    row=st.integers(3, 8),
    column=st.integers(3, 12),
    offset=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    size=st.tuples(st.floats(0.5, 3), st.floats(0.5, 3)),
    scores=st.tuples(st.floats(0.4, 1), st.floats(0.4, 1)),
)
def test_yunet_reads_a_face_at_its_cell(level: int, row: int, column: int, offset, size, scores) -> None:  # type: ignore[no-untyped-def]
    outputs = yunet_outputs()
    stride = yunet.STRIDES[level]
    cell = row * (SIZE[0] // stride) + column
    outputs[level][0, cell] = scores[0]
    outputs[3 + level][0, cell] = scores[1]
    outputs[6 + level][0, cell] = [*offset, math.log(size[0]), math.log(size[1])]
    (found,) = yunet.decode(outputs, PLACEMENT, 0.3)
    x, y = (column + offset[0]) * stride, (row + offset[1]) * stride
    width, height = size[0] * stride, size[1] * stride
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    assert found.box == pytest.approx([max(edge, 0) / SCALE for edge in expected], abs=0.05)
    assert found.kind == "face"
    assert found.score == pytest.approx(math.sqrt(scores[0] * scores[1]), abs=1e-5)


def test_yunet_needs_both_scores() -> None:
    outputs = yunet_outputs()
    outputs[0][0, 500] = 1
    outputs[4][0, 100] = 1
    assert yunet.decode(outputs, PLACEMENT, 0.1) == ()


def test_yunet_keeps_one_of_the_same_face_on_two_grids_and_limits_a_crowd() -> None:
    outputs = yunet_outputs()
    for level, cell, score in ((0, 20 * 64 + 20, 0.8), (1, 10 * 32 + 10, 0.9)):
        outputs[level][0, cell] = outputs[3 + level][0, cell] = score
        outputs[6 + level][0, cell, 2:] = math.log(40 / yunet.STRIDES[level])
    (found,) = yunet.decode(outputs, PLACEMENT, 0.3)
    assert found.score == pytest.approx(0.9)
    outputs[0][:] = outputs[3][:] = 0.5
    outputs[6][..., 2:] = math.log(0.5)
    assert len(yunet.decode(outputs, PLACEMENT, 0.3)) <= yunet.MAXIMUM
