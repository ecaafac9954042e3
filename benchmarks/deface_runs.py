"""deface (https://github.com/ORB-HD/deface) on the same files, in an environment of its own."""

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ground_truth import Boxes

FOLDER = Path(__file__).resolve().parent
ENVIRONMENT = FOLDER.parent / ".cache" / "deface"
# The encoder's settings that `veilsight redact` uses; deface's own default takes longer.
ENCODING = {"codec": "libx264", "quality": None, "output_params": ["-preset", "superfast", "-crf", "20"]}


def is_installed() -> bool:
    return (ENVIRONMENT / "bin" / "deface").is_file()


def frames_per_second(clip: Path, frames: int) -> float:
    """Of the plain command on the CPU, from start to end."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(ENVIRONMENT / "bin" / "deface"), str(clip), "--output", str(Path(scratch) / "out.mp4")]
        command += ["--backend", "onnxrt", "--execution-provider", "CPUExecutionProvider"]
        command += ["--ffmpeg-config", json.dumps(ENCODING)]
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return frames / (time.perf_counter() - began)


def boxes(pictures: Sequence[Path], every: int = 1) -> list[Boxes]:
    """What deface covers in each image, or in every `every`-th frame of a video."""
    command = [
        str(ENVIRONMENT / "bin" / "python"),
        "-P",
        str(FOLDER / "deface_boxes.py"),
        str(every),
        *map(str, pictures),
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: list[Boxes] = json.loads(told.splitlines()[-1])
    return found
