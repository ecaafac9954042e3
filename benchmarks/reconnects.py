"""Cameras that are lost and come back, by the hundred: what stays behind in the process. Prints JSON.

    python -m benchmarks.reconnects [RECONNECTS]

A real RTSP server on the loopback interface is killed and started again ten times; in between, connections are made,
give three frames and are closed, half of them over TCP, half over UDP. Then a camera is watched, as the engine watches
it, while its server is killed and started again ten times: frames are back so many seconds after the server. Needs
Debian's GStreamer (packaging/apt-test.txt).
"""

import gc
import itertools
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from appliance.vision.pipeline import CameraSource
from appliance.vision.sources import SourceError, Transport, open_source
from tests.real.cameras import PASSWORD, USERNAME, rtsp_server, write_stream
from tests.real.watching import Watched

RECONNECTS = 200
RESTARTS = 10
WARM = 10
FRAMES = 3
MEBIBYTE = 2**20


def held() -> dict[str, float]:
    """What the process holds: threads, open files, sockets among them, resident memory in MiB."""
    gc.collect()
    files = list(Path("/proc/self/fd").iterdir())
    targets = [str(each.readlink()) for each in files if each.is_symlink()]
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "threads": threading.active_count(),
        "system_threads": len(list(Path("/proc/self/task").iterdir())),
        "descriptors": len(targets),
        "sockets": sum(target.startswith("socket:") for target in targets),
        "memory_mib": round(pages * 4096 / MEBIBYTE, 1),
    }


def connect(address: str, transport: Transport) -> float:
    """Seconds from the connection's begin to its third frame."""
    began = time.monotonic()
    with open_source(address, "bench", username=USERNAME, password=PASSWORD, transport=transport) as source:
        assert len(list(itertools.islice(source, FRAMES))) == FRAMES
    return time.monotonic() - began


def after_restart(address: str) -> float:
    """Seconds until frames flow from a server that has just been started, trying again as often as it refuses."""
    began = time.monotonic()
    while True:
        try:
            connect(address, "tcp")
        except SourceError:
            continue
        return time.monotonic() - began


def watched_again(stream: Path) -> list[float]:
    """Seconds from each start of the server to the first frame of a camera that is watched all the while."""
    seconds = []
    with ExitStack() as stack:
        server, address, port = stack.enter_context(rtsp_server(stream))
        watched = stack.enter_context(Watched(CameraSource("bench", address, USERNAME, PASSWORD)))
        for _ in range(RESTARTS):
            watched.wait_for_frames()
            server.kill()
            server.wait()
            watched.wait_for_state("failed", "connecting")
            server, _, _ = stack.enter_context(rtsp_server(stream, port))
            began = time.monotonic()
            watched.wait_for_frames(1)
            seconds.append(time.monotonic() - began)
    return seconds


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else RECONNECTS
    data = Path(os.environ.get("VEILSIGHT_EVALUATION_DATA") or Path(__file__).parents[2] / "shared" / "eval")
    transports: tuple[Transport, ...] = ("tcp", "udp")
    seconds, restarts, early, late, port = [], [], {}, {}, 0
    with tempfile.TemporaryDirectory() as directory:
        stream = write_stream(Path(directory) / "clip.ts", data / "pets09-s2l1" / "vtest.avi", 60)
        done = 0
        for part in range(RESTARTS):
            with rtsp_server(stream, port) as (_, address, port):
                restarts.append(after_restart(address))
                done += 1
                while done < wanted * (part + 1) // RESTARTS:
                    seconds.append(connect(address, transports[done % 2]))
                    done += 1
                    if done == WARM:
                        early = held()
                late = held()
        back = watched_again(stream)
    result = {
        "reconnects": done,
        "server_restarts": RESTARTS,
        "seconds_to_third_frame": {
            "median": round(statistics.median(seconds), 2),
            "longest": round(max(seconds), 2),
            "longest_after_restart": round(max(restarts), 2),
        },
        "watched_again_after_restart": {"median": round(statistics.median(back), 2), "longest": round(max(back), 2)},
        f"after_{WARM}": early,
        f"after_{done}": late,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
