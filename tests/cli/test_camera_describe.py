"""`veilsight camera describe`: a word for the record, from the terminal."""

from pathlib import Path

import pytest

from appliance.audit import log
from appliance.cli.main import main
from appliance.settings import find_paths
from appliance.storage import camera_records, cameras
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.site import create_site


def test_what_is_given_is_noted_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("CREDENTIALS_DIRECTORY", "VEILSIGHT_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VEILSIGHT_STATE", str(tmp_path / "state"))
    site, _ = create_site(find_paths({"HOME": str(tmp_path)}, tmp_path / "state"))
    with site.engine.begin() as connection:
        cameras.add(connection, Camera("gate", "rtsp://192.0.2.1/"))

    def describe(*arguments: str) -> int:
        return main(["camera", "describe", *arguments])

    assert describe("gate", "--location", "above the door", "--signs-seen", "2026-10-01") == 0
    assert describe("gate", "--field-of-view", "the porch") == 0
    assert describe("gate", "--field-of-view", "the porch") == 0
    assert capsys.readouterr().out.splitlines() == ["gate: noted", "gate: noted", "gate: as before"]
    with reading(site.engine) as connection:
        noted = camera_records.read(connection)
        assert len(log.entries(connection, actions=("camera-changed",))) == 2
    assert noted == {"gate": CameraRecord("gate", "above the door", "the porch", "", "2026-10-01")}
    assert describe("gate") == 2
    assert describe("other", "--signs", "at the door") == 1
    assert describe("gate", "--signs-seen", "soon") == 2
    site.engine.dispose()
