"""What each network finds in the picture of the argument, on OpenVINO and on ONNX Runtime. Prints one JSON object.

Runs within the installed tree, with the appliance's own Python.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import openvino as ov

from appliance.settings import find_paths
from appliance.vision import weights
from appliance.vision.backends import onnxruntime, openvino
from appliance.vision.backends.interface import CompiledNetwork, Place
from appliance.vision.catalogue import TASKS, CatalogueNetwork, load_catalogue
from appliance.vision.compiled_cache import CompiledCache
from appliance.vision.detectors.letterbox import choose_size, letterbox
from appliance.vision.families import FAMILIES
from appliance.vision.stills import read_picture


def main(path: Path) -> dict[str, dict[str, list[str]]]:
    models = find_paths(os.environ).models
    image = read_picture(path)
    found: dict[str, dict[str, list[str]]] = {}
    for task in TASKS:
        entry = load_catalogue().pack("default").for_task(task)
        assert entry is not None
        found[task] = {each: detect(each, entry, models, image) for each in ("OpenVINO", "ONNX Runtime")}
    return found


def detect(runtime: str, entry: CatalogueNetwork, models: Path, image: np.ndarray) -> list[str]:
    """The labels of what is found surely, sorted."""
    model = weights.read_network(entry, models).model
    expected, family = entry.input, FAMILIES[entry.family]
    size = choose_size(expected.sizes, image.shape[1], image.shape[0], expected.largest_scale)
    picture, placement = letterbox(image, size, expected.largest_scale)
    network: CompiledNetwork
    if runtime == "ONNX Runtime":
        network = onnxruntime.compile_network(Place("ONNX Runtime", "CPU", "CPU"), entry, family, model, size)
    else:
        core, place = ov.Core(), Place("OpenVINO", "CPU", "CPU")
        known = openvino.Weights(entry.sha256, lambda: core.read_model(model))
        choice = openvino.Choice(precision="f32")
        network = openvino.compile_network(core, place, known, expected, family, size, choice, CompiledCache(None))
    found = family.decode(network.session().run(picture), placement, entry.minimum_score)
    return sorted(each.label for each in found if each.score > entry.minimum_score + 0.05)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
