"""Everything that can go wrong with a network, as detectors that do it; and clips that are damaged or change size."""

import math
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from appliance.vision.backends.interface import DeviceFailed, Outputs, Place
from appliance.vision.catalogue import TASKS, Task, load_catalogue
from appliance.vision.detections import Detection
from appliance.vision.families import FAMILIES
from appliance.vision.inference import Candidate, InferenceFailed, Network
from appliance.vision.runtime import Detectors, load_detectors
from tests.vision.scripted import Picture, Refusing, Scripted, detectors, found

WIDTH, HEIGHT, RATE = 96, 64, 10


@dataclass(frozen=True)
class BrokenDevice:
    """A device that takes every network and then does as `run` says; the network on it is the product's own."""

    run: Callable[[Picture], Outputs]
    executes_on: str = "CPU"
    precision: str = "FP32"
    streams: int = 1

    def session(self) -> "BrokenDevice":
        return self


def on_a_broken_device(task: Task, run: Callable[[tuple[tuple[int, ...], ...]], Outputs]) -> Detectors:
    """The task's network on a device that gives what `run` makes of the shapes that are expected."""
    entry = load_catalogue().for_task(task)
    assert entry is not None
    family = FAMILIES[entry.family]

    def compile_for(size: tuple[int, int]) -> BrokenDevice:
        return BrokenDevice(lambda _picture: run(family.output_shapes(*size)))

    candidate = Candidate(Place("OpenVINO", "CPU", "CPU"), compile_for)
    return _one(task, Network(entry, family, [candidate], stuck_seconds=0.05))


def _zeros(shapes: tuple[tuple[int, ...], ...], value: float = 0.0) -> Outputs:
    return tuple(np.full(shape, value, np.float32) for shape in shapes)


def _lost(_shapes: tuple[tuple[int, ...], ...]) -> Outputs:
    raise DeviceFailed("The device was lost.")


def _out_of_memory(_shapes: tuple[tuple[int, ...], ...]) -> Outputs:
    raise MemoryError


@dataclass
class Hanging:
    """A detector that never answers."""

    never: threading.Event = field(default_factory=threading.Event)

    def start(self, image: Picture, owner: str = "", largest_scale: float = math.inf) -> "Hanging":  # noqa: ARG002
        return self

    def result(self, deadline_seconds: float) -> tuple[Detection, ...]:
        self.never.wait(min(deadline_seconds, 0.05))
        raise InferenceFailed("The network gave no result in time.")


def raising(error: Exception) -> Scripted:
    return Scripted(lambda *_: error)


class LostOnStart(Refusing):
    """The device is lost before it takes a picture."""


def _one(task: Task, broken: object) -> Detectors:
    return detectors(**{task.replace("-", "_"): broken})  # type: ignore[arg-type]


BREAKING: dict[str, Callable[[Task], Detectors]] = {
    "missing": lambda task: detectors(missing=[task]),
    "lost before it starts": lambda task: _one(task, LostOnStart()),
    "lost while it runs": lambda task: _one(task, raising(InferenceFailed("The device failed (device lost)."))),
    "raises": lambda task: _one(task, raising(ValueError("operands could not be broadcast"))),
    "out of memory": lambda task: _one(task, raising(MemoryError())),
    "wrong shape": lambda task: _one(task, raising(InferenceFailed("The output has the wrong shape."))),
    "score is no number": lambda task: _one(
        task, Scripted(lambda *_: [found("face" if task == "faces" else "person", 10, 10, 30, 50, score=math.nan)])
    ),
    "device is lost": lambda task: on_a_broken_device(task, _lost),
    "device is out of memory": lambda task: on_a_broken_device(task, _out_of_memory),
    "device gives other shapes": lambda task: on_a_broken_device(task, lambda shapes: _zeros(((1, 2, 3), *shapes[1:]))),
    "device gives too few outputs": lambda task: on_a_broken_device(task, lambda shapes: _zeros(shapes)[1:]),
    "device gives no numbers": lambda task: on_a_broken_device(task, lambda shapes: _zeros(shapes, math.nan)),
    "device gives infinite numbers": lambda task: on_a_broken_device(task, lambda shapes: _zeros(shapes, math.inf)),
    "box is no number": lambda task: _one(task, Scripted(lambda *_: [found("person", math.nan, 10, 30, 50)])),
    "box is inside out": lambda task: _one(task, Scripted(lambda *_: [found("person", 60, 10, 30, 50)])),
    "hangs": lambda task: _one(task, Hanging()),
}
FAULTS = [(fault, task) for fault in BREAKING for task in TASKS]


def with_a_changed_network(models: Path, folder: Path, task: Task) -> Detectors:
    """The real networks, but one byte of this task's file is another, so that its checksum is wrong."""
    copy = folder / "models"
    shutil.copytree(models, copy)
    entry = load_catalogue().for_task(task)
    assert entry is not None
    for path in copy.glob(f"{entry.name}*"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    return load_detectors(copy, folder / "compiled", ("CPU",), load_catalogue())


def noise_clip(path: Path, seed: int, frames: int = 6, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """A clip of pictures of noise, every one a key frame."""
    generator = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "10", "bf": "0", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            picture = generator.integers(0, 256, (size[1], size[0], 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def clip_that_changes_size(path: Path, seed: int) -> Path:
    """Six frames of one size, then six of another, as cameras send when somebody changes their settings."""
    parts = [noise_clip(path.with_name(f"{path.stem}-{size[0]}.ts"), seed, 6, size) for size in ((96, 64), (128, 96))]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


def clip_with_damage(path: Path, seed: int) -> Path:
    """A clip with one key frame at its beginning, and zeros in the middle of a later picture."""
    generator = np.random.default_rng(seed)
    still = generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=RATE, options={"crf": "4", "bf": "0", "g": "12", "sc_threshold": "0"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(np.roll(still, 7 * number, axis=1), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    position, size = places[4]
    content[position + size // 3 : position + size // 2] = bytes(size // 2 - size // 3)
    path.write_bytes(content)
    return path
