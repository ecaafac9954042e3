"""Images and videos, redacted from file to file."""

import json
import math
import resource
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from appliance.metrics.geometry import Box
from appliance.vision.covers import COVER_COLOUR
from appliance.vision.detections import Detection, Kind
from appliance.vision.inference import InferenceFailed
from appliance.vision.recordings import NotRedactable, ResultUnwritable, redact_file
from appliance.vision.redaction import WHOLE_COLOUR
from appliance.vision.sources import SourceError
from appliance.vision.stills import PictureError
from tests.vision.scripted import Answer, Picture, detectors

WIDTH, HEIGHT = 96, 64
GREY = 128
# Video coding changes values a little.
NEAR = 12


@dataclass
class SeesWhite:
    """A detector that finds the white square, as its kind. Where a corner is black it sees nothing, or fails."""

    kind: Kind
    failing: bool = False

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> Answer:  # noqa: ARG002
        if image[-8:, -8:].max() < 60:
            return Answer(InferenceFailed("The network gave no result within 60 seconds.") if self.failing else [])
        rows, columns = np.nonzero((image > 230).all(axis=2))
        if not len(rows):
            return Answer([])
        box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
        return Answer([Detection(self.kind, self.kind, 0.9, box)])


def grey(width: int = WIDTH, height: int = HEIGHT) -> Picture:
    return np.full((height, width, 3), GREY, np.uint8)


def with_white(black_corner: bool = False) -> Picture:
    picture = grey()
    picture[24:40, 40:56] = 255
    if black_corner:
        picture[-16:, -16:] = 0
    return picture


def write_video(path: Path, pictures: list[Picture], rate: int = 10, times: list[int] | None = None) -> Path:
    """A video of these pictures; `times` in frames. It has a title, and a sound that goes on for a second."""
    with av.open(str(path), "w", options={}) as container:
        container.metadata["title"] = "the manager's office"
        stream = container.add_stream("libx264", rate=rate, options={"crf": "4", "bf": "0"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=48000)
        sound.layout = "mono"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = times[number] if times else number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        hum = av.AudioFrame.from_ndarray(np.ones((1, 48000), np.float32) / 10, format="fltp", layout="mono")
        hum.sample_rate, hum.pts = 48000, 0
        container.mux(sound.encode(hum))
        container.mux(sound.encode(None))
    return path


def read_video(path: Path) -> list[tuple[float, Picture]]:
    with av.open(str(path)) as container:
        return [(f.time or 0.0, np.asarray(f.to_ndarray(format="bgr24"))) for f in container.decode(video=0)]


def is_covered_whole(picture: Picture) -> bool:
    near = np.abs(picture.astype(int) - np.array(WHOLE_COLOUR)).max(axis=2) <= NEAR
    return bool(near.mean() > 0.5)


def shows_white(picture: Picture) -> bool:
    return bool((picture > 200).all(axis=2).any())


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """What writing to a full disk is like: no file grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Images


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tiff", ".PNG"])
def test_an_image_of_every_kind_is_redacted(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.png", tmp_path / f"out{suffix}"
    cv2.imwrite(str(source), with_white())
    lines: list[dict[str, Any]] = []
    outcome = redact_file(source, target, detectors(faces=SeesWhite("face")), lines.append)
    result = cv2.imread(str(target))
    assert result is not None
    assert not shows_white(np.asarray(result, np.uint8))
    assert np.abs(result[26:38, 42:54].astype(int) - COVER_COLOUR).max() <= NEAR
    assert np.abs(result[:15, :].astype(int) - GREY).max() <= NEAR
    assert (outcome.frames, outcome.covered_frames, outcome.reason, outcome.stopped) == (1, 0, "", "")
    (line,) = lines
    assert json.loads(json.dumps(line)) == {
        "frame": 0,
        "time": 0.0,
        "whole_frame": False,
        "regions": [{"kind": "face", "source": "detector", "box": [37.6, 21.6, 58.4, 42.4]}],
    }


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF block that says how to turn it, and who took it."""
    artist = b"Mallory at the till\0"
    entries = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(">HHII", 0x013B, 2, len(artist), 38)
    tiff = b"MM\0*" + struct.pack(">IH", 8, 2) + entries + struct.pack(">I", 0) + artist
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_a_turned_photograph_stands_upright_and_its_metadata_is_gone(
    tmp_path: Path, orientation: int, corner: tuple[int, int]
) -> None:
    picture = grey()
    picture[:16, :16] = 0
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    source.write_bytes(with_exif(cv2.imencode(".jpg", picture)[1].tobytes(), orientation))
    redact_file(source, target, detectors())
    content = target.read_bytes()
    assert b"Exif" not in content
    assert b"Mallory" not in content
    result = cv2.imread(str(target), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert result is not None
    assert result.shape == ((HEIGHT, WIDTH, 3) if orientation in (1, 3) else (WIDTH, HEIGHT, 3))
    assert result[corner].max() < 30


@pytest.mark.parametrize("missing", ["people-vehicles", "faces", "text"])
def test_an_image_is_covered_whole_where_a_network_is_missing(tmp_path: Path, missing: Any) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    cv2.imwrite(str(source), np.random.default_rng(1).integers(100, 256, (HEIGHT, WIDTH, 3), np.uint8))
    lines: list[dict[str, Any]] = []
    outcome = redact_file(source, target, detectors(missing=[missing]), lines.append)
    result = cv2.imread(str(target))
    assert result is not None
    assert is_covered_whole(np.asarray(result, np.uint8))
    assert not (result == cv2.imread(str(source))).all(axis=2).any()
    assert outcome.covered_frames == 1
    assert missing in outcome.reason
    assert (lines[0]["whole_frame"], lines[0]["regions"], lines[0]["reason"]) == (True, [], outcome.reason)


# Videos


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_keeps_its_times_and_loses_all_else(tmp_path: Path, suffix: str) -> None:
    times = [0, 1, 2, 5, 9, 10, 11, 12]
    source = write_video(tmp_path / f"in{suffix}", [with_white() for _ in times], times=times)
    target = tmp_path / f"out{suffix}"
    lines: list[dict[str, Any]] = []
    outcome = redact_file(source, target, detectors(faces=SeesWhite("face")), lines.append)
    frames = read_video(target)
    assert [time for time, _ in frames] == pytest.approx([time / 10 for time in times], abs=0.002)
    assert not any(shows_white(picture) for _, picture in frames)
    assert all(np.abs(picture[:15].astype(int) - GREY).max() <= NEAR for _, picture in frames)
    assert [(line["frame"], line["whole_frame"]) for line in lines] == [(n, False) for n in range(len(times))]
    assert [line["time"] for line in lines] == pytest.approx([time / 10 for time in times], abs=0.002)
    assert (outcome.frames, outcome.covered_frames, outcome.stopped) == (len(times), 0, "")
    assert outcome.seconds == pytest.approx(1.2, abs=0.002)
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    assert b"manager" not in target.read_bytes()


def test_a_face_noticed_late_is_covered_from_half_a_second_before(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", [with_white(black_corner=number < 10) for number in range(20)])
    lines: list[dict[str, Any]] = []
    redact_file(source, tmp_path / "out.mkv", detectors(faces=SeesWhite("face")), lines.append)
    shown = [number for number, (_, picture) in enumerate(read_video(tmp_path / "out.mkv")) if shows_white(picture)]
    assert shown == list(range(5))
    sources = [{region["source"] for region in line["regions"]} for line in lines]
    assert sources[5:10] == [{"ahead"}] * 5
    assert any("detector" in each for each in sources[10:13])
    assert all(sources[10:])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(rate=60, before=20, during=31, seed=0)
@example(rate=25, before=1, during=13, seed=0)
@given(
    rate=st.sampled_from([5, 10, 25, 30, 60]), before=st.integers(0, 40), during=st.integers(1, 40), seed=st.integers(0)
)
def test_a_plate_is_in_no_frame_wherever_it_appears(
    tmp_path: Path, rate: int, before: int, during: int, seed: int
) -> None:
    # It has to be there when text is looked for: at least once in half a second.
    during = max(during, rate // 2 + 1)
    source = tmp_path / f"{seed % 10}.mkv"
    write_video(source, [grey()] * before + [with_white()] * during, rate)
    redact_file(source, tmp_path / "out.mkv", detectors(text=SeesWhite("text")))
    frames = read_video(tmp_path / "out.mkv")
    assert len(frames) == before + during
    assert [number for number, (_, picture) in enumerate(frames) if shows_white(picture)] == []


def test_frames_whose_network_fails_are_covered_whole_and_the_others_are_not(tmp_path: Path) -> None:
    # At five frames a second none is passed over.
    pictures = [with_white(black_corner=number % 4 == 2) for number in range(12)]
    source = write_video(tmp_path / "in.mkv", pictures, rate=5)
    lines: list[dict[str, Any]] = []
    broken = detectors(people_vehicles=SeesWhite("vehicle", failing=True), faces=SeesWhite("face"))
    outcome = redact_file(source, tmp_path / "out.mkv", broken, lines.append)
    frames = [picture for _, picture in read_video(tmp_path / "out.mkv")]
    failed = [number % 4 == 2 for number in range(12)]
    assert [is_covered_whole(picture) for picture in frames] == failed
    assert [line["whole_frame"] for line in lines] == failed
    # The reason is written on a covered frame in light letters.
    assert not any(shows_white(picture) for picture, covered in zip(frames, failed, strict=True) if not covered)
    assert (outcome.covered_frames, outcome.reason) == (3, "The network gave no result within 60 seconds.")


@pytest.mark.parametrize("missing", ["people-vehicles", "faces", "text"])
def test_a_video_is_covered_whole_where_a_network_is_missing(tmp_path: Path, missing: Any) -> None:
    source = write_video(tmp_path / "in.mkv", [with_white()] * 5)
    outcome = redact_file(source, tmp_path / "out.mkv", detectors(missing=[missing]))
    assert all(is_covered_whole(picture) for _, picture in read_video(tmp_path / "out.mkv"))
    assert (outcome.frames, outcome.covered_frames) == (5, 5)
    assert missing in outcome.reason


def test_progress_is_told_frame_by_frame(tmp_path: Path) -> None:
    source, told = write_video(tmp_path / "in.mp4", [grey()] * 6), []
    redact_file(source, tmp_path / "out.mp4", detectors(), progress=lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(1, 7)]


# Damage and misuse


def cut(path: Path) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def noise_video(path: Path) -> Path:
    generator = np.random.default_rng(3)
    return write_video(path, [generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(40)])


def test_what_could_be_read_of_a_broken_off_video_is_redacted(tmp_path: Path) -> None:
    source = cut(noise_video(tmp_path / "in.avi"))
    outcome = redact_file(source, tmp_path / "out.mp4", detectors())
    assert 0 < outcome.frames < 40
    assert len(read_video(tmp_path / "out.mp4")) == outcome.frames
    assert str(source) in outcome.stopped
    assert outcome.seconds == pytest.approx((outcome.frames - 1) / 10, abs=0.01)


def test_a_damaged_video_is_redacted_around_the_damage(tmp_path: Path) -> None:
    source = noise_video(tmp_path / "in.avi")
    content = bytearray(source.read_bytes())
    for place in range(len(content) // 3, len(content) // 2, 50):
        content[place : place + 20] = bytes(20)
    source.write_bytes(content)
    outcome = redact_file(source, tmp_path / "out.mp4", detectors())
    assert 0 < len(read_video(tmp_path / "out.mp4")) == outcome.frames < 40
    assert "damaged" in outcome.stopped


def trim(source: Path, target: Path, frames: int) -> Path:
    """The video without its first frames, which stay in the file and are only marked as not to be shown."""
    with av.open(str(source)) as given, av.open(str(target), "w") as container:
        video = given.streams.video[0]
        stream = container.add_stream_from_template(video)
        assert video.time_base is not None
        offset = round(frames / 10 / video.time_base)
        for packet in given.demux(video):
            if packet.dts is not None and packet.pts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - offset, packet.dts - offset, stream
                container.mux(packet)
    return target


def test_a_video_that_was_trimmed_without_encoding_it_anew_lacks_nothing(tmp_path: Path) -> None:
    source = trim(noise_video(tmp_path / "in.mp4"), tmp_path / "trimmed.mp4", 25)
    outcome = redact_file(source, tmp_path / "out.mp4", detectors())
    assert (outcome.frames, outcome.stopped) == (15, "")


@pytest.mark.parametrize(
    ("source", "target", "error"),
    [
        ("absent.png", "out.png", PictureError),
        ("absent.mp4", "out.mp4", SourceError),
        ("text.png", "out.png", PictureError),
        ("text.mp4", "out.mp4", SourceError),
        ("empty.mp4", "out.mp4", SourceError),
        ("good.png", "out.mp4", NotRedactable),
        ("telephone.HEIC", "out.jpg", NotRedactable),
        ("good.mp4", "out.png", NotRedactable),
        ("good.mp4", "out.txt", NotRedactable),
        ("good.mp4", "good.mp4", NotRedactable),
        ("good.png", "./good.png", NotRedactable),
        ("good.png", "absent/out.png", ResultUnwritable),
        ("good.mp4", "absent/out.mp4", ResultUnwritable),
        ("good.png", "folder.png", ResultUnwritable),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, source: str, target: str, error: type[Exception]
) -> None:
    cv2.imwrite(str(tmp_path / "good.png"), grey())
    write_video(tmp_path / "good.mp4", [grey()] * 3)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.png").mkdir()
    before = {name: (tmp_path / name).stat().st_size for name in listing(tmp_path)}
    with pytest.raises(error) as caught:
        redact_file(tmp_path / source, tmp_path / target, detectors())
    assert str(caught.value).count("\n") == 0
    assert str(tmp_path) in str(caught.value)
    assert {name: (tmp_path / name).stat().st_size for name in listing(tmp_path)} == before


@pytest.mark.parametrize("suffix", [".bmp", ".mkv", ".mp4"])
def test_a_full_disk_is_one_sentence_and_the_old_result_stays(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    if suffix == ".bmp":
        cv2.imwrite(str(source), grey())
    else:
        noise_video(source)
    target.write_bytes(b"an earlier result")
    with file_size_limit(5000), pytest.raises(ResultUnwritable, match="can't be written"):
        redact_file(source, target, detectors())
    assert target.read_bytes() == b"an earlier result"
    assert listing(tmp_path) == [source.name, target.name]


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("given", [{"report": interrupt}, {"progress": interrupt}], ids=["report", "progress"])
def test_an_interruption_leaves_nothing(tmp_path: Path, given: dict[str, Callable[..., None]]) -> None:
    source = write_video(tmp_path / "in.mp4", [grey()] * 3)
    with pytest.raises(KeyboardInterrupt):
        redact_file(source, tmp_path / "out.mp4", detectors(), **given)
    assert listing(tmp_path) == ["in.mp4"]


def test_a_video_without_a_picture_is_one_sentence(tmp_path: Path) -> None:
    source = tmp_path / "sound.mp4"
    with av.open(str(source), "w") as container:
        sound = container.add_stream("aac", rate=48000)
        sound.layout = "mono"
        hum = av.AudioFrame.from_ndarray(np.ones((1, 48000), np.float32) / 10, format="fltp", layout="mono")
        hum.sample_rate = 48000
        container.mux(sound.encode(hum))
        container.mux(sound.encode(None))
    with pytest.raises(SourceError, match="no picture"):
        redact_file(source, tmp_path / "out.mp4", detectors())
    assert listing(tmp_path) == ["sound.mp4"]
