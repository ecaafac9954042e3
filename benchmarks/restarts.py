"""An engine that is killed over and over while eight cameras run: when they stream again, and what was stored. JSON.

    python -m benchmarks.restarts [--minutes 11]

The engine is killed with SIGKILL each half minute and started again at once, as by the service manager. Buckets are
five minutes long, so that some of them close meanwhile. Of each bucket that was stored, the seconds that a camera was
observed are put beside those in which, by the benchmark's clock, all cameras streamed. What was doubled would make them
many more; what was counted since the last copy of the open bucket, at most five seconds a kill, makes them fewer.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.services.supervisor import start_programs
from appliance.settings import Paths, find_paths
from appliance.storage.database import reading
from appliance.storage.site import open_site
from appliance.vision.live import LiveClient, LiveUnavailable
from benchmarks.camera_load import PAUSE, Load, long_stream, set_up
from tests.real.cameras import rtsp_server

LOAD = Load(8, 384, 288, 2.0)
BUCKET_MINUTES = 5
BETWEEN_KILLS_SECONDS = 30.0
LONGEST_SECONDS = 120.0
SETTINGS = f"""\
[analysis]
bucket_minutes = {BUCKET_MINUTES}
[anonymity]
mode = "off"
reason = "The benchmark compares exact numbers."
"""


def until_all_stream(live: LiveClient) -> float:
    """Seconds until every camera of the load streams and is analysed."""
    began = time.monotonic()
    while time.monotonic() - began < LONGEST_SECONDS:
        try:
            cameras = live.status()["cameras"]
        except LiveUnavailable:
            cameras = []
        if sum(each["state"] == "streaming" and each["analysed_frames"] > 0 for each in cameras) == LOAD.cameras:
            return time.monotonic() - began
        PAUSE.wait(0.02)
    raise TimeoutError(f"{LOAD.cameras} cameras did not all stream within {LONGEST_SECONDS:g} seconds")


def observed(paths: Paths) -> list[tuple[float, float]]:
    """Of each stored bucket and camera: when the bucket began (seconds since 1970), and the seconds observed."""
    site = open_site(paths)
    with reading(site.engine) as connection:
        rows = connection.exec_driver_sql(
            "SELECT bucket_start, sum(value) FROM measurement WHERE measure = 'observed_seconds' "
            "GROUP BY bucket_start, camera"
        )
        found = [(float(start), float(seconds)) for start, seconds in rows]
    site.engine.dispose()
    return found


def run(minutes: float, folder: Path) -> dict[str, Any]:
    stream = long_stream(folder, LOAD.width, LOAD.height, 60 * minutes + 120)
    paths = find_paths(os.environ, folder / "state")
    paths.state.mkdir()
    paths.settings_file.write_text(SETTINGS, encoding="utf-8")
    live, away, watched = LiveClient(paths.live_socket), list[float](), list[tuple[float, float]]()
    with ExitStack() as stack:
        set_up(paths, LOAD, [stack.enter_context(rtsp_server(stream))[1] for _ in range(LOAD.cameras)])
        if paths.memory:
            stack.callback(shutil.rmtree, paths.memory, ignore_errors=True)
        began = time.time()
        while time.time() - began < 60 * minutes:
            with start_programs(paths, ["engine"]) as programs:
                away.append(until_all_stream(live))
                since = time.time()
                PAUSE.wait(BETWEEN_KILLS_SECONDS)
                programs.processes["engine"].kill()
                programs.processes["engine"].wait()
                watched.append((since, time.time()))
        with start_programs(paths, ["engine"]):
            until_all_stream(live)
    first, *again = away
    return {
        "kills": len(watched),
        "seconds_to_the_first_start": round(first, 1),
        "seconds_until_all_stream_again": {"longest": round(max(again), 1), "mean": round(sum(again) / len(again), 1)},
        "buckets": report(observed(paths), watched),
    }


def report(stored: list[tuple[float, float]], watched: list[tuple[float, float]]) -> list[dict[str, Any]]:
    """The buckets that were stored, with the seconds in which all cameras streamed."""
    buckets = []
    for begin in sorted({begin for begin, _ in stored}):
        end = begin + 60 * BUCKET_MINUTES
        seconds = [value for start, value in stored if start == begin]
        buckets.append(
            {
                "start": f"{datetime.fromtimestamp(begin, UTC):%H:%M}",
                "cameras": len(seconds),
                "kills": sum(begin <= killed < end for _, killed in watched),
                "watched_seconds": round(sum(max(0.0, min(end, b) - max(begin, a)) for a, b in watched), 1),
                "observed_seconds": {"least": round(min(seconds), 1), "most": round(max(seconds), 1)},
            }
        )
    return buckets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=11.0)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(parser.parse_args().minutes, Path(folder)), indent=2))


if __name__ == "__main__":
    main()
