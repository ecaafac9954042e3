"""`veilsight models` and `detect` as a user meets them."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.cli.main import main


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state directory and no networks."""
    for name in [name for name in os.environ if name.startswith("VEILSIGHT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VEILSIGHT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def state_with_models(state: Path, default_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VEILSIGHT_MODELS", str(default_models))
    return state


@pytest.fixture
def blank_picture(tmp_path: Path) -> Path:
    path = tmp_path / "blank.png"
    cv2.imwrite(str(path), np.full((120, 160, 3), 90, np.uint8))
    return path


def assert_one_sentence(errors: str, *words: str) -> None:
    assert errors.startswith("veilsight: ")
    assert errors.count("\n") == 1
    for word in words:
        assert word in errors


def test_list_says_what_each_network_is(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {network["name"]: (network["task"], network["packs"]) for network in listed} == {
        "mb3-centernet": ("people-vehicles", ["default", "compact"]),
        "centerface": ("faces", ["default"]),
        "pp-ocrv6-text": ("text", ["default", "compact"]),
        "yunet": ("faces", ["compact"]),
    }
    assert all(len(file["sha256"]) == 64 for network in listed for file in network["files"])
    assert not any(network["here"] for network in listed)
    assert not state.exists()


@pytest.mark.usefixtures("state_with_models")
def test_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert "centerface: faces, here" in capsys.readouterr().out


@pytest.mark.usefixtures("state_with_models")
def test_verify_tells_good_from_missing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["models", "verify"]) == 0
    assert capsys.readouterr().out.count("is what the catalogue says") == 3
    monkeypatch.delenv("VEILSIGHT_MODELS")
    assert main(["models", "verify"]) == 1
    assert capsys.readouterr().out.count("models pull") == 3


def test_pull_from_an_empty_folder_is_one_sentence(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["models", "pull", "--from", str(tmp_path / "empty")]) == 1
    assert_one_sentence(capsys.readouterr().err.split("fetching\n")[1], "centernet.json")
    assert list((state / "models").iterdir()) == []


@pytest.mark.usefixtures("state_with_models")
def test_pull_does_nothing_when_all_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull"]) == 0
    assert "0 of them new" in capsys.readouterr().out


@pytest.mark.usefixtures("state_with_models")
def test_detect_prints_one_json_object_a_line(blank_picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(blank_picture), str(blank_picture), "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"image": str(blank_picture), "width": 160, "height": 120, "detections": []}
    ] * 2


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", None])
@pytest.mark.usefixtures("state_with_models")
def test_what_is_no_picture_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)
    assert main(["detect", str(path), "--json"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert_one_sentence(output.err, str(path))


@pytest.mark.usefixtures("state")
def test_detect_without_networks_says_how_to_get_them(blank_picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(blank_picture)]) == 1
    assert_one_sentence(capsys.readouterr().err, "veilsight models pull")


@pytest.mark.usefixtures("state")
def test_a_score_out_of_range_is_wrong_usage(blank_picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(blank_picture), "--score", "1.5"]) == 2
    assert_one_sentence(capsys.readouterr().err, "1.5")
