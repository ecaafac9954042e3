"""The load of eight cameras for hours: memory, descriptors and rates over time. Prints a JSON object a line.

    python -m benchmarks.soak --hours 1

The first line is what was asked for, then comes one each minute, the last one sums up. A camera's stream is ten minutes
long; when it ends, the camera is lost and found again, as by a restart of the camera.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.camera_load import PAUSE, held, running
from benchmarks.cameras import LOADS

STREAM_SECONDS = 600.0
SAMPLE_SECONDS = 60.0
# Memory is compared from here on: before, networks are compiled and buffers grow to their size.
WARM_SECONDS = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    options = parser.parse_args()
    load, samples = LOADS["eight_of_720p"], list[dict[str, Any]]()
    print(json.dumps({"hours": options.hours, "cameras": load.cameras, "target_rate": load.rate}), flush=True)
    with tempfile.TemporaryDirectory() as folder, running(load, Path(folder), STREAM_SECONDS) as engine:
        began, before, last = time.monotonic(), engine.cameras(), time.monotonic()
        while time.monotonic() - began < 3600 * options.hours:
            PAUSE.wait(SAMPLE_SECONDS)
            now, after, holds = time.monotonic(), engine.cameras(), held(engine.process)
            analysed = [after[name]["analysed_frames"] - before[name]["analysed_frames"] for name in after]
            delays = [camera["delay_to_count"]["p95"] for camera in after.values() if camera["delay_to_count"]]
            samples.append(
                {
                    "minute": round((now - began) / 60, 1),
                    "lowest_rate": round(min(analysed) / (now - last), 2),
                    "mean_rate": round(sum(analysed) / len(analysed) / (now - last), 2),
                    "to_count_p95_ms": round(1000 * max(delays), 1) if delays else None,
                    "reconnects": sum(camera["reconnects"] for camera in after.values()),
                    "not_streaming": sum(camera["state"] != "streaming" for camera in after.values()),
                    **{name: holds[name] for name in ("memory_mib", "descriptors", "threads")},
                }
            )
            print(json.dumps(samples[-1]), flush=True)
            before, last = after, now
    print(json.dumps(summary(samples)))


def summary(samples: list[dict[str, Any]]) -> dict[str, Any]:
    warm = [each for each in samples if 60 * each["minute"] >= WARM_SECONDS] or samples
    delays = [each["to_count_p95_ms"] for each in warm if each["to_count_p95_ms"] is not None]
    return {
        "minutes": samples[-1]["minute"],
        "lowest_rate": min(each["lowest_rate"] for each in warm),
        "mean_rate": round(sum(each["mean_rate"] for each in warm) / len(warm), 2),
        "to_count_p95_ms": max(delays, default=None),
        "reconnects": samples[-1]["reconnects"],
        **{
            name: {"first": warm[0][name], "last": warm[-1][name], "most": max(each[name] for each in warm)}
            for name in ("memory_mib", "descriptors", "threads")
        },
    }


if __name__ == "__main__":
    main()
