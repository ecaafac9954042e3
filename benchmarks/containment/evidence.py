"""Runs a command under every watch there is, and looks through all that was seen."""

import contextlib
import hashlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.containment import tracing
from benchmarks.containment.capture import Capture
from benchmarks.containment.sampling import Sampler, Samples
from benchmarks.containment.search import Found, Searcher
from benchmarks.containment.tracing import Trace

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - it is looked at, not used
STOP_SECONDS = 60.0


@dataclass
class Evidence:
    """What was seen: by strace, in shared memory, on the wire (None where it may not be captured), and the files that
    were new or changed afterwards."""

    trace: Trace = field(default_factory=Trace)
    samples: Samples = field(default_factory=Samples)
    capture: Capture | None = None
    files: dict[Path, int] = field(default_factory=dict)
    exit_status: int = 0
    problems: str = ""


class Watched:
    """The running command; `evidence` is complete when the context has ended."""

    def __init__(self, process: "subprocess.Popen[bytes]", evidence: Evidence) -> None:
        self.process = process
        self.evidence = evidence


@contextmanager
def watching(
    words: Sequence[str], environment: Mapping[str, str], scratch: Path, folders: Iterable[Path]
) -> Iterator[Watched]:
    """Run a command; at the end ask it to stop, wait, and gather the evidence.

    `scratch` takes the trace. `folders` are where files may appear, besides /dev/shm.
    """
    output, errors = scratch / "trace.txt", scratch / "errors.txt"
    places = [*folders, SHARED_MEMORY]
    before = _files(places)
    evidence = Evidence()
    with errors.open("wb") as problems, contextlib.ExitStack() as stack:
        with contextlib.suppress(PermissionError):
            evidence.capture = stack.enter_context(Capture())
        traced = [*tracing.command(output), *words]
        process = subprocess.Popen(traced, env=environment, stdin=subprocess.DEVNULL, stdout=problems, stderr=problems)
        sampler = stack.enter_context(Sampler(process.pid))
        evidence.samples = sampler.samples
        try:
            yield Watched(process, evidence)
        finally:
            _stop(process)
    evidence.exit_status = process.returncode
    evidence.problems = errors.read_text(errors="replace")
    evidence.files = {path: state[0] for path, state in _files(places).items() if before.get(path) != state}
    evidence.trace = tracing.read(output)


def search(evidence: Evidence, searcher: Searcher) -> Iterator[tuple[str, Found]]:
    """Where the pattern is: the first form found in each place."""
    known: dict[bytes, Found | None] = {}
    for place, content in _contents(evidence):
        digest = hashlib.sha256(content).digest()
        if digest not in known:
            known[digest] = next(iter(searcher.search(content)), None)
        found = known[digest]
        if found is not None:
            yield place, found


def _contents(evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    for place, stream in evidence.trace.streams.items():
        yield f"written to {place}", bytes(stream)
    for where, contents in evidence.samples.shared.items():
        for content in contents:
            yield f"shared memory {where}", content
    for path in evidence.files:
        with contextlib.suppress(OSError):
            yield f"file {path}", path.read_bytes()
    for (source, target), stream in (evidence.capture.flows if evidence.capture else {}).items():
        yield f"packets from {source} to {target}", bytes(stream)


def _files(places: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    found: dict[Path, tuple[int, int]] = {}
    for place in places:
        for path in place.rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    found[path] = path.stat().st_size, path.stat().st_mtime_ns
    return found


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """strace hands the signal on to nobody: what it runs is asked to stop, and strace then ends with it."""
    for child in _children(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in text.read_text().split()] if text.exists() else []
