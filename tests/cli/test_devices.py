"""`veilsight devices` as an installer meets it."""

import json
import os
from pathlib import Path

import pytest

from appliance.cli.main import main
from appliance.vision.catalogue import TASKS


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state directory and no networks."""
    for name in [name for name in os.environ if name.startswith("VEILSIGHT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VEILSIGHT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.mark.usefixtures("state")
def test_it_says_what_each_network_uses_and_why(
    default_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VEILSIGHT_MODELS", str(default_models))
    assert main(["devices", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["wanted"] == ["NPU", "GPU", "CPU"]
    assert "CPU" in [device["name"] for device in report["devices"]]
    assert [driver["kind"] for driver in report["drivers"]] == ["NPU", "GPU"]
    assert {each["name"] for each in report["onnxruntime"] if each["installed"]} >= {"CPU"}
    assert [network["task"] for network in report["networks"]] == list(TASKS)
    for network in report["networks"]:
        chosen = network["measured"][0]
        assert network["precision"] in chosen["choice"]
        assert chosen["pictures_per_second"] > 0
    assert report["failures"] == {}

    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"Devices", "Networks", "ONNX Runtime", "To do"} <= set(lines)
    for network in report["networks"]:
        (line,) = [line for line in lines if line.split()[:2] == [network["task"], network["name"]]]
        assert line.split()[2] == network["device"]
        speed = network["measured"][0]["pictures_per_second"]
        assert f"{speed:g} pictures a second" in line, "the second start measures nothing"


@pytest.mark.usefixtures("state")
def test_without_networks_the_last_lines_say_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0
    output = capsys.readouterr().out
    assert "models pull" in output[output.index("To do") :]
