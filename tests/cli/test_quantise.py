"""`veilsight models quantise`: what it refuses, and how it says so."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from appliance.cli.main import main
from appliance.settings import find_paths
from appliance.storage import cameras
from appliance.storage.site import create_site

pytest.importorskip("nncf", reason="NNCF is not installed")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VEILSIGHT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def site_with_models(state: Path, default_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with a camera that is switched off."""
    monkeypatch.setenv("VEILSIGHT_MODELS", str(default_models))
    site, _ = create_site(find_paths({"HOME": str(state)}, state))
    with site.engine.begin() as connection:
        cameras.add(connection, cameras.Camera("yard", "rtsp://192.0.2.1/", enabled=False))
    site.engine.dispose()
    return state


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((48, 64, 3), 90 + number, np.uint8))
    return folder


def quantise(*arguments: str) -> int:
    return main(["models", "quantise", *arguments])


def assert_one_sentence(errors: str, *words: str) -> None:
    last = errors.splitlines()[-1]
    assert last.startswith("veilsight: ")
    for word in words:
        assert word in last


@pytest.mark.usefixtures("state")
def test_an_unknown_network_is_wrong_usage(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quantise("nobody", "--from", str(pictures)) == 2
    assert_one_sentence(capsys.readouterr().err, "nobody", "mb3-centernet")


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    "arguments", [["--pictures", "10"], ["--seconds", "1"], ["--seconds", "nan"], ["--pictures", "100000"]]
)
def test_numbers_out_of_range_are_wrong_usage(
    pictures: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert quantise("centerface", "--from", str(pictures), *arguments) == 2
    assert_one_sentence(capsys.readouterr().err)


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("arguments", [[], ["--from", "x", "--camera", "door"]])
def test_pictures_come_from_one_place(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        quantise("centerface", *arguments)
    assert ending.value.code == 2
    assert "--camera" in capsys.readouterr().err


@pytest.mark.usefixtures("site_with_models")
def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quantise("centerface", "--from", str(tmp_path / "nowhere.mp4")) == 2
    assert_one_sentence(capsys.readouterr().err, "nowhere.mp4")


@pytest.mark.usefixtures("site_with_models")
@pytest.mark.parametrize(("camera", "status", "word"), [("door", 1, "camera list"), ("yard", 2, "switched off")])
def test_a_camera_that_can_not_be_watched_is_said(
    capsys: pytest.CaptureFixture[str], camera: str, status: int, word: str
) -> None:
    assert quantise("centerface", "--camera", camera) == status
    assert_one_sentence(capsys.readouterr().err, camera, word)


@pytest.mark.usefixtures("state")
def test_a_camera_needs_a_site(capsys: pytest.CaptureFixture[str]) -> None:
    assert quantise("centerface", "--camera", "door") == 1
    assert_one_sentence(capsys.readouterr().err, "veilsight setup")


@pytest.mark.usefixtures("state")
def test_a_network_that_is_not_here_is_said(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quantise("centerface", "--from", str(pictures)) == 1
    assert_one_sentence(capsys.readouterr().err, "models pull")


@pytest.mark.usefixtures("site_with_models")
def test_without_nncf_it_says_how_to_get_it(
    pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    assert quantise("centerface", "--from", str(pictures)) == 1
    assert_one_sentence(capsys.readouterr().err, "pip install")


@pytest.mark.usefixtures("site_with_models")
def test_too_few_pictures_are_refused_in_json_too(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quantise("centerface", "--from", str(pictures), "--json") == 1
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert (result["network"], result["kept"]) == ("centerface", False)
    assert "3 pictures are too few" in result["reason"]
    assert_one_sentence(output.err, result["reason"])
