"""How long a site takes from `veilsight run` to its first redacted picture, once the networks are compiled.

    make bench-start

Prints {"first_start_seconds", "second_start_seconds"}: the first start measures and compiles the networks, the second
finds them compiled. Both times run from starting the process to holding a whole JPEG in hand. And
{"second_detection_seconds"}: from starting `veilsight detect`, once the networks are compiled, to its answer for a
picture, by all three networks.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from appliance.demo.clip import fetch_clip
from appliance.demo.show import CAMERA, cache_directory, prepare_site
from appliance.services.supervisor import start_programs
from appliance.settings import Paths, find_paths, load_settings
from appliance.vision.live import LiveClient, LiveUnavailable


def seconds_to_first_picture(paths: Paths, camera: str) -> float:
    """Seconds from starting the engine to its first JPEG; raises `TimeoutError` after two minutes."""
    begun = time.monotonic()
    with start_programs(paths, ["engine"]):
        while time.monotonic() - begun < 120:
            try:
                next(iter(LiveClient(paths.live_socket).view(camera)))
            except (LiveUnavailable, StopIteration):
                time.sleep(0.02)
            else:
                return time.monotonic() - begun
    raise TimeoutError("no picture came within two minutes")


def seconds_to_first_detection(paths: Paths, folder: Path) -> float:
    """Seconds of a whole `veilsight detect` of one grey picture."""
    picture = folder / "grey.png"
    cv2.imwrite(str(picture), np.full((576, 768, 3), 128, np.uint8))
    command = [
        sys.executable,
        "-m",
        "appliance.cli.main",
        "--state",
        str(paths.state),
        "detect",
        "--json",
        str(picture),
    ]
    begun = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clip", type=Path)
    options = parser.parse_args()
    clip = options.clip or fetch_clip(cache_directory(os.environ))
    with tempfile.TemporaryDirectory() as scratch:
        paths = find_paths(os.environ, Path(scratch))
        prepare_site(paths, load_settings(paths.settings_file), clip)
        first = seconds_to_first_picture(paths, CAMERA)
        second = seconds_to_first_picture(paths, CAMERA)
        if paths.memory:
            # Open counts outlive the engine there, which a site that is thrown away does not need.
            shutil.rmtree(paths.memory, ignore_errors=True)
        seconds_to_first_detection(paths, Path(scratch))  # Compiles what a picture of this size needs.
        detection = seconds_to_first_detection(paths, Path(scratch))
    figures = {
        "first_start_seconds": first,
        "second_start_seconds": second,
        "second_detection_seconds": detection,
    }
    print(json.dumps({name: round(seconds, 2) for name, seconds in figures.items()}))


if __name__ == "__main__":
    main()
