"""A leak of each sort is planted in a program, and the watch of `make prove-containment` finds it."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.containment.evidence import Evidence, search, watching
from benchmarks.containment.pattern import random_pattern, write_clip
from benchmarks.containment.search import Found, Searcher

PROGRAM = Path(__file__).parent / "leaks.py"
REPOSITORY = PROGRAM.parent.parent.parent
SECONDS = 60
PATTERN = random_pattern(20261123)
# Where each leak is found, and in what form.
LEAKS = {
    "BGR to a file": ("written to {folder}/bgr", "pixels"),
    "RGB to a file": ("written to {folder}/rgb", "pixels"),
    "luma to a pipe": ("written to pipe:", "pixels, 8 bytes a block"),
    "chroma to a pipe": ("written to pipe:", "pixels, 4 bytes a block"),
    "JPEG to a socket": ("written to TCP:", "JPEG"),
    "BGR to a socket": ("written to TCP:", "pixels"),
    "BGR in datagrams": ("written to UDP:", "pixels"),
    "JPEG to a local socket": ("written to UNIX", "JPEG"),
    "PNG to a file": ("written to {folder}/png", "PNG"),
    "packed to a file": ("written to {folder}/packed", "pixels, 24 bytes a block in packed data"),
    "a network's input to a file": ("written to {folder}/tensor", ""),
    "part of a frame to a file": ("written to {folder}/part", "pixels"),
    "a small JPEG to a log": ("written to {scratch}/errors.txt", "JPEG in hexadecimal"),
    "video to a file": ("written to {folder}/video", "video"),
    "BGR to shared memory": ("shared memory /dev/shm/", "pixels"),
    "BGR to memory without a name": ("shared memory /dev/zero", "pixels"),
    "BGR to a mapped file": ("file {folder}/mapped", "pixels"),
}


@dataclass(frozen=True)
class Run:
    """What the watch saw of a run of the program, and where it found the pattern."""

    evidence: Evidence
    found: list[tuple[str, Found]]
    folder: Path
    scratch: Path


def run(place: Path, ways: list[str]) -> Run:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    clip, folder, scratch = place / "pattern.mp4", place / "folder", place / "scratch"
    folder.mkdir()
    scratch.mkdir()
    write_clip(clip, 3, PATTERN.picture)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    words = [sys.executable, str(PROGRAM), str(clip), str(folder), *ways]
    with watching(words, environment, scratch, [folder]) as watched:
        watched.process.wait(SECONDS)
    if "PTRACE" in watched.evidence.problems:
        pytest.skip("this machine forbids tracing")
    assert watched.evidence.exit_status == 0, watched.evidence.problems
    return Run(watched.evidence, list(search(watched.evidence, Searcher(PATTERN))), folder, scratch)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("leaking"), list(LEAKS))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("quiet"), [])


@pytest.mark.parametrize("way", LEAKS)
def test_a_planted_leak_is_found(way: str, leaking: Run) -> None:
    place, form = LEAKS[way]
    wanted = place.format(folder=leaking.folder, scratch=leaking.scratch)
    assert any(each.startswith(wanted) and found.form.startswith(form) for each, found in leaking.found), leaking.found


def test_shared_memory_is_known_even_where_it_was_not_read(leaking: Run) -> None:
    """Its mapping is a system call; what is there for a moment alone can't hide."""
    assert len({where for _, where in leaking.evidence.trace.shared}) >= 3


def test_where_nothing_leaks_nothing_is_found(quiet: Run) -> None:
    """The program reads the same clip, and writes something harmless."""
    assert quiet.evidence.trace.streams[f"{quiet.folder}/note"] == b"42 persons"
    assert quiet.evidence.trace.cut == 0
    assert quiet.found == []


def test_another_pattern_is_not_taken_for_it(leaking: Run) -> None:
    other = Searcher(random_pattern(1))
    for name in ("bgr", "png", "video"):
        content = (leaking.folder / name).read_bytes()
        assert next(other.search(content), None) is None
