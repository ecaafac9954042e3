"""Many cameras on one machine: rates, delays and memory. Prints JSON.

    python -m benchmarks.cameras [--seconds 45]

Two cameras of 768x576 at ten analysed frames a second with somebody who looks at each, then eight of 720p at five, the
same with somebody who looks at each, and more than two processors can do: are all cameras analysed as often as any? The
delays are of the last minute, in milliseconds from a frame's arrival; see `camera_load` for the cameras.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.camera_load import PAUSE, Load, held, running

LOADS = {
    "two_with_viewers": Load(2, 768, 576, 10.0, viewers=True),
    "eight_of_720p": Load(8, 1280, 720, 5.0),
    "eight_with_viewers": Load(8, 1280, 720, 5.0, viewers=True),
    "too_many": Load(16, 1280, 720, 10.0),
}
SETTLE_SECONDS = 15.0


def measure(load: Load, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, running(load, Path(folder), seconds + 120) as engine:
        PAUSE.wait(SETTLE_SECONDS)
        before, shown, spent = engine.cameras(), dict(engine.pictures), held(engine.process)["processor_seconds"]
        began, busy = time.monotonic(), _busy_seconds()
        most = 0.0
        while time.monotonic() - began < seconds:
            PAUSE.wait(1.0)
            most = max(most, held(engine.process)["memory_mib"])
        elapsed, after = time.monotonic() - began, engine.cameras()
        now = held(engine.process)
        rates = [(after[name]["analysed_frames"] - before[name]["analysed_frames"]) / elapsed for name in after]
        result = {
            "cameras": load.cameras,
            "size": f"{load.width}x{load.height}",
            "target_rate": load.rate,
            "lowest_analysed_rate": round(min(rates), 2),
            "highest_analysed_rate": round(max(rates), 2),
            "input_rate": min(camera["input_rate"] for camera in after.values()),
            "to_count_ms": _worst(after, "delay_to_count"),
            "dropped_frames": sum(after[name]["dropped_frames"] - before[name]["dropped_frames"] for name in after),
            "reconnects": sum(after[name]["reconnects"] - before[name]["reconnects"] for name in after),
            "memory_mib": most,
            "threads": now["threads"],
            "descriptors": now["descriptors"],
            "engine_processors": round((now["processor_seconds"] - spent) / elapsed, 2),
            "all_processors_busy": round((_busy_seconds() - busy) / elapsed, 2),
        }
        if load.viewers:
            result["to_picture_ms"] = _worst(after, "delay_to_picture")
            result["pictures_a_second"] = round(min(engine.pictures[each] - shown[each] for each in shown) / elapsed, 2)
        return result


def _worst(cameras: dict[str, dict[str, Any]], delay: str) -> dict[str, float]:
    """Each percentile of the camera for which it is longest, in milliseconds."""
    known = [camera[delay] for camera in cameras.values() if camera[delay]]
    return {name: round(1000 * max(each[name] for each in known), 1) for name in ("p50", "p95", "p99")} if known else {}


def _busy_seconds() -> float:
    """Processor seconds that anything on this machine has spent so far."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", choices=LOADS)
    options = parser.parse_args()
    wanted = {name: load for name, load in LOADS.items() if options.only in (None, name)}
    result: dict[str, Any] = {"processors": os.cpu_count()}
    result |= {name: measure(load, options.seconds) for name, load in wanted.items()}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
