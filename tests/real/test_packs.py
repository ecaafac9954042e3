"""The compact pack, and a network that is added by its catalogue entry alone, on a real picture of a street."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.cli.main import main
from appliance.settings import Analysis, find_paths
from appliance.vision import fetching
from appliance.vision.catalogue import load_catalogue
from appliance.vision.detections import Detection
from appliance.vision.detectors.letterbox import letterbox
from appliance.vision.runtime import load_detectors, open_detectors
from appliance.vision.stills import read_picture

ENTRY = """
[[network]]
name = "yunet-n"
title = "YuNet-n"
task = "faces"
packs = ["default"]
family = "yunet"
licence = "MIT"
minimum_score = 0.3
input = { sizes = [[768, 576]], colour = "BGR", range = [0.0, 255.0], enlarge = false }

[network.source]
kind = "file"
package = "libfacedetection.train"
version = "0047ac24"
files = [
    { member = "yunet_n_640.onnx", sha256 = "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31" },
]
"""


@pytest.fixture
def street(evaluation_data: Path) -> np.ndarray:
    return read_picture(evaluation_data / "clips" / "city.jpg")


def overlap(found: Detection, box: np.ndarray) -> float:
    x1, y1, x2, y2 = box
    width = min(found.box.x2, x2) - max(found.box.x1, x1)
    height = min(found.box.y2, y2) - max(found.box.y1, y1)
    shared = max(width, 0) * max(height, 0)
    area = (found.box.x2 - found.box.x1) * (found.box.y2 - found.box.y1)
    return float(shared / (area + (x2 - x1) * (y2 - y1) - shared))


def test_a_network_of_a_known_family_needs_only_a_catalogue_entry(
    evaluation_models: Path, street: np.ndarray, tmp_path: Path
) -> None:
    """OpenCV has a reader of its own for this network; both find the same faces."""
    (tmp_path / "catalogue.toml").write_text(ENTRY, encoding="utf-8")
    catalogue = load_catalogue(tmp_path / "catalogue.toml").pack("default")
    fetching.pull(catalogue, tmp_path / "models", evaluation_models, lambda _line: None)
    detectors = load_detectors(tmp_path / "models", tmp_path / "compiled", ("CPU",), catalogue, ("faces",))
    found = detectors.need("faces").start(street).result(60)

    picture, placement = letterbox(street, (768, 576), 1.0)
    reader = cv2.FaceDetectorYN.create(str(evaluation_models / "yunet_n_640.onnx"), "", (768, 576), 0.3, 0.3, 500)
    expected = np.asarray(reader.detect(np.ascontiguousarray(picture[0]))[1])
    boxes = np.concatenate([expected[:, :2], expected[:, :2] + expected[:, 2:4]], axis=1) / placement.scale_x
    assert len(found) == len(expected) >= 20
    limits = [street.shape[1], street.shape[0]] * 2
    for box, score in zip(np.clip(boxes, 0, limits), expected[:, -1], strict=True):
        best = max(found, key=lambda each: overlap(each, box))
        assert overlap(best, box) >= 0.95
        assert best.score == pytest.approx(score, abs=0.02)


def test_the_compact_pack_is_fetched_from_a_folder_and_finds_faces(
    default_models: Path,
    evaluation_models: Path,
    street: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The folder has the weights under the name of a copy, as it goes around with OpenCV."""
    for name in [name for name in os.environ if name.startswith("VEILSIGHT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VEILSIGHT_STATE", str(tmp_path))
    paths = find_paths(os.environ)
    shutil.copytree(default_models, paths.models)
    (paths.models / "centerface.onnx").unlink()
    assert main(["models", "verify"]) == 1
    assert main(["models", "verify", "--pack", "compact"]) == 1
    assert main(["models", "pull", "--pack", "compact", "--from", str(evaluation_models)]) == 0
    assert main(["models", "verify", "--pack", "compact"]) == 0
    assert "1 of them new" in capsys.readouterr().out

    detectors = open_detectors(paths, Analysis(devices=("CPU",), pack="compact"), ("faces",))
    assert [network.name for network in detectors.networks] == ["yunet"]
    faces = detectors.need("faces").start(street).result(60)
    assert len([face for face in faces if face.score > 0.4]) >= 18
