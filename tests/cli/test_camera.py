"""`veilsight camera test`, `discover`, and adding what was discovered."""

import io
import json
from pathlib import Path

import pytest

from appliance.cli.main import main
from appliance.settings import Paths, find_paths
from appliance.storage import cameras
from appliance.storage.database import reading
from appliance.storage.site import create_site, open_site
from tests.discovery.onvif_server import PASSWORD, USERNAME, onvif_camera
from tests.vision.mjpeg_camera import mjpeg_camera


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    for name in ("CREDENTIALS_DIRECTORY", "VEILSIGHT_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    paths = find_paths({"HOME": str(tmp_path)}, tmp_path / "state")
    create_site(paths)
    return paths


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is typed: it is read by the next command."""
    text = io.StringIO()
    monkeypatch.setattr("sys.stdin", text)
    return text


def type_in(typed: io.StringIO, text: str) -> None:
    typed.seek(0)
    typed.truncate()
    typed.write(text)
    typed.seek(0)


def veilsight(paths: Paths, *arguments: str) -> int:
    return main(["--state", str(paths.state), "camera", *arguments])


def test_an_address_is_tried_without_setting_it_up(
    paths: Paths, typed: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(typed, f"{PASSWORD}\n")
    with mjpeg_camera() as address:
        code = veilsight(paths, "test", f"{address}/stream", "--username", USERNAME, "--password-stdin", "--json")
    assert code == 0
    trial = json.loads(capsys.readouterr().out)
    assert (trial["width"], trial["height"], trial["codec"]) == (64, 48, "mjpeg")
    assert trial["latency_note"] == "the camera does not tell its clock"
    with reading(open_site(paths).engine) as connection:
        assert cameras.list_cameras(connection) == ()


def test_a_camera_that_breaks_off_is_one_sentence(
    paths: Paths, typed: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(typed, f"{PASSWORD}\n")
    with mjpeg_camera() as address:
        code = veilsight(paths, "test", f"{address}/short", "--username", USERNAME, "--password-stdin")
    captured = capsys.readouterr()
    assert (code, captured.out, captured.err.count("\n")) == (1, "", 1)
    assert "broke off" in captured.err or "ended its stream" in captured.err


def test_a_clip_is_tried(paths: Paths, pets_clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert veilsight(paths, "test", str(pets_clip), "--json") == 0
    trial = json.loads(capsys.readouterr().out)
    assert (trial["width"], trial["height"], trial["declared_rate"]) == (768, 576, 10)
    assert trial["frame_rate"] == pytest.approx(10, abs=2)
    assert (trial["decoder"], trial["latency_seconds"]) == ("software", None)
    assert trial["decoder_reason"] == "recordings always are"


def test_a_discovered_camera_is_added_with_its_best_stream(
    paths: Paths, typed: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(typed, f"{PASSWORD}\n")
    with onvif_camera() as address:
        code = veilsight(paths, "add", "front", "--discovered", address, "--username", USERNAME, "--password-stdin")
    assert code == 0
    assert "its stream sub is taken: 704x576, H264" in capsys.readouterr().out
    with reading(open_site(paths).engine) as connection:
        camera = cameras.need(connection, "front")
    assert (camera.source, camera.username, camera.password) == ("rtsp://127.0.0.1:554/sub", USERNAME, PASSWORD)


def test_another_stream_of_a_discovered_camera_can_be_chosen(
    paths: Paths, typed: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    choose = ("--username", USERNAME, "--password-stdin", "--stream")
    with onvif_camera() as address:
        type_in(typed, f"{PASSWORD}\n")
        assert veilsight(paths, "add", "front", "--discovered", address, *choose, "main") == 0
        assert "its stream main is taken: 2560x1440, H264; as you chose" in capsys.readouterr().out
        type_in(typed, f"{PASSWORD}\n")
        assert veilsight(paths, "add", "back", "--discovered", address, *choose, "third") == 2
    assert "no stream 'third'; it has main, sub, tiny" in capsys.readouterr().err
    assert veilsight(paths, "add", "back", "rtsp://192.0.2.11/x", "--stream", "main") == 2
    with reading(open_site(paths).engine) as connection:
        assert [camera.source for camera in cameras.list_cameras(connection)] == ["rtsp://127.0.0.1:554/main"]


def test_a_discovered_camera_that_refuses_is_not_added(
    paths: Paths, typed: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(typed, "guessed\n")
    with onvif_camera() as address:
        code = veilsight(paths, "add", "front", "--discovered", address, "--username", USERNAME, "--password-stdin")
    assert code == 1
    assert "refuses the user name or the password" in capsys.readouterr().err
    with reading(open_site(paths).engine) as connection:
        assert cameras.list_cameras(connection) == ()


def test_the_transport_is_kept(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    assert veilsight(paths, "add", "front", "rtsp://192.0.2.10/x", "--transport", "udp") == 0
    assert veilsight(paths, "add", "back", "rtsp://192.0.2.11/x") == 0
    capsys.readouterr()
    assert veilsight(paths, "list", "--json") == 0
    shown = {camera["name"]: camera["transport"] for camera in json.loads(capsys.readouterr().out)}
    assert shown == {"front": "udp", "back": "tcp"}


def test_an_address_with_a_password_is_taken_from_standard_input_only(
    paths: Paths, typed: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    address = "rtsp://192.0.2.10/user=op_password=geheim_channel=1"
    assert veilsight(paths, "add", "front", address) == 2
    assert "on standard input" in capsys.readouterr().err
    type_in(typed, f"{address}\n")
    assert veilsight(paths, "add", "front", "-") == 0
    capsys.readouterr()
    assert veilsight(paths, "list", "--json") == 0
    assert "geheim" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [(), ("rtsp://192.0.2.1/x", "--discovered", "192.0.2.1")])
def test_a_camera_is_either_an_address_or_a_discovered_one(
    paths: Paths, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert veilsight(paths, "add", "front", *arguments) == 2
    assert "not both" in capsys.readouterr().err
