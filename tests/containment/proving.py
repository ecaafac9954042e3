"""The part of `make prove-containment` without networks, in a network of its own: `proving.py FOLDER`.

Prints problems and facts as JSON.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.containment.pattern import random_pattern, write_clip
from benchmarks.containment.prove import watch
from benchmarks.containment.site import camera

PATTERN = random_pattern(1123)
FRAMES = 30


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = Path(sys.argv[1])
    clip, models = folder / "pattern.mp4", folder / "no-networks"
    models.mkdir()
    write_clip(clip, FRAMES, PATTERN.picture)
    present = [camera("covered", clip)]
    part = watch(
        "networks missing", folder / "site", models, present, ["covered"], PATTERN, 2.0, upload=clip, search=True
    )
    print(json.dumps({"problems": part.problems, "facts": part.facts}))


if __name__ == "__main__":
    main()
