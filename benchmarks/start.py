"""How long a site takes from `veilsight run` to its first redacted picture, once the networks are compiled.

    make bench-start

Prints {"first_start_seconds", "second_start_seconds"}: the first start compiles the networks, the second finds them
compiled. Both times run from starting the process to holding a whole JPEG in hand.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

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
    print(json.dumps({"first_start_seconds": round(first, 2), "second_start_seconds": round(second, 2)}))


if __name__ == "__main__":
    main()
