"""The demonstration's clip: PETS 2009 S2.L1 view 1, which OpenCV ships as `vtest.avi` and Debian packages."""

import hashlib
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

from appliance.errors import VeilsightError
from appliance.files import write_whole

CLIP_NAME = "vtest.avi"
CLIP_SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
DEBIAN_PACKAGE = "opencv-doc"
DEBIAN_MEMBER = f"./usr/share/doc/opencv-doc/examples/data/{CLIP_NAME}"


class ClipUnavailable(VeilsightError):
    """The demonstration's clip could not be fetched, or is not the one it should be."""


def fetch_clip(cache: Path) -> Path:
    """The clip's path in `cache`, fetched from Debian's package first if it is not there.

    Raises `ClipUnavailable` in one sentence; a clip with another checksum is never kept.
    """
    clip = cache / CLIP_NAME
    if clip.is_file() and _sha256(clip.read_bytes()) == CLIP_SHA256:
        return clip
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        content = _read_member(_download_package(Path(scratch)))
    if _sha256(content) != CLIP_SHA256:
        raise ClipUnavailable(
            f"The clip in Debian's package {DEBIAN_PACKAGE} is not the one expected; give another with CLIP=FILE."
        )
    write_whole(clip, content)
    return clip


def _download_package(scratch: Path) -> Path:
    command = ["apt-get", "download", "-q", DEBIAN_PACKAGE]
    try:
        result = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if result.returncode and os.geteuid() == 0:
            # A fresh machine has no package lists yet.
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
            result = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ClipUnavailable("This machine has no apt-get to fetch the clip with; give one with CLIP=FILE.") from error
    packages = list(scratch.glob("*.deb"))
    if result.returncode or not packages:
        reason = result.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ClipUnavailable(
            f"Debian's package {DEBIAN_PACKAGE}, which holds the clip, could not be fetched ({reason[0]}); "
            "run `apt-get update` as root and try again, or give a clip with CLIP=FILE."
        )
    return packages[0]


def _read_member(package: Path) -> bytes:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    if member.name == DEBIAN_MEMBER and (file := archive.extractfile(member)):
                        return file.read()
        finally:
            process.kill()
    raise ClipUnavailable(f"Debian's package {DEBIAN_PACKAGE} no longer holds {CLIP_NAME}; give a clip with CLIP=FILE.")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
