"""Containers and codecs in and out: what of a video stays (times, shape, sound if asked) and what goes (all else)."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.vision.original import SoundNotKept
from appliance.vision.recordings import FileOptions, redact_file
from appliance.vision.video_writing import VIDEO_SUFFIXES
from tests.vision.scripted import detectors

WIDTH, HEIGHT, RATE = 96, 64, 10
TIMES = [0, 1, 2, 5, 9, 10, 11, 12]
# Encoders of the codecs that cameras and phones use, each with a container that takes them.
CODECS = [
    ("libx264", ".mp4"),
    ("libx265", ".mp4"),
    ("libvpx-vp9", ".webm"),
    ("libsvtav1", ".mkv"),
    ("mjpeg", ".avi"),
    ("libx264", ".ts"),
    ("libx264", ".mov"),
    ("mpeg4", ".m4v"),
]
SECRET = "Mallory at the till"


@contextmanager
def priority_kept() -> Iterator[None]:
    """SVT-AV1 raises the thread that calls it to the highest real-time priority, if that is root's."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def write(
    path: Path, encoder: str = "libx264", times: list[int] | None = None, aspect: int = 1, sound: str = "aac"
) -> Path:
    """A grey video that grows lighter, with a title, chapters' worth of metadata and a second of sound."""
    with priority_kept(), av.open(str(path), "w", format="mp4" if path.suffix == ".m4v" else None) as container:
        container.metadata.update({"title": SECRET, "comment": SECRET, "location": "+48.8577+002.295/"})
        stream = container.add_stream(encoder, rate=RATE)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        added = container.add_stream(sound, rate=48000)
        added.layout = "mono"
        added.metadata["title"] = SECRET
        for number, time in enumerate(times or range(len(TIMES))):
            grey = np.full((HEIGHT, WIDTH, 3), 60 + 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="bgr24")
            frame.pts, frame.time_base = time, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        hum = np.sin(np.arange(48000) / 20)[None].astype(np.float32) / 4
        audio = av.AudioFrame.from_ndarray(hum, format="fltp", layout="mono")
        audio.sample_rate, audio.pts = 48000, 0
        resampler = av.AudioResampler(
            format=added.format, layout="mono", rate=48000, frame_size=added.frame_size or 960
        )
        for each in resampler.resample(audio):
            container.mux(added.encode(each))
        container.mux(added.encode(None))
    return path


def frames(path: Path) -> list[tuple[float, float]]:
    """Time and mean level of each frame."""
    with av.open(str(path)) as container:
        return [(f.time or 0.0, float(f.to_ndarray(format="bgr24").mean())) for f in container.decode(video=0)]


@pytest.mark.parametrize(("encoder", "suffix"), CODECS)
def test_common_codecs_are_read(tmp_path: Path, encoder: str, suffix: str) -> None:
    source = write(tmp_path / f"in{suffix}", encoder, sound="libopus" if suffix == ".webm" else "aac")
    outcome = redact_file(source, tmp_path / "out.mp4", detectors())
    assert (outcome.frames, outcome.covered_frames, outcome.stopped) == (len(TIMES), 0, "")
    levels = [level for _, level in frames(tmp_path / "out.mp4")]
    assert levels == pytest.approx([60 + 20 * number for number in range(len(TIMES))], abs=8)


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_every_container_keeps_times_that_vary_and_drops_all_else(tmp_path: Path, suffix: str) -> None:
    source, target = write(tmp_path / "in.mkv", times=TIMES), tmp_path / f"out{suffix}"
    redact_file(source, target, detectors())
    found = frames(target)
    begins = found[0][0]
    distinct = [found[0], *(b for a, b in itertools.pairwise(found) if abs(a[1] - b[1]) > 10)]
    assert [time - begins for time, _ in distinct] == pytest.approx([time / RATE for time in TIMES], abs=0.002)
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    assert SECRET.encode() not in target.read_bytes()


def metadata(path: Path) -> dict[str, object]:
    """All that an independent reader finds in a file."""
    told = subprocess.run(["exiftool", "-json", "-a", "-u", str(path)], capture_output=True, check=True).stdout
    found: dict[str, object] = json.loads(told)[0]
    return found


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed (packaging/apt-test.txt)")
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_an_independent_reader_finds_no_metadata(tmp_path: Path, suffix: str) -> None:
    source, target = write(tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    assert SECRET in str(metadata(source))
    redact_file(source, target, detectors(), options=FileOptions(keep_audio=True))
    told = metadata(target)
    assert SECRET not in str(told)
    assert not {name for name in told if "GPS" in name or name in ("Title", "Comment", "Artist", "Location")}


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", aspect=2)
    redact_file(source, tmp_path / "out.mkv", detectors())
    with av.open(str(tmp_path / "out.mkv")) as container:
        video = container.streams.video[0]
        assert (video.width, video.height, video.sample_aspect_ratio) == (WIDTH, HEIGHT, 2)


def test_a_video_filmed_upright_stands_upright(tmp_path: Path) -> None:
    plain, source = write(tmp_path / "plain.mp4", aspect=2), tmp_path / "in.mp4"
    with av.open(str(plain)) as given, av.open(str(source), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0])
        stream.set_display_rotation(90)
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    redact_file(source, tmp_path / "out.mp4", detectors())
    with av.open(str(tmp_path / "out.mp4")) as container:
        video = container.streams.video[0]
        assert (video.width, video.height, video.sample_aspect_ratio) == (HEIGHT, WIDTH, Fraction(1, 2))
        assert {frame.rotation for frame in container.decode(video)} == {0}


def sound_of(path: Path) -> tuple[str, bytes, float]:
    """The codec, the packets' content, and the time of the first packet."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        first = float((packets[0].pts or 0) * packets[0].time_base)
        return stream.codec_context.name, b"".join(bytes(packet) for packet in packets), first


@pytest.mark.parametrize(
    ("codec", "source", "target"),
    [
        ("aac", ".mp4", ".mp4"),
        ("aac", ".mkv", ".mp4"),
        ("aac", ".mp4", ".mkv"),
        ("aac", ".mp4", ".mov"),
        ("libopus", ".webm", ".webm"),
        ("libopus", ".mkv", ".mp4"),
        ("pcm_s16le", ".mov", ".mkv"),
        ("ac3", ".mkv", ".avi"),
        ("ac3", ".mp4", ".ts"),
    ],
)
def test_sound_is_kept_as_it_is_where_it_is_asked_for(tmp_path: Path, codec: str, source: str, target: str) -> None:
    video = "libvpx-vp9" if source == ".webm" else "libx264"
    given, result = write(tmp_path / f"in{source}", video, sound=codec), tmp_path / f"out{target}"
    redact_file(given, result, detectors(), options=FileOptions(keep_audio=True))
    name, content, begins = sound_of(given)
    kept_name, kept, kept_begins = sound_of(result)
    assert kept_name == name
    # The picture ends after 0.8 seconds and the sound after one: what nobody sees need not be heard.
    assert kept in content
    assert len(kept) > 0.6 * len(content)
    if target != ".ts":
        assert kept_begins == pytest.approx(max(0.0, begins), abs=0.05)


def test_sound_that_the_result_can_not_hold_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4")
    with pytest.raises(SoundNotKept, match="leave --keep-audio out"):
        redact_file(source, tmp_path / "out.webm", detectors(), options=FileOptions(keep_audio=True))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_video_without_sound_has_none_to_keep(tmp_path: Path) -> None:
    redact_file(write(tmp_path / "in.mp4"), tmp_path / "silent.mp4", detectors())
    redact_file(tmp_path / "silent.mp4", tmp_path / "out.mp4", detectors(), options=FileOptions(keep_audio=True))
    assert len(frames(tmp_path / "out.mp4")) == len(TIMES)
