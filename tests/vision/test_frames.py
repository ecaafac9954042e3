"""A raw frame can't get out; a redacted frame can't be made up."""

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np
import pytest

from appliance.vision.frames import EncodingFailed, RawFrame, RawFrameLeak, RedactedFrame, _Seal
from appliance.vision.redaction import cover_whole

MOMENT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def frame() -> RawFrame:
    return RawFrame(np.full((4, 6, 3), 77, np.uint8), "front", 12, 3.5, MOMENT)


@pytest.mark.parametrize(
    "take_out",
    [pickle.dumps, copy.copy, copy.deepcopy, bytes, list, np.asarray, json.dumps, memoryview, np.save],
)
def test_a_raw_frame_stays_where_it_is(frame: RawFrame, take_out: Callable[[Any], Any]) -> None:
    with pytest.raises((RawFrameLeak, TypeError)):
        take_out(frame)


def test_printing_a_raw_frame_shows_no_pixel(frame: RawFrame) -> None:
    assert f"{frame} {frame!r}" == "<RawFrame 12 of front, 6x4> <RawFrame 12 of front, 6x4>"


def test_only_the_redactor_makes_redacted_frames(frame: RawFrame) -> None:
    with pytest.raises(RawFrameLeak):
        RedactedFrame(_Seal(), frame.pixels, "front", 12, 3.5, MOMENT, False, "", ())


def test_a_redacted_frame_takes_no_other_pixels(frame: RawFrame) -> None:
    picture = cover_whole(frame, "for a test")
    with pytest.raises(ValueError, match="seal"):
        dataclasses.replace(picture, pixels=frame.pixels)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[:] = frame.pixels
    with pytest.raises(dataclasses.FrozenInstanceError):
        picture.pixels = frame.pixels  # type: ignore[misc]


def test_a_redacted_frame_is_a_picture_for_everybody(frame: RawFrame) -> None:
    picture = cover_whole(frame, "for a test")
    shown = cv2.imdecode(np.frombuffer(picture.jpeg(), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (frame.height, frame.width, 3)
    with pytest.raises(EncodingFailed, match=r"\.doc"):
        picture.encode(".doc", 90)


def test_pixels_of_another_shape_are_no_frame() -> None:
    with pytest.raises(ValueError, match="uint8"):
        RawFrame(np.zeros((4, 6), np.uint8), "front", 0, 0.0, MOMENT)
