"""A camera's settings are changed, and each change is in the audit log."""

import io
from pathlib import Path

import pytest

from appliance.audit import log
from appliance.cli.main import main
from appliance.settings import Paths, find_paths
from appliance.storage import cameras
from appliance.storage.cameras import Camera
from appliance.storage.database import reading
from appliance.storage.site import create_site, open_site
from tests.vision.test_sources import write_clip


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    for name in ("CREDENTIALS_DIRECTORY", "VEILSIGHT_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    paths = find_paths({"HOME": str(tmp_path)}, tmp_path / "state")
    create_site(paths)
    clip = write_clip(tmp_path / "clip.mp4")
    assert veilsight(paths, "add", "front", str(clip), "--mask", "0,0,0.2,0,0.2,0.2", "--rate", "4") == 0
    return paths


def veilsight(paths: Paths, *arguments: str) -> int:
    return main(["--state", str(paths.state), "camera", *arguments])


def front(paths: Paths) -> Camera:
    with reading(open_site(paths).engine) as connection:
        return cameras.need(connection, "front")


def changes(paths: Paths) -> list[object]:
    with reading(open_site(paths).engine) as connection:
        return [entry.event.details["change"] for entry in log.entries(connection, actions=["camera-changed"])]


def test_a_camera_is_added_with_masks_and_a_rate(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    camera = front(paths)
    assert [mask.points for mask in camera.masks] == [((0, 0), (0.2, 0), (0.2, 0.2))]
    assert camera.rate == 4
    assert veilsight(paths, "list") == 0
    assert "mask mask-1: 0,0 0.2,0 0.2,0.2" in capsys.readouterr().out


def test_lines_zones_and_masks_come_and_go(paths: Paths) -> None:
    assert veilsight(paths, "line", "add", "front", "door=0.5,0.1,0.5,0.9") == 0
    assert veilsight(paths, "zone", "add", "front", "till=0.1,0.1,0.9,0.1,0.5,0.9") == 0
    assert veilsight(paths, "mask", "add", "front", "0.8,0,1,0,1,0.2") == 0
    camera = front(paths)
    assert [each.name for each in (*camera.lines, *camera.zones, *camera.masks)] == ["door", "till", "mask-1", "mask-2"]
    assert veilsight(paths, "line", "remove", "front", "door") == 0
    assert veilsight(paths, "zone", "remove", "front", "till") == 0
    assert veilsight(paths, "mask", "remove", "front", "mask-1") == 0
    camera = front(paths)
    assert (camera.lines, camera.zones, [mask.name for mask in camera.masks]) == ((), (), ["mask-2"])
    assert changes(paths)[:2] == ["line added", "zone added"]
    assert len(changes(paths)) == 6


def test_a_camera_is_disabled_and_enabled(paths: Paths) -> None:
    assert veilsight(paths, "disable", "front") == 0
    assert not front(paths).enabled
    assert veilsight(paths, "enable", "front") == 0
    assert front(paths).enabled
    assert changes(paths) == ["disabled", "enabled"]


def test_a_password_is_changed_and_told_to_nobody(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("rtsp://192.0.2.1/low\ns3cret\n"))
    arguments = ("-", "--username", "viewer", "--password-stdin", "--transport", "udp", "--rate", "2")
    assert veilsight(paths, "edit", "front", *arguments) == 0
    camera = front(paths)
    assert (camera.source, camera.username, camera.password) == ("rtsp://192.0.2.1/low", "viewer", "s3cret")
    assert (camera.transport, camera.rate, len(camera.masks)) == ("udp", 2, 1)
    assert changes(paths) == ["changed: password, rate, source, transport, username"]
    assert "s3cret" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("line", "remove", "front", "door"), "has no line called door"),
        (("line", "add", "front", "door=0.5"), "door"),
        (("zone", "add", "front", "till=0,0,1,1"), "till"),
        (("mask", "add", "front", "0,0,2,0,2,2"), "mask-2"),
        (("edit", "front"), "nothing to change"),
        (("edit", "front", "--rate", "0.1"), "0.1 times a second"),
        (("disable", "back"), "no camera called back"),
        (("add", "back", "/dev/null", "--mask", "0,0"), "can't be used"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    paths: Paths, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    before = front(paths)
    assert veilsight(paths, *arguments) in (1, 2)
    captured = capsys.readouterr()
    assert problem in captured.err
    assert captured.err.count("\n") == 1
    assert (front(paths), changes(paths)) == (before, [])


def test_a_region_is_ignored_until_it_is_removed(paths: Paths) -> None:
    assert veilsight(paths, "ignore", "add", "front", "poster=0.1,0.1,0.3,0.1,0.3,0.4") == 0
    assert [region.name for region in front(paths).ignored] == ["poster"]
    assert veilsight(paths, "ignore", "add", "front", "poster=0.1,0.1,0.3,0.1,0.3,0.4") == 2
    assert veilsight(paths, "ignore", "remove", "front", "poster") == 0
    assert front(paths).ignored == ()
    assert changes(paths) == ["ignore added", "ignore removed"]


def test_mounting_heat_map_and_queues_are_kept(paths: Paths) -> None:
    camera = front(paths)
    assert (camera.mounting, camera.heat_map) == ("oblique", False)
    assert veilsight(paths, "edit", "front", "--mounting", "overhead", "--heat-map") == 0
    assert veilsight(paths, "zone", "add", "front", "till=0,0,0.5,0,0.5,0.5", "--queue") == 0
    camera = front(paths)
    assert (camera.mounting, camera.heat_map) == ("overhead", True)
    assert [(zone.name, zone.queue) for zone in camera.zones] == [("till", True)]
    assert veilsight(paths, "edit", "front", "--no-heat-map") == 0
    assert not front(paths).heat_map


def test_vehicles_are_counted_by_label_only_where_that_is_asked_for(paths: Paths) -> None:
    assert not front(paths).vehicle_labels
    assert veilsight(paths, "edit", "front", "--vehicle-labels") == 0
    assert front(paths).vehicle_labels
    assert veilsight(paths, "edit", "front", "--no-vehicle-labels") == 0
    assert not front(paths).vehicle_labels


def test_a_camera_is_added_with_what_it_ignores(paths: Paths, tmp_path: Path) -> None:
    clip = str(tmp_path / "clip.mp4")
    options = ["--ignore", "street=0,0,1,0,1,0.2", "--mounting", "overhead", "--zone", "till=0,0,0.5,0,0.5,0.5"]
    assert veilsight(paths, "add", "back", clip, *options, "--queue", "door") == 2
    assert veilsight(paths, "add", "back", clip, *options, "--queue", "till") == 0
    with reading(open_site(paths).engine) as connection:
        camera = cameras.need(connection, "back")
    assert [region.name for region in camera.ignored] == ["street"]
    assert camera.mounting == "overhead"
    assert camera.zones[0].queue
