"""A camera whose packets the network loses: run in a network of its own.

    unshare --net --map-root-user python -m tests.real.lossy_camera STREAM loss PERCENT CLIP FRAMES
    unshare --net --map-root-user python -m tests.real.lossy_camera STREAM silence TRANSPORT

`loss` watches STREAM over UDP, of which so many packets are dropped at random, until it ends. It prints JSON: for each
frame its size, whether it differs from each of CLIP's first FRAMES pictures, and whether it is said to be damaged.
`silence` drops all packets, or over UDP all that carry pictures, while the connection stays open, and lets them through
again later. It prints JSON: the states that were seen meanwhile, what was said, how many frames came before and after,
and how many seconds after the packets the first frame was back.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

from appliance.vision.pipeline import CameraSource
from appliance.vision.sources import SourceStopped, Transport, open_source
from tests.real.cameras import PASSWORD, USERNAME, difference, read_pictures, rtsp_server
from tests.real.network import connect, lose, lose_nothing
from tests.real.watching import Watched


def watch_with_loss(stream: Path, percent: int, clip: Path, frames: int) -> list[dict[str, object]]:
    filmed, seen = read_pictures(clip, frames), list[dict[str, object]]()
    with rtsp_server(stream) as (_, address, _):
        lose("udp", percent)
        with (
            open_source(address, "front", username=USERNAME, password=PASSWORD, transport="udp") as source,
            contextlib.suppress(SourceStopped),
        ):
            for frame in source:
                spoilt = frame.pixels.shape != (576, 768, 3) or difference(frame, filmed) > 5
                seen.append({"size": [frame.width, frame.height], "spoilt": spoilt, "damaged": frame.damaged})
    return seen


def watch_silence(stream: Path, transport: Transport) -> dict[str, object]:
    with rtsp_server(stream) as (_, address, _):
        camera = CameraSource("front", address, USERNAME, PASSWORD, transport=transport)
        with Watched(camera) as watched:
            watched.wait_for_frames()
            before = len(watched.sizes)
            lose("udp" if transport == "udp" else "everything")
            states = [watched.wait_for_state("stalled", "failed"), watched.wait_for_state("failed")]
            said = watched.status.last_error
            lose_nothing()
            began = time.monotonic()
            watched.wait_for_frames(1)
            seconds = time.monotonic() - began
            watched.wait_for_frames()
            states.append(watched.wait_for_state("streaming"))
            after = len(watched.sizes) - before
    return {"states": states, "said": said, "before": before, "after": after, "seconds": round(seconds, 2)}


def main() -> None:
    stream, scenario = Path(sys.argv[1]), sys.argv[2]
    connect()
    if scenario == "loss":
        seen: object = watch_with_loss(stream, int(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
    else:
        seen = watch_silence(stream, "udp" if sys.argv[3] == "udp" else "tcp")
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
