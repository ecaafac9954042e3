"""The demonstration's clip comes out of Debian's package, or not at all."""

import subprocess
from pathlib import Path

import pytest

from appliance.demo.clip import CLIP_NAME, CLIP_SHA256, ClipUnavailable, _read_member, fetch_clip
from tests.conftest import REPOSITORY


def test_the_clip_is_fetched_once_and_checked() -> None:
    cache = REPOSITORY / ".cache"
    clip = fetch_clip(cache)
    written = clip.stat().st_mtime_ns
    assert fetch_clip(cache).stat().st_mtime_ns == written
    assert clip == cache / CLIP_NAME
    assert len(CLIP_SHA256) == 64


def test_a_package_without_the_clip_is_one_sentence(tmp_path: Path) -> None:
    control = tmp_path / "tree" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text("Package: empty\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: x\n")
    package = tmp_path / "empty.deb"
    subprocess.run(["dpkg-deb", "--build", str(tmp_path / "tree"), str(package)], check=True, capture_output=True)
    with pytest.raises(ClipUnavailable, match="no longer holds"):
        _read_member(package)
