"""How fast the networks are here, and how near the whole line of analysis comes to them.

Each figure stands beside the one to compare it with, taken in the same run: OpenVINO's own benchmark tool on the very
network that was compiled, and for the analysis of a recording the network alone on the same number of cores. Rounds
alternate between them, and the median of the rounds is told, so that another program at work disturbs both alike.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from appliance.errors import VeilsightError
from appliance.metrics.geometry import Line, Point
from appliance.vision.backends.interface import CompiledNetwork
from appliance.vision.backends.openvino import OpenVINONetwork
from appliance.vision.counting import count_video
from appliance.vision.detectors.letterbox import choose_size, letterbox
from appliance.vision.inference import Network
from appliance.vision.runtime import Detectors, LoadedNetwork
from appliance.vision.sources import open_source
from appliance.vision.tuning import measure

ROUNDS = 3
WARM_UP_PICTURES = 5
DEADLINE_SECONDS = 120.0
PERCENTILES = {"median": 50, "95th percentile": 95, "99th percentile": 99}
# The tool is run without what would report its import over the network (see `appliance.vision`).
TOOL = "import appliance.vision, sys; from openvino.tools.benchmark.main import main; sys.exit(main())"
TOOL_SECONDS_MORE = 60

Progress = Callable[[str], None]


class BenchmarkFailed(VeilsightError):
    """A speed can't be measured."""


def benchmark(
    detectors: Detectors, clip: Path | None, seconds: float, progress: Progress = lambda _line: None
) -> dict[str, Any]:
    """All figures, JSON-able. `seconds` is the length of one measurement; `clip` a recording to analyse.

    Raises `BenchmarkFailed`, and what keeps a network from running.
    """
    picture = first_picture(clip) if clip else np.random.default_rng(0).integers(0, 256, (576, 768, 3), np.uint8)
    networks = []
    for loaded in detectors.loaded:
        progress(f"{loaded.network.entry.name}: the network alone")
        networks.append(network_figures(loaded, picture, seconds))
    result: dict[str, Any] = {
        "picture": {"width": int(picture.shape[1]), "height": int(picture.shape[0])},
        "networks": networks,
    }
    people = next((each for each in detectors.loaded if each.network.entry.task == "people-vehicles"), None)
    if clip and people:
        progress(f"{clip.name}: decoded, detected, tracked, counted")
        result["pipeline"] = pipeline_figures(people.network, clip, picture, seconds)
    return result


def first_picture(clip: Path) -> NDArray[np.uint8]:
    with open_source(str(clip), clip.name) as source:
        frame = next(iter(source), None)
    if frame is None:
        raise BenchmarkFailed(f"{clip} holds no picture; name another recording.")
    return frame.pixels


def network_figures(loaded: LoadedNetwork, picture: NDArray[np.uint8], seconds: float) -> dict[str, Any]:
    """One network as it is used, for the size that it takes for the picture."""
    network, in_use = loaded.network, loaded.in_use()
    size = size_for(network, picture)
    compiled = network.compiled(size)
    alone, tool, asked = [], [], []
    for _ in range(ROUNDS):
        alone.append(measure(compiled, random_input(size), seconds))
        if isinstance(compiled, OpenVINONetwork):
            tool.append(benchmark_tool(compiled, seconds))
        asked.append(throughput_asked(network, picture, seconds, compiled.streams + 2))
    return {
        "network": in_use.name,
        "place": in_use.place,
        "precision": compiled.precision,
        "streams": compiled.streams,
        "input": f"{size[0]}x{size[1]}",
        "pictures_per_second": round(statistics.median(asked), 1),
        "network_alone_per_second": round(statistics.median(alone), 1),
        "benchmark_tool_per_second": round(statistics.median(tool), 1) if tool else None,
        "latency_ms": latencies(lambda: run_once(network, picture), seconds),
        "precisions_per_second": precision_figures(loaded, size, seconds),
        "scaling_ms": scaling_figures(network, compiled, picture, seconds),
        "tried": [
            {
                "precision": ("INT8 and " if speed.quantised else "") + (speed.precision or "the device's own"),
                "streams": speed.streams,
                "colours_changed": f"in the {speed.conversion}" if speed.conversion == "graph" else "before",
                "pictures_per_second": speed.pictures_per_second,
            }
            for speed in in_use.speeds
        ],
    }


def precision_figures(loaded: LoadedNetwork, size: tuple[int, int], seconds: float) -> dict[str, float]:
    """Pictures a second in each precision, with the number of streams that suits it best; rounds as everywhere."""
    if loaded.compile_as is None:
        return {}
    networks = [(choice, loaded.compile_as(size, choice)) for choice in loaded.choices]
    found: dict[str, dict[int, list[float]]] = {}
    for _ in range(ROUNDS):
        for choice, compiled in networks:
            name = compiled.precision
            found.setdefault(name, {}).setdefault(choice.streams, []).append(
                measure(compiled, random_input(size), seconds / 2)
            )
    return {
        name: round(max(statistics.median(speeds) for speeds in by_streams.values()), 1)
        for name, by_streams in found.items()
    }


def scaling_figures(
    network: Network, compiled: CompiledNetwork, picture: NDArray[np.uint8], seconds: float
) -> dict[str, float] | None:
    """Median milliseconds of one picture, scaled before the network as we do, and scaled inside its graph."""
    if not isinstance(compiled, OpenVINONetwork):
        return None
    expected, size = network.entry.input, size_for(network, picture)
    model = compiled.make_model((picture.shape[1], picture.shape[0]))
    inside = ov.Core().compile_model(model, compiled.executes_on, dict(compiled.properties)).create_infer_request()
    before = compiled.session()

    def scale_before() -> None:
        before.run(letterbox(picture, size, expected.largest_scale)[0])

    def scale_inside() -> None:
        inside.infer([ov.Tensor(picture[np.newaxis], shared_memory=True)])

    return {
        "before": latencies(scale_before, seconds)["median"],
        "inside": latencies(scale_inside, seconds)["median"],
    }


def pipeline_figures(network: Network, clip: Path, picture: NDArray[np.uint8], seconds: float) -> dict[str, Any]:
    """The analysis of the whole clip beside the network alone; times are those of one frame."""
    size = size_for(network, picture)
    compiled, lines = network.compiled(size), (Line("middle", Point(0.5, 0.1), Point(0.5, 0.9)),)
    analysed, alone = [], []
    for _ in range(ROUNDS):
        alone.append(measure(compiled, random_input(size), seconds))
        counts = count_video(clip, network, lines, ())
        alone.append(measure(compiled, random_input(size), seconds))
        analysed.append(counts.frames_per_second)
    frames_per_second, inference = statistics.median(analysed), statistics.median(alone)
    return {
        "clip": clip.name,
        "frames": counts.frames,
        "frames_per_second": round(frames_per_second, 1),
        "network_alone_per_second": round(inference, 1),
        "part_of_what_inference_allows": round(frames_per_second / inference, 3),
        "added_ms_per_frame": round(1000 / frames_per_second - 1000 / inference, 2),
    }


def size_for(network: Network, picture: NDArray[np.uint8]) -> tuple[int, int]:
    expected = network.entry.input
    return choose_size(expected.sizes, picture.shape[1], picture.shape[0], expected.largest_scale)


def random_input(size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (1, size[1], size[0], 3), np.uint8)


def run_once(network: Network, picture: NDArray[np.uint8]) -> None:
    network.start(picture).result(DEADLINE_SECONDS)


def latencies(run: Callable[[], None], seconds: float) -> dict[str, float]:
    """Milliseconds from handing a picture over to its detections, one picture at a time."""
    for _ in range(WARM_UP_PICTURES):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < WARM_UP_PICTURES:
        began = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - began))
    return {name: round(float(np.percentile(times, part)), 2) for name, part in PERCENTILES.items()}


def throughput_asked(network: Network, picture: NDArray[np.uint8], seconds: float, at_once: int) -> float:
    """Pictures a second through everything around the network: placing, queue, reading the outputs."""
    waiting = deque(network.start(picture) for _ in range(at_once))
    done, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        waiting.popleft().result(DEADLINE_SECONDS)
        waiting.append(network.start(picture))
        done += 1
    elapsed = time.perf_counter() - began
    for pending in waiting:
        pending.result(DEADLINE_SECONDS)
    return done / elapsed


def benchmark_tool(network: OpenVINONetwork, seconds: float) -> float:
    """Pictures a second that OpenVINO's benchmark_app measures for this network, compiled alike, with as many requests.

    The tool refuses a network that is compiled already, so it gets the graph and the properties.
    """
    device = network.executes_on
    with tempfile.TemporaryDirectory(prefix="veilsight-") as folder:
        model, configuration = Path(folder) / "network.xml", Path(folder) / "properties.json"
        ov.save_model(network.make_model(), model, compress_to_fp16=False)
        configuration.write_text(json.dumps({device: dict(network.properties)}), encoding="utf-8")
        command = [sys.executable, "-c", TOOL, "-m", str(model), "-d", device, "-load_config", str(configuration)]
        command += ["-hint", "none", "-nireq", str(network.streams + 1), "-t", str(max(1, round(seconds)))]
        return run_tool([*command, "-api", "async"], seconds + TOOL_SECONDS_MORE)


def run_tool(command: Sequence[str], limit_seconds: float) -> float:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkFailed("OpenVINO's benchmark tool did not end.") from error
    found = re.search(r"Throughput:\s*([0-9.]+)\s*FPS", done.stdout)
    if found is None:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise BenchmarkFailed(f"OpenVINO's benchmark tool gave no figure ({lines[-1] if lines else 'no output'}).")
    return float(found.group(1))
