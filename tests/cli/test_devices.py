"""`veilsight devices` as an installer meets it."""

import json
import os
from pathlib import Path

import pytest

from appliance.cli.devices import device_rows, network_rows, passed_over_rows
from appliance.cli.main import main
from appliance.settings import Analysis
from appliance.vision.backends.interface import Place
from appliance.vision.backends.onnxruntime import ProviderState
from appliance.vision.catalogue import TASKS
from appliance.vision.device_report import DeviceReport, Identity, as_json, to_do
from appliance.vision.drivers import DriverState
from appliance.vision.runtime import DevicePlan, NetworkInUse
from appliance.vision.tuning import Speed

NPU = DriverState("NPU", True, False, "The NPU's driver is not complete.", "Install intel-level-zero-npu.")
GPU = DriverState("GPU", False, False, "This machine has no Intel GPU.")
CPU = Identity("CPU", "CPU", "Some Processor", "", "intel64")


def network(name: str, passed_over: tuple[str, ...], speeds: tuple[Speed, ...] = ()) -> NetworkInUse:
    return NetworkInUse(
        "faces", name, name, "0" * 64, "MIT", "OpenVINO", "CPU", "BF16", 2, speeds=speeds, passed_over=passed_over
    )


@pytest.fixture
def report() -> DeviceReport:
    speeds = (Speed("bf16", 2, "graph", False, 51.25), Speed("f32", 1, "host", True, 9.0))
    missing = "NPU: not on this machine"
    networks = (
        network("one", (missing, "GPU: not on this machine"), speeds),
        network("two", (missing, "QNN: too hot.")),
    )
    places = (Place("OpenVINO", "CPU", "CPU"),)
    providers = (ProviderState("CPU", True, places, "Installed."),)
    return DeviceReport("2026.4.1", (CPU,), (NPU, GPU), providers, DevicePlan("2026.4.1", places, networks, {}))


def test_a_device_that_is_there_is_not_called_missing(report: DeviceReport) -> None:
    assert passed_over_rows(report) == [
        ("every network", "NPU: The NPU's driver is not complete."),
        ("one", "GPU: not on this machine"),
        ("two", "QNN: too hot."),
    ]


def test_devices_and_kinds_without_one_are_listed(report: DeviceReport) -> None:
    assert device_rows(report) == [
        ("NPU", "not ready", NPU.state),
        ("GPU", "none", GPU.state),
        ("CPU", "ready", "Some Processor"),
    ]


def test_speeds_are_told_with_how_they_came_about(report: DeviceReport) -> None:
    rows = network_rows(report)
    assert rows[0][-2:] == ("2 streams", "51.25 pictures a second")
    assert rows[1] == ("  also measured: INT8 and FP32, colours changed before 9",)
    assert rows[2][-1] == "not measured"


def test_what_to_do_is_what_the_settings_want(report: DeviceReport) -> None:
    assert to_do(report, Analysis()) == (NPU.remedy,)
    assert to_do(report, Analysis(devices=("CPU",))) == ()


def test_the_report_is_plain_json(report: DeviceReport) -> None:
    found = json.loads(json.dumps(as_json(report)))
    assert [each["kind"] for each in found["drivers"]] == ["NPU", "GPU"]
    assert found["networks"][0]["measured"][0] == {"choice": "BF16 in 2 streams", "pictures_per_second": 51.25}
    assert found["networks"][1]["passed_over"] == ["NPU: The NPU's driver is not complete.", "QNN: too hot."]


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
