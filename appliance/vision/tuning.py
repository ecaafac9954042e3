"""How a network is compiled for a device: found by a short measurement, and remembered.

What a device takes by itself is not always its fastest: BF16 loses to FP32 on one CPU and wins on the next. So each
precision that the device offers is tried for a moment, then the number of streams, then where colours are changed; each
step keeps the fastest of the one before. More streams make each picture wait longer, so they have to be faster by more
than the noise. The result is remembered for the device, its driver, OpenVINO's version and the network's weights.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from appliance.files import write_whole
from appliance.vision.backends.interface import CompiledNetwork, DeviceFailed, Place
from appliance.vision.backends.openvino import Choice

FILE_NAME = "measured.json"
MEASURE_SECONDS = 0.12
WARM_UP_RUNS = 1
# By how much more streams, or pre-processing elsewhere, must be faster to be worth it. With more streams each picture
# takes longer (20 ms instead of 10 on two cores); yet beside decoding and tracking they lose far less of their speed.
WORTH_IT = 1.08
MOST_RECORDS = 100

logger = logging.getLogger(__name__)

Compile = Callable[[Choice], CompiledNetwork]


class Speed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured for one choice: pictures a second with the device kept busy."""

    precision: str
    streams: int
    conversion: Literal["graph", "host"]
    quantised: bool
    pictures_per_second: float

    @property
    def choice(self) -> Choice:
        return Choice(self.precision, self.streams, self.conversion, self.quantised)


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The speeds measured for `about`: the network, the device and the versions that they hold for. Best first."""

    about: dict[str, str]
    speeds: tuple[Speed, ...]


@dataclass(frozen=True)
class Device:
    """What is offered: OpenVINO's names of precisions, and the numbers of streams worth trying, fewest first."""

    place: Place
    precisions: tuple[str, ...]
    streams: tuple[int, ...]


class Memory:
    """The measurements on disk, in a directory; without one nothing is remembered."""

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / FILE_NAME

    def find(self, about: Mapping[str, str]) -> Record | None:
        return next((record for record in self._records() if record.about == dict(about)), None)

    def keep(self, record: Record) -> None:
        if self._path is None:
            return
        records = [record, *(each for each in self._records() if each.about != record.about)][:MOST_RECORDS]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, msgspec.json.format(msgspec.json.encode(records)), mode=0o640)
        except OSError as error:
            logger.warning("The measured speeds can't be kept in %s (%s).", self._path, error.strerror)

    def _records(self) -> tuple[Record, ...]:
        if self._path is None:
            return ()
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=tuple[Record, ...])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            # Absent, damaged or from another release: it is measured again.
            return ()


def tune(
    device: Device,
    compile_network: Compile,
    size: tuple[int, int],
    quantised: bool,
    about: Mapping[str, str],
    memory: Memory,
) -> tuple[Speed, ...]:
    """The speeds of the choices that the device took, best first: remembered ones, or measured now.

    `quantised` tells that there is an INT8 version. Raises `DeviceFailed` where the device takes no choice at all.
    """
    if (record := memory.find(about)) is not None:
        return record.speeds
    picture = np.random.default_rng(0).integers(0, 256, (1, size[1], size[0], 3), np.uint8)
    speeds = descend(device, lambda choice: measure(compile_network(choice), picture), quantised)
    memory.keep(Record(dict(about), speeds))
    return speeds


def descend(device: Device, speed_of: Callable[[Choice], float], quantised: bool) -> tuple[Speed, ...]:
    """The choices that were tried, the chosen one first; `speed_of` measures one, or raises `DeviceFailed`."""
    found: dict[Choice, float] = {}
    refused: list[DeviceFailed] = []

    def fastest(choices: Sequence[Choice], margin: float) -> Choice:
        """The fastest of the choices; a later one has to beat an earlier one by `margin`."""
        best: Choice | None = None
        for choice in choices:
            try:
                found[choice] = found[choice] if choice in found else speed_of(choice)
            except DeviceFailed as error:
                refused.append(error)
                continue
            if best is None or found[choice] > margin * found[best]:
                best = choice
        if best is None:
            raise refused[-1]
        return best

    first = device.streams[0]
    best = fastest([Choice(precision, first) for precision in device.precisions], 1.0)
    if quantised:
        best = fastest([best, *(Choice(name, first, quantised=True) for name in device.precisions)], 1.0)
    best = fastest([replace(best, streams=number) for number in device.streams], WORTH_IT)
    best = fastest([best, replace(best, conversion="host")], WORTH_IT)
    rest = sorted((choice for choice in found if choice != best), key=lambda choice: -found[choice])
    return tuple(
        Speed(each.precision, each.streams, each.conversion, each.quantised, round(found[each], 1))
        for each in (best, *rest)
    )


def measure(network: CompiledNetwork, picture: np.ndarray, seconds: float = MEASURE_SECONDS) -> float:
    """Pictures a second, with as many at work at once as the network has streams, and one that waits.

    `picture` is uint8 [1, H, W, 3]. Raises `DeviceFailed`.
    """
    sessions = [network.session() for _ in range(network.streams + 1)]
    for session in sessions:
        for _ in range(WARM_UP_RUNS):
            session.run(picture)
    done: list[float] = []
    failures: list[Exception] = []
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        try:
            sessions[number].run(picture)
            done.append(time.perf_counter())
            while time.perf_counter() < end:
                sessions[number].run(picture)
                done.append(time.perf_counter())
        except DeviceFailed as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(sessions))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return len(done) / max(max(done) - began, 1e-9)
