"""Cameras: stored whole, and their passwords shown nowhere."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.storage import cameras
from appliance.storage.cameras import (
    Camera,
    CameraExists,
    CameraNameUnusable,
    CameraUnknown,
    LineSetting,
    RateUnusable,
    SourceUnusable,
    ZoneSetting,
    check_source,
    shown_source,
)
from appliance.storage.database import reading
from appliance.storage.site import Site

DOOR = Camera(
    "door",
    "rtsp://10.0.0.1:554/stream",
    "operator",
    "p@ss/word:1",
    (LineSetting("in", 0.1, 0.2, 0.3, 0.4), LineSetting("out", 0.0, 1.0, 1.0, 0.0)),
    (ZoneSetting("till", ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0))),),
    loop=True,
    realtime=True,
    masks=(ZoneSetting("street", ((0.0, 0.0), (1.0, 0.0), (0.5, 0.25))),),
    rate=5.0,
    enabled=False,
)


def test_a_camera_comes_back_whole(site: Site) -> None:
    with site.engine.begin() as connection:
        cameras.add(connection, DOOR)
        cameras.add(connection, Camera("back", "/clips/a.mp4"))
    with reading(site.engine) as connection:
        assert cameras.get(connection, "door") == cameras.need(connection, "door") == DOOR
        assert [camera.name for camera in cameras.list_cameras(connection)] == ["back", "door"]
        assert cameras.get(connection, "hall") is None


def test_a_name_is_used_once(site: Site) -> None:
    with site.engine.begin() as connection:
        cameras.add(connection, DOOR)
        with pytest.raises(CameraExists, match="door"):
            cameras.add(connection, Camera("door", "rtsp://10.0.0.2/"))
        assert cameras.get(connection, "door") == DOOR


def test_a_removed_camera_is_gone(site: Site) -> None:
    with site.engine.begin() as connection:
        cameras.add(connection, DOOR)
        cameras.remove(connection, "door")
        assert cameras.list_cameras(connection) == ()
        for act in (cameras.remove, cameras.need):
            with pytest.raises(CameraUnknown, match="door"):
                act(connection, "door")


def test_masks_rate_and_state_can_be_changed(site: Site) -> None:
    mask = ZoneSetting("pavement", ((0.0, 0.5), (0.5, 0.5), (0.0, 1.0)))
    with site.engine.begin() as connection:
        cameras.add(connection, DOOR)
        cameras.set_masks(connection, "door", (mask,))
        cameras.set_rate(connection, "door", None)
        cameras.set_enabled(connection, "door", True)
        assert cameras.get(connection, "door") == replace(DOOR, masks=(mask,), rate=None, enabled=True)
        with pytest.raises(CameraUnknown):
            cameras.set_enabled(connection, "hall", False)


@pytest.mark.parametrize("rate", [0.0, -1.0, 31.0, float("nan")])
def test_a_rate_that_makes_no_sense_is_refused(site: Site, rate: float) -> None:
    with site.engine.begin() as connection:
        with pytest.raises(RateUnusable):
            cameras.add(connection, replace(DOOR, rate=rate))
        cameras.add(connection, DOOR)
        with pytest.raises(RateUnusable):
            cameras.set_rate(connection, "door", rate)


@pytest.mark.parametrize("name", ["", " door", "door ", "a\nb", "x" * 61, "a/b", "\x1b[2J"])
def test_a_name_that_cannot_be_shown_is_refused(site: Site, name: str) -> None:
    with site.engine.begin() as connection, pytest.raises(CameraNameUnusable):
        cameras.add(connection, Camera(name, "rtsp://10.0.0.1/"))


def test_a_camera_does_not_print_its_password() -> None:
    assert DOOR.password not in repr(DOOR)
    assert DOOR.password not in str(DOOR)


@pytest.mark.parametrize(
    "source",
    ["rtsp://u:p@10.0.0.1/x", "rtsp://u@10.0.0.1/x", "rtsp://:p@h/", "ftp://h/x", "rtsp://", "rtsp://h:99999/", "://x"],
)
def test_an_address_that_cannot_be_a_cameras_is_refused(source: str) -> None:
    with pytest.raises(SourceUnusable) as problem:
        check_source(source)
    assert "\n" not in str(problem.value)


def test_the_refusal_does_not_repeat_the_password() -> None:
    with pytest.raises(SourceUnusable) as problem:
        check_source("rtsp://operator:geheim@10.0.0.1/x")
    assert "geheim" not in str(problem.value)
    assert "--password-stdin" in str(problem.value)


def test_a_file_is_stored_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clip.mp4").touch()
    monkeypatch.chdir(tmp_path)
    assert check_source("clip.mp4") == str(tmp_path / "clip.mp4")
    with pytest.raises(SourceUnusable, match=r"no file other\.mp4"):
        check_source("other.mp4")


def test_an_address_is_kept_as_it_is() -> None:
    for source in ("rtsp://10.0.0.1/x", "rtsps://[fe80::1]:322/a?b=c", "RTSP://camera.local/"):
        assert check_source(source) == source


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://h/user=a_password=geheim_channel=1", "rtsp://h/user=a_password=***_channel=1"),
        ("rtsp://h/x?user=a&pwd=geheim&c=1", "rtsp://h/x?user=a&pwd=***&c=1"),
        ("rtsp://h/x?PassWd=geheim", "rtsp://h/x?PassWd=***"),
        ("rtsp://h/plain", "rtsp://h/plain"),
    ],
)
def test_a_password_that_a_maker_wants_in_the_address_is_not_shown(source: str, shown: str) -> None:
    assert shown_source(source) == shown
