"""The package, a root to install it into, and that root with systemd running."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from roots import CAMERA, CLIP, PICTURE, REPOSITORY, BootedRoot, Installed, booted, fresh_root

from appliance.demo.clip import fetch_clip


@pytest.fixture(scope="session")
def package() -> Path:
    if os.geteuid() != 0:
        pytest.fail("these tests make and enter a Debian root; run `make test-deb` as root")
    packages = sorted((REPOSITORY / "dist").glob("veilsight_*_amd64.deb"), key=lambda path: path.stat().st_mtime)
    assert packages, "there is no package in dist/; run `make deb` first"
    return packages[-1]


@pytest.fixture(scope="session")
def clip() -> Path:
    return fetch_clip(REPOSITORY / ".cache")


@pytest.fixture(scope="session")
def installed(package: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The package installed by apt with what it depends on, in a root where systemd does not run."""
    with fresh_root() as root:
        capture = cv2.VideoCapture(str(clip))
        _, frame = capture.read()
        capture.release()
        picture = tmp_path_factory.mktemp("picture") / "picture.png"
        cv2.imwrite(str(picture), frame)
        root.add(picture, PICTURE)
        root.add(clip, CLIP)
        root.run("apt-get", "update", "-qq")
        deb = root.add(package, "/root/veilsight.deb")
        done = root.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", deb)
        yield Installed(root, done.stdout)


@pytest.fixture(scope="session")
def running(installed: Installed) -> Iterator[BootedRoot]:
    """The root booted, with a destination for reports and a camera that plays the clip."""
    root = installed.root
    settings = root.path / "etc/veilsight/settings.toml"
    with settings.open("a", encoding="utf-8") as file:
        file.write('\n[[destinations]]\nname = "head-office"\nfolder = "/srv/reports"\n')
    root.run("install", "-d", "-o", "veilsight-courier", "/srv/reports")
    root.run("veilsight", "camera", "add", CAMERA, CLIP, "--loop", "--realtime", "--line", "door=0.45,0.25,0.45,0.95")
    with booted(root) as system:
        yield system
