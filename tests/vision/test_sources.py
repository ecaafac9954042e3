"""Recordings and cameras, as frames."""

import contextlib
import functools
import gc
import http.server
import itertools
import threading
import time
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.vision.opening import with_credentials
from appliance.vision.sources import Source, SourceError, SourceStopped, open_source
from tests.vision.mjpeg_camera import PASSWORD, USERNAME, mjpeg_camera

FRAMES = 20


def write_clip(path: Path, frames: int = FRAMES, rate: int = 10) -> Path:
    """A clip in which frame n is of one grey, 10 * n."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * (number % 25), np.uint8), format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4")


def test_a_recording_gives_every_frame_with_its_time(clip: Path) -> None:
    with open_source(str(clip), "front") as source:
        frames = list(source)
    assert [frame.number for frame in frames] == list(range(FRAMES))
    assert [round(float(frame.pixels.mean()) / 10) for frame in frames] == list(range(FRAMES))
    steps = [later.monotonic - earlier.monotonic for earlier, later in itertools.pairwise(frames)]
    assert steps == pytest.approx([0.1] * (FRAMES - 1))
    assert (frames[-1].moment - frames[0].moment).total_seconds() == pytest.approx(1.9, abs=1e-3)
    assert (source.received, source.dropped) == (FRAMES, 0)


def test_a_loop_goes_on_where_it_ended(clip: Path) -> None:
    with open_source(str(clip), "front", loop=True) as source:
        frames = list(itertools.islice(source, 2 * FRAMES))
    steps = [later.monotonic - earlier.monotonic for earlier, later in itertools.pairwise(frames)]
    assert steps == pytest.approx([0.1] * (2 * FRAMES - 1))
    assert float(frames[FRAMES].pixels.mean()) == pytest.approx(0.0, abs=3.0)


def test_a_recording_that_is_played_skips_what_nobody_takes(tmp_path: Path) -> None:
    # At 500 frames a second a reader who takes one frame and then waits for the end finds the newest.
    with open_source(str(write_clip(tmp_path / "fast.mp4", rate=500)), "front", realtime=True) as source:
        frames = iter(source)
        next(frames)
        while source.received < FRAMES:
            time.sleep(0)
        left = list(frames)
    assert len(left) == 1
    assert left[0].number == FRAMES - 1
    assert source.dropped == FRAMES - 2


def write_turned(path: Path, rotation: int) -> Path:
    """One picture, white at its left, that asks to be turned counterclockwise by `rotation` degrees when shown."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(rotation)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("rotation", "white"),
    [(90, np.s_[40:, :]), (180, np.s_[:, 40:]), (-90, np.s_[:24, :])],
)
def test_a_phone_s_recording_stands_upright(tmp_path: Path, rotation: int, white: tuple[slice, slice]) -> None:
    with open_source(str(write_turned(tmp_path / "clip.mp4", rotation)), "front") as source:
        pixels = next(iter(source)).pixels
    assert pixels.shape == ((48, 64, 3) if rotation == 180 else (64, 48, 3))
    assert float(pixels[white].mean()) > 200
    assert float(pixels.mean()) == pytest.approx(127, abs=10)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "There is no file"), (b"", "not a video"), (b"plain text, no video\n" * 50, "not a video")],
)
def test_what_is_no_video_is_one_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "clip.avi"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        open_source(str(path), "front")


def test_a_play_list_does_not_make_the_process_connect(tmp_path: Path) -> None:
    play_list = tmp_path / "list.m3u8"
    play_list.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nhttp://127.0.0.1:9/frame.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceError), open_source(str(play_list), "front") as source:
        list(source)


def test_a_recording_that_was_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "clip.mkv", frames=200)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    numbers: list[int] = []
    with open_source(str(cut), "front") as source, contextlib.suppress(SourceStopped):
        numbers.extend(frame.number for frame in source)
    assert 0 < len(numbers) < 200


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(FRAMES):
            grey = np.full((48, 64, 3), 10 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="bgr24")))
        container.mux(stream.encode(None))
    pictures = path.read_bytes().split(b"\xff\xd8\xff")
    pictures[10] = bytes(len(pictures[10]))
    path.write_bytes(b"\xff\xd8\xff".join(pictures[:10]) + bytes(3) + b"\xff\xd8\xff".join(pictures[10:]))
    with open_source(str(path), "front") as source:
        shades = [round(float(frame.pixels.mean()) / 10) for frame in source]
    assert shades[-1] == FRAMES - 1
    assert FRAMES - 3 <= len(shades) < FRAMES
    assert source.damaged >= 1


def test_pictures_over_http_arrive() -> None:
    with (
        mjpeg_camera() as address,
        open_source(f"{address}/stream", "front", username=USERNAME, password=PASSWORD) as source,
    ):
        frame = next(iter(source))
        assert (source.live, source.codec, source.transport, source.decoder) == (True, "mjpeg", "", "software")
    assert frame.pixels.shape == (48, 64, 3)
    assert float(frame.pixels.std()) < 1


@pytest.mark.parametrize(
    ("path", "password", "sentence"),
    [
        ("/rubbish", PASSWORD, "is no video"),
        ("/stream", "guessed", "it refuses the user name or the password"),
    ],
)
def test_what_is_wrong_with_a_camera_over_http_is_said(path: str, password: str, sentence: str) -> None:
    with mjpeg_camera() as address, pytest.raises(SourceError, match=sentence):
        open_source(address + path, "front", username=USERNAME, password=password)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("rtsp://127.0.0.1:9/stream", "nothing answers at 127.0.0.1:9"),
        ("rtsp://camera.invalid/stream", "the name camera.invalid is not known"),
        ("http://127.0.0.1:9/stream", "nothing answers at 127.0.0.1:9"),
        ("/dev/video99", "the device /dev/video99 does not work"),
    ],
)
def test_a_camera_that_can_t_be_reached_is_one_sentence_without_its_password(address: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence) as caught:
        open_source(address, "front", username="viewer", password="s3cret/word")
    shown = f"{caught.value}{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"
    assert shown.startswith("The camera front can't be reached: ")
    assert "s3cret" not in shown
    assert "viewer" not in shown


def test_a_camera_can_t_make_the_process_connect_elsewhere(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.ts")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        (tmp_path / "list.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{address}/clip.ts\n#EXT-X-ENDLIST\n"
        )
        threading.Thread(target=server.serve_forever).start()
        try:
            with pytest.raises(SourceError, match="is no video"):
                open_source(f"{address}/list.m3u8", "front")
        finally:
            server.shutdown()


def test_a_camera_that_broke_off_leaves_nothing_behind() -> None:
    def watch(address: str) -> "weakref.ref[Source]":
        source = open_source(address, "door", username=USERNAME, password=PASSWORD)
        with contextlib.suppress(SourceStopped), source:
            for _ in source:
                pass
        return weakref.ref(source)

    gc.collect()
    gc.disable()  # A cycle would keep decoder and frames until chance collects it: some megabytes a connection.
    try:
        with mjpeg_camera() as address:
            assert watch(f"{address}/short")() is None
    finally:
        gc.enable()


def test_credentials_are_escaped_for_the_address() -> None:
    assert with_credentials("rtsp://cam.local:554/a?b=c", "a b", "p@ss/w:rd") == (
        "rtsp://a%20b:p%40ss%2Fw%3Ard@cam.local:554/a?b=c"
    )
    assert with_credentials("rtsp://cam.local/a", "", "") == "rtsp://cam.local/a"


def test_leaving_early_ends_the_thread(clip: Path) -> None:
    with open_source(str(clip), "front", realtime=True, loop=True) as source:
        next(iter(source))
    thread = source._thread
    assert isinstance(source, Source)
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
