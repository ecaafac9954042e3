"""A tiny text detector: it finds bright squares on a dark ground, and can be made impossible to quantise."""

from pathlib import Path

import msgspec
import numpy as np

from appliance.vision import weights
from appliance.vision.calibration import Sample, fit
from appliance.vision.catalogue import CatalogueNetwork, NetworkInput, PackageSource, SourceFile
from tests.vision.small_networks import entry, node, onnx_file

SIZES = ((96, 64), (64, 96), (128, 128))
SQUARE = 8


def bright_squares(noise: float = 1.0) -> bytes:
    """An ONNX file with one output `fetch_name_0`, the probability of each pixel of [1, 3, H, W].

    The second of its two channels plays no part in the result. The larger `noise`, the wider is its range, which 8 bits
    share with the first one.
    """
    nodes = [
        node("Conv", ["picture", "both"], "channels"),
        node("Relu", ["channels"], "positive"),
        node("Conv", ["positive", "alone"], "single", group=2, kernel_shape=[1, 1]),
        node("Relu", ["single"], "copied"),
        node("Conv", ["copied", "same"], "again"),
        node("Relu", ["again"], "still"),
        node("Conv", ["still", "first only"], "bright"),
        node("Relu", ["bright"], "brightness"),
        node("Conv", ["brightness", "head", "threshold"], "score"),
        node("Sigmoid", ["score"], "fetch_name_0"),
    ]
    constants = {
        "both": np.array([[1 / 765] * 3, [noise / 765] * 3], np.float32).reshape(2, 3, 1, 1),
        "alone": np.ones((2, 1, 1, 1), np.float32),
        "same": np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1),
        "first only": np.diag(np.array([1.0, 1e-3], np.float32)).reshape(2, 2, 1, 1),
        "head": np.array([20.0, 0.0], np.float32).reshape(1, 2, 1, 1),
        "threshold": np.array([-10.0], np.float32),
    }
    return onnx_file(nodes, constants, ["fetch_name_0"], [1, 3, "height", "width"])


def write_network(directory: Path, content: bytes) -> CatalogueNetwork:
    """The network's file in the models directory, and its entry in a catalogue."""
    directory.mkdir(exist_ok=True)
    (directory / "squares.onnx").write_bytes(content)
    return msgspec.structs.replace(
        entry(),
        name="squares",
        task="text",
        family="dbnet",
        minimum_score=0.3,
        input=NetworkInput(sizes=SIZES, colour="RGB", range=(0.0, 255.0), enlarge=False),
        source=PackageSource("pip", "squares", "1.0", (SourceFile("squares.onnx", weights.sha256(content)),)),
    )


def pictures(count: int, seed: int = 0, squares: int = 3) -> list[np.ndarray]:
    """Noise as dark as night with bright squares in it, lying and standing by turns; uint8 [H, W, 3]."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        width, height = SIZES[number % 2]
        pixels = random.integers(0, 60, (height, width, 3), np.uint8)
        cells = [(x, y) for x in range(0, width - SQUARE, 2 * SQUARE) for y in range(0, height - SQUARE, 2 * SQUARE)]
        for x, y in random.permutation(cells)[:squares]:
            pixels[y : y + SQUARE, x : x + SQUARE] = 230
        made.append(pixels)
    return made


def samples(network: CatalogueNetwork, count: int = 48, squares: int = 3) -> list[Sample]:
    return [fit(picture, network.input) for picture in pictures(count, squares=squares)]
