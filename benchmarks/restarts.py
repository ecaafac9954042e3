"""An engine that is killed over and over while eight cameras run: when they stream again, and what was stored. JSON.

    python -m benchmarks.restarts [--minutes 11]

The engine is killed with SIGKILL each half minute and started again at once, as by the service manager; buckets are
five minutes long, so that some of them close meanwhile. Of each bucket that closed, the seconds that each camera was
observed are compared with the clock: they can't be more than the bucket is long. They lack what passed between a kill
and the cameras' return, and what was counted since the last copy of the open bucket, at most five seconds a kill.
"""

import argparse
import json
import os
import tempfile
import time
from contextlib import ExitStack
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


def observed(paths: Paths) -> list[tuple[str, str, float]]:
    """Of each stored bucket and camera the seconds that were observed."""
    site = open_site(paths)
    with reading(site.engine) as connection:
        rows = connection.exec_driver_sql(
            "SELECT bucket_start, camera, sum(value) FROM measurement WHERE measure = 'observed_seconds' GROUP BY 1, 2"
        )
        found = [(str(start), str(camera), float(seconds)) for start, camera, seconds in rows]
    site.engine.dispose()
    return found


def run(minutes: float, folder: Path) -> dict[str, Any]:
    stream = long_stream(folder, LOAD.width, LOAD.height, 60 * minutes + 120)
    paths = find_paths(os.environ, folder / "state")
    paths.state.mkdir()
    paths.settings_file.write_text(SETTINGS, encoding="utf-8")
    live, away = LiveClient(paths.live_socket), list[float]()
    with ExitStack() as stack:
        set_up(paths, LOAD, [stack.enter_context(rtsp_server(stream))[1] for _ in range(LOAD.cameras)])
        first, began = 0.0, time.monotonic()
        while time.monotonic() - began < 60 * minutes:
            with start_programs(paths, ["engine"]) as programs:
                seconds = until_all_stream(live)
                if first:
                    away.append(seconds)
                first = first or seconds
                PAUSE.wait(BETWEEN_KILLS_SECONDS)
                programs.processes["engine"].kill()
                programs.processes["engine"].wait()
        with start_programs(paths, ["engine"]):
            until_all_stream(live)
    return report(observed(paths), away, first)


def report(stored: list[tuple[str, str, float]], away: list[float], first: float) -> dict[str, Any]:
    """The first bucket began before the engine did, so it says nothing of what was lost."""
    starts = sorted({start for start, _, _ in stored})
    whole = [seconds for start, _, seconds in stored if start != starts[0]] if starts else []
    return {
        "kills": len(away) + 1,
        "seconds_to_the_first_start": round(first, 1),
        "seconds_until_all_stream_again": {"longest": round(max(away), 1), "mean": round(sum(away) / len(away), 1)},
        "buckets_stored": len(starts),
        "cameras_in_each_bucket": sorted({sum(1 for each in stored if each[0] == start) for start in starts}),
        "bucket_seconds": 60 * BUCKET_MINUTES,
        "most_observed_in_a_bucket": round(max((seconds for _, _, seconds in stored), default=0.0), 1),
        "least_observed_in_a_whole_bucket": round(min(whole), 1) if whole else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=11.0)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(parser.parse_args().minutes, Path(folder)), indent=2))


if __name__ == "__main__":
    main()
