"""Files of networks are known by SHA-256: missing, changed and swapped ones are told apart."""

import json
import shutil
from pathlib import Path

import pytest

from appliance.vision import weights
from appliance.vision.catalogue import TASKS, Task, load_catalogue
from appliance.vision.weights import ModelChanged, ModelMissing, file_names, read_network


@pytest.fixture
def models(default_models: Path, tmp_path: Path) -> Path:
    """A copy of the networks that a test may damage."""
    return Path(shutil.copytree(default_models, tmp_path / "models"))


def test_the_fetched_networks_verify(default_models: Path) -> None:
    assert set(weights.verify(load_catalogue().pack("default"), default_models).values()) == {None}


@pytest.mark.parametrize("task", TASKS)
def test_every_missing_or_changed_file_is_found(models: Path, task: Task) -> None:
    network = load_catalogue().pack("default").for_task(task)
    assert network is not None
    for name in file_names(network):
        path = models / name
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(ModelMissing, match="models pull"):
            read_network(network, models)
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        with pytest.raises(ModelChanged, match="models pull"):
            read_network(network, models)
        path.write_bytes(content)
        read_network(network, models)


def test_a_network_converted_from_other_files_is_refused(models: Path) -> None:
    network = load_catalogue().pack("default").for_task("people-vehicles")
    assert network is not None
    path = models / file_names(network)[-1]
    record = json.loads(path.read_text())
    record["sources"]["centernet.bin"] = "0" * 64
    path.write_text(json.dumps(record))
    with pytest.raises(ModelChanged, match="other files"):
        read_network(network, models)
