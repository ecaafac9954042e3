"""A site whose engine watches many cameras, and what it costs; for `cameras` and `soak`.

The cameras are streams of a real RTSP server on the loopback interface (Debian's GStreamer), made from the PETS clip in
H.264 at its own ten frames a second. Somebody walks in nearly each frame, so the motion gate saves little. The servers
take their share of the same processors.
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

from appliance.services.supervisor import start_programs
from appliance.settings import Paths, find_paths
from appliance.vision.live import LiveClient, LiveUnavailable
from tests.real.cameras import FRAME_RATE, PASSWORD, USERNAME, rtsp_server, write_stream

CLIP_FRAMES = 795
CLIP_SECONDS = CLIP_FRAMES / FRAME_RATE
START_SECONDS = 180.0
MEBIBYTE = 2**20
PAUSE = threading.Event()


@dataclass(frozen=True)
class Load:
    """So many cameras of a size, analysed at a rate, and whether somebody looks at each."""

    cameras: int
    width: int
    height: int
    rate: float
    viewers: bool = False


@dataclass(frozen=True)
class Running:
    """An engine at work: its process's number, and how to ask it."""

    process: int
    live: LiveClient
    pictures: dict[str, int] = field(default_factory=dict)

    def cameras(self) -> dict[str, dict[str, Any]]:
        return {camera["name"]: camera for camera in self.live.status()["cameras"]}


def clip() -> Path:
    data = Path(os.environ.get("VEILSIGHT_EVALUATION_DATA") or Path(__file__).parents[2] / "shared" / "eval")
    return data / "pets09-s2l1" / "vtest.avi"


def long_stream(folder: Path, width: int, height: int, seconds: float) -> Path:
    """The clip in H.264 at this size, over and over for so long; encoded once, then copied."""
    once = write_stream(folder / f"once-{width}.ts", clip(), CLIP_FRAMES, sizes=((width, height),))
    if seconds <= CLIP_SECONDS:
        return once
    whole, frames = folder / f"{width}x{height}.ts", 0
    with av.open(str(whole), "w", format="mpegts") as output:
        with av.open(str(once)) as source:
            stream = output.add_stream_from_template(source.streams.video[0])
        while frames < seconds * FRAME_RATE:
            with av.open(str(once)) as source:
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.stream = stream
                        packet.pts = packet.dts = frames * 90_000 // FRAME_RATE
                        output.mux(packet)
                        frames += 1
    once.unlink()
    return whole


@contextmanager
def running(load: Load, folder: Path, seconds: float) -> Iterator[Running]:
    """The engine with this load, once every camera is analysed; its stream ends after `seconds` and begins again."""
    stream = long_stream(folder, load.width, load.height, seconds)
    paths = find_paths(os.environ, folder / "state")
    with ExitStack() as stack:
        addresses = [stack.enter_context(rtsp_server(stream))[1] for _ in range(load.cameras)]
        set_up(paths, load, addresses)
        if paths.memory:
            # Open counts outlive the engine there, which a site that is thrown away does not need.
            stack.callback(shutil.rmtree, paths.memory, ignore_errors=True)
        programs = stack.enter_context(start_programs(paths, ["engine"]))
        engine = Running(programs.processes["engine"].pid, LiveClient(paths.live_socket))
        stop = threading.Event()
        stack.callback(stop.set)
        _wait_for_pictures(engine, load.cameras)
        for name in engine.cameras() if load.viewers else ():
            threading.Thread(target=_look, args=(engine, name, stop), daemon=True).start()
        yield engine


def set_up(paths: Paths, load: Load, addresses: Sequence[str]) -> None:
    """A site with the load's cameras at these addresses."""
    command = [sys.executable, "-m", "appliance.cli.main", "--state", str(paths.state)]
    subprocess.run([*command, "setup"], check=True, capture_output=True)
    for number, address in enumerate(addresses, start=1):
        options = ["--username", USERNAME, "--password-stdin", "--rate", f"{load.rate:g}"]
        options += ["--line", "door=0.45,0.25,0.45,0.95", "--zone", "yard=0.1,0.3,0.9,0.3,0.9,0.95,0.1,0.95"]
        add = [*command, "camera", "add", f"camera-{number}", address, *options]
        subprocess.run(add, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True)


def _wait_for_pictures(engine: Running, cameras: int) -> None:
    for _ in range(int(START_SECONDS / 0.1)):
        try:
            if sum(bool(each["analysed_frames"]) for each in engine.cameras().values()) == cameras:
                return
        except LiveUnavailable:
            pass
        PAUSE.wait(0.1)
    raise TimeoutError(f"{cameras} cameras did not all stream within {START_SECONDS:g} seconds")


def _look(engine: Running, camera: str, stop: threading.Event) -> None:
    engine.pictures[camera] = 0
    for _ in engine.live.view(camera, stop):
        engine.pictures[camera] += 1


def held(process: int) -> dict[str, float]:
    """What a process holds: resident memory in MiB, threads, descriptors, and its processor seconds so far."""
    folder = Path(f"/proc/{process}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    pages = int((folder / "statm").read_text().split()[1])
    return {
        "memory_mib": round(pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE, 1),
        "threads": int(fields[17]),
        "descriptors": len(list((folder / "fd").iterdir())),
        "processor_seconds": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
    }
