"""Frames a second of `veilsight redact` and of deface, as whole commands on the same files, one after the other."""

import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from appliance.settings import Paths
from appliance.vision.sources import open_source
from benchmarks import deface_runs as deface

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "bench"
# The part of the PETS clip's frame that is enlarged 2.5 times to 1920 x 1080: 768 x 432 from this row on.
FIRST_ROW = 20
LARGE_FRAMES = 150


def large_clip(clip: Path) -> Path:
    """The beginning of the clip as H.264 in 1080p; made once."""
    target = CACHE / f"pets-1080p-{LARGE_FRAMES}.mp4"
    if target.is_file():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    partial = target.with_name("partial.mp4")
    with open_source(str(clip), clip.name) as source, av.open(str(partial), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "medium", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number, frame in zip(range(LARGE_FRAMES), source, strict=False):
            part = np.ascontiguousarray(frame.pixels[FIRST_ROW : FIRST_ROW + 432])
            enlarged = np.asarray(cv2.resize(part, (1920, 1080), interpolation=cv2.INTER_CUBIC), np.uint8)
            picture = av.VideoFrame.from_ndarray(enlarged, format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return partial.replace(target)


def count_frames(clip: Path) -> int:
    with av.open(str(clip)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def redact_speed(clip: Path, frames: int, paths: Paths) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state), "redact"]
        command += [str(clip), str(Path(scratch) / "out.mp4")]
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return frames / (time.perf_counter() - began)


def measure_speed(clip: Path, paths: Paths, repeats: int) -> dict[str, object]:
    """Of each clip: frames, frames a second of each program (the best of `repeats`, in turns), and their ratio."""
    result: dict[str, object] = {}
    for name, path in (("pets", clip), ("pets_1080p", large_clip(clip))):
        frames = count_frames(path)
        ours = theirs = 0.0
        for _ in range(repeats):
            ours = max(ours, redact_speed(path, frames, paths))
            theirs = max(theirs, deface.frames_per_second(path, frames)) if deface.is_installed() else 0.0
        told = {"frames": frames, "veilsight": round(ours, 1)}
        result[name] = told | ({"deface": round(theirs, 1), "times": round(ours / theirs, 1)} if theirs else {})
    return result
