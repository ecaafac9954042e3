"""A camera whose cable is pulled: run in a network of its own, whose loopback interface goes down and up again.

    unshare --net --map-root-user python -m tests.real.unplugged_camera CLIP

Prints JSON: the frames taken before, what was said when they stopped coming, the frames taken after.
"""

import itertools
import json
import subprocess
import sys
from pathlib import Path

from appliance.vision.sources import SourceStopped, open_source
from tests.real.cameras import PASSWORD, USERNAME, rtsp_server

FRAMES = 5


def set_network(state: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


def main() -> None:
    set_network("up")
    with rtsp_server(Path(sys.argv[1])) as (_, address, _):
        with open_source(address, "front", username=USERNAME, password=PASSWORD) as source:
            frames = iter(source)
            before = len(list(itertools.islice(frames, FRAMES)))
            set_network("down")
            failure = ""
            try:
                list(frames)
            except SourceStopped as stopped:
                failure = str(stopped)
        set_network("up")
        with open_source(address, "front", username=USERNAME, password=PASSWORD) as source:
            after = len(list(itertools.islice(source, FRAMES)))
    print(json.dumps({"before": before, "failure": failure, "after": after}))


if __name__ == "__main__":
    main()
