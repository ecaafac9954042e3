"""Cameras for tests and benchmarks: clips to send, and servers on the loopback interface that send them."""

import itertools
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.frame import VideoFrame

from appliance.vision.frames import RawFrame

SERVER = Path(__file__).with_name("rtsp_server.py")
DEBIAN_PYTHON = "/usr/bin/python3"
NEEDED = "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0')"
USERNAME, PASSWORD = "viewer", "s3cret/word"
FRAME_RATE = 10
Pictures = npt.NDArray[np.int16]
ENCODERS = {"h264": "libx264", "h265": "libx265"}
ENCODER_OPTIONS = {"preset": "ultrafast", "g": "10", "bf": "0", "x265-params": "log-level=none"}


def need_gstreamer() -> None:
    """Skips where Debian's GStreamer isn't."""
    there = Path(DEBIAN_PYTHON).exists()
    if not there or subprocess.run([DEBIAN_PYTHON, "-c", NEEDED], capture_output=True, check=False).returncode:
        pytest.skip("the camera needs Debian's python3-gi and gir1.2-gst-rtsp-server-1.0 (packaging/apt-test.txt)")


@contextmanager
def rtsp_server(
    clip: Path, port: int = 0, codec: str = "h264", tls: Sequence[Path] = ()
) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """The server's process, its stream's address and its port. `tls` is a certificate and its key, in PEM."""
    command = [DEBIAN_PYTHON, str(SERVER), str(clip), "--port", str(port), "--codec", codec]
    command += ["--tls", *map(str, tls)] if tls else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdin.write(f"{PASSWORD}\n")
            server.stdin.flush()
            bound = int(server.stdout.readline())
            yield server, f"{'rtsps' if tls else 'rtsp'}://127.0.0.1:{bound}/stream", bound
        finally:
            server.kill()


def write_stream(
    path: Path, clip: Path, frames: int, codec: str = "h264", sizes: Sequence[tuple[int, int]] = ((768, 576),)
) -> Path:
    """The clip's first frames as a transport stream, `frames` of them in each of the sizes, one after the other."""
    parts = path.with_suffix(".part")
    with av.open(str(clip)) as source, path.open("wb") as whole:
        pictures = source.decode(video=0)
        for number, size in enumerate(sizes):
            _write_part(parts, itertools.islice(pictures, frames), codec, size, number * frames)
            # Transport streams can be joined end to end.
            whole.write(parts.read_bytes())
    parts.unlink()
    return path


def _write_part(path: Path, pictures: Iterator[VideoFrame], codec: str, size: tuple[int, int], first: int) -> None:
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream(ENCODERS[codec], rate=FRAME_RATE, options=dict(ENCODER_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number, picture in enumerate(pictures, first):
            resized = picture.reformat(*size, format="yuv420p")
            resized.pts, resized.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(stream.encode(resized))
        container.mux(stream.encode(None))


def read_pictures(clip: Path, frames: int) -> Pictures:
    """What a clip shows in its first frames, every eighth pixel of it."""
    with av.open(str(clip)) as container:
        pictures = [each.to_ndarray(format="bgr24") for each in itertools.islice(container.decode(video=0), frames)]
    return np.stack(pictures)[:, ::8, ::8].astype(np.int16)


def difference(frame: RawFrame, filmed: Pictures) -> float:
    """Between a frame and the picture that it resembles most, on average over its pixels, 0 to 255."""
    return float(np.abs(filmed - frame.pixels[::8, ::8]).mean((1, 2, 3)).min())
