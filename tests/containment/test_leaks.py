"""A leak of each sort is planted in a program, and the watch of `make prove-containment` finds it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from containment.evidence import Evidence, search, watching
from containment.pattern import Pattern, random_pattern, write_clip
from containment.search import Searcher

PROGRAM = Path(__file__).parent / "leaks.py"
REPOSITORY = PROGRAM.parent.parent.parent
SECONDS = 60
PATTERN = random_pattern(20261123)
# How the leak shows: the way, and the beginning of the place where it is found.
LEAKS = {
    "BGR to a file": "written to {folder}/dump.bin",
    "RGB to a file": "written to {folder}/dump.bin",
    "luma to a pipe": "written to pipe:",
    "chroma to a pipe": "written to pipe:",
    "JPEG to a socket": "written to TCP:",
    "BGR to a socket": "written to TCP:",
    "PNG to a file": "written to {folder}/picture.png",
    "packed to a file": "written to {folder}/dump.z",
    "a network's input to a file": "written to {folder}/input.npy",
    "half a frame to a file": "written to {folder}/dump.bin",
    "a small JPEG to a log": "written to ",
    "video to a file": "written to {folder}/copy",
    "BGR to shared memory": "shared memory /dev/shm/",
    "BGR to memory without a name": "shared memory ",
    "BGR to a mapped file": "file {folder}/mapped",
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "pattern.mp4"
    write_clip(path, 3, PATTERN.picture)
    return path


def run(way: str, clip: Path, folder: Path, scratch: Path) -> Evidence:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    words = [sys.executable, str(PROGRAM), way, str(clip), str(folder)]
    with watching(words, environment, scratch, [folder]) as watched:
        try:
            watched.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            pytest.fail("the program did not end")
    if "PTRACE" in watched.evidence.problems:
        pytest.skip("this machine forbids tracing")
    assert watched.evidence.exit_status == 0, watched.evidence.problems
    return watched.evidence


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    folder, scratch = tmp_path / "folder", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    return folder, scratch


@pytest.mark.parametrize("way", LEAKS)
def test_a_planted_leak_is_found(way: str, clip: Path, folders: tuple[Path, Path]) -> None:
    folder, scratch = folders
    places = [place for place, _ in search(run(way, clip, folder, scratch), Searcher(PATTERN))]
    wanted = LEAKS[way].format(folder=folder)
    assert any(place.startswith(wanted) for place in places), places


def test_where_nothing_leaks_nothing_is_found(clip: Path, folders: tuple[Path, Path]) -> None:
    """The program reads the same clip, and writes something harmless."""
    evidence = run("nothing", clip, *folders)
    assert evidence.trace.streams[f"{folders[0]}/note"] == b"42 persons"
    assert evidence.trace.cut == 0
    assert list(search(evidence, Searcher(PATTERN))) == []


def test_another_pattern_is_not_taken_for_it(clip: Path, folders: tuple[Path, Path]) -> None:
    evidence = run("BGR to a file", clip, *folders)
    other: Pattern = random_pattern(1)
    assert list(search(evidence, Searcher(other))) == []
