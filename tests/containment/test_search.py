"""The pattern is found in whatever form a frame may take in memory or on a disk, and in nothing else."""

import base64
import gzip
import io
import random
import zipfile

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.containment.pattern import HEIGHT, WIDTH, Picture, random_pattern
from benchmarks.containment.search import Searcher

PATTERN = random_pattern(7)
FRAME: Picture = PATTERN.picture(5)
LUMA = cv2.cvtColor(FRAME, cv2.COLOR_BGR2GRAY)
PLANES = cv2.cvtColor(FRAME, cv2.COLOR_BGR2YUV_I420)
CHROMA = PLANES[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
SMALL = cv2.resize(FRAME, (512, 384))


def with_thumbnail(content: bytes) -> bytes:
    """A JPEG with another, grey one in its metadata, as cameras write."""
    small = cv2.imencode(".jpg", np.full((90, 120, 3), 128, np.uint8))[1].tobytes()
    return content[:2] + b"\xff\xe1" + (len(small) + 2).to_bytes(2, "big") + small + content[2:]


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frame", content)
    return file.getvalue()


FORMS = {
    "BGR": FRAME.tobytes(),
    "RGB": FRAME[:, :, ::-1].tobytes(),
    "RGBA": cv2.cvtColor(FRAME, cv2.COLOR_BGR2RGBA).tobytes(),
    "planes of colours": FRAME.transpose(2, 0, 1).tobytes(),
    "luma": LUMA.tobytes(),
    "chroma U": CHROMA[0].tobytes(),
    "chroma V": CHROMA[1].tobytes(),
    "chroma of NV12": CHROMA.transpose(1, 2, 0).tobytes(),
    "YUYV": cv2.cvtColor(FRAME, cv2.COLOR_BGR2YUV_YUYV).tobytes(),
    "negative": (255 - LUMA).tobytes(),
    "dark": (LUMA // 8).tobytes(),
    "scaled": SMALL.tobytes(),
    "half": cv2.resize(FRAME, (384, 288), interpolation=cv2.INTER_AREA).tobytes(),
    "numbers, planes": (SMALL.astype(np.float32) / 255).transpose(2, 0, 1).tobytes(),
    "numbers, colours side by side": SMALL.astype(np.float32).tobytes(),
    "JPEG": cv2.imencode(".jpg", FRAME)[1].tobytes(),
    "poor JPEG": cv2.imencode(".jpg", SMALL, [cv2.IMWRITE_JPEG_QUALITY, 20])[1].tobytes(),
    "JPEG with a thumbnail": with_thumbnail(cv2.imencode(".jpg", FRAME)[1].tobytes()),
    "half a JPEG": cv2.imencode(".jpg", FRAME)[1].tobytes()[:15_000],
    "PNG": cv2.imencode(".png", FRAME)[1].tobytes(),
    "WebP": cv2.imencode(".webp", FRAME)[1].tobytes(),
    "gzip": gzip.compress(FRAME.tobytes()),
    "zip": zipped(LUMA.tobytes()),
    "JPEG as text": base64.b64encode(cv2.imencode(".jpg", FRAME)[1].tobytes()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_frame_is_found_in_every_form(form: str) -> None:
    """Somewhere in other data, at an odd place."""
    noise = random.Random(form).randbytes(10_001)  # noqa: S311 - it is to be the same each time
    assert next(Searcher(PATTERN).search(noise + FORMS[form] + noise), None)


@settings(max_examples=30)
@given(top=st.integers(0, HEIGHT - 4), rows=st.integers(4, 40), before=st.integers(0, 64), left=st.integers(0, 300))
def test_a_part_of_a_frame_is_enough(top: int, rows: int, before: int, left: int) -> None:
    part = FRAME[top : top + rows, left : left + 416].tobytes()
    assert next(Searcher(PATTERN).search_plain(bytes(before) + part + bytes(4096)), None)


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_nothing_is_found_in_noise(seed: int) -> None:
    assert next(Searcher(PATTERN).search(random.Random(seed).randbytes(100_000)), None) is None  # noqa: S311


def test_a_row_alone_is_not_enough() -> None:
    """It may be chance, in hundreds of megabytes of a network's weights."""
    row = FRAME[100:101, :416].tobytes()
    assert next(Searcher(PATTERN).search(bytes(9000) + row + bytes(9000)), None) is None


def test_nothing_is_found_in_a_networks_weights() -> None:
    """Numbers in runs and steps, which are more like a pattern than noise is."""
    random_numbers = np.random.default_rng(3)
    levels = random_numbers.choice(np.array([0, 60, 190, 255], np.uint8), 60_000)
    steps = np.repeat(levels, random_numbers.integers(1, 12, levels.size)).tobytes()
    weights = random_numbers.normal(0, 0.05, 200_000).astype(np.float32).tobytes()
    for data in (steps, weights):
        assert next(Searcher(PATTERN).search(data), None) is None


def test_a_covered_frame_is_not_found() -> None:
    covered = FRAME.copy()
    covered[:, : WIDTH // 2 + 64] = 40
    covered[:, WIDTH // 2 + 300 :] = 40
    assert next(Searcher(PATTERN).search(covered.tobytes()), None) is None
