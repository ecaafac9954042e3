"""The memory of `veilsight count` on a long clip beside a short one; prints one JSON object.

Nothing may pile up while a recording is analysed: the peak of an hour may be a little above that of a minute, no more.
The hour is the given clip's packets over and over, copied without decoding.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av

MINUTE, HOUR = 60.0, 3600.0
COUNT = (sys.executable, "-m", "appliance.cli.main", "count", "--json", "--line", "middle=0.5,0.1,0.5,0.9")


def repeat(clip: Path, seconds: float, target: Path) -> int:
    """Write the clip's picture over and over until it lasts `seconds`; returns the number of frames."""
    frames = 0
    with av.open(str(target), "w", format="matroska") as output:
        with av.open(str(clip)) as source:
            stream = output.add_stream_from_template(source.streams.video[0])
            rate = source.streams.video[0].average_rate
        assert rate is not None
        while frames < seconds * rate:
            with av.open(str(clip)) as source:
                for packet in source.demux(video=0):
                    if packet.size and frames < seconds * rate:
                        packet.stream = stream
                        packet.time_base = 1 / rate
                        packet.pts = packet.dts = frames
                        packet.duration = 1
                        output.mux(packet)
                        frames += 1
    return frames


def peak(video: Path) -> tuple[int, dict[str, float]]:
    """Peak resident memory of counting the video, in bytes, and what was counted."""
    process = subprocess.Popen([*COUNT, str(video)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    counted = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"benchmarks.memory: veilsight count failed on {video.name}")
    return usage.ru_maxrss * 1024, json.loads(counted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    data = Path(os.environ.get("VEILSIGHT_EVALUATION_DATA") or Path(__file__).parents[2] / "shared" / "eval")
    parser.add_argument("clip", type=Path, nargs="?", default=data / "pets09-s2l1" / "vtest.avi")
    options = parser.parse_args()
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="veilsight-") as folder:
        for name, seconds in (("minute", MINUTE), ("hour", HOUR)):
            video = Path(folder) / f"{name}.mkv"
            frames = repeat(options.clip, seconds, video)
            memory, counted = peak(video)
            assert counted["frames"] == frames, f"{counted['frames']} of {frames} frames were analysed"
            result[name] = {"frames": frames, "peak_mb": round(memory / 1e6, 1)}
    difference = round(result["hour"]["peak_mb"] - result["minute"]["peak_mb"], 1)
    print(json.dumps({**result, "difference_mb": difference}))


if __name__ == "__main__":
    main()
