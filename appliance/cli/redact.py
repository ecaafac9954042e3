"""`veilsight redact`: an image or a video with faces and plates covered, and a report of what was covered."""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from tqdm import tqdm

from appliance.errors import UsageError, VeilsightError
from appliance.settings import Paths, load_settings


class ReportFileUnwritable(VeilsightError):
    """The report's file can't be written."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("redact", help="cover faces and plates in an image or a video")
    parser.add_argument("source", type=Path, metavar="IN")
    parser.add_argument("target", type=Path, metavar="OUT")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was covered, a JSON object a frame")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.vision.recordings import redact_file
    from appliance.vision.runtime import open_detectors

    if options.report is not None and options.report.resolve() in (options.source.resolve(), options.target.resolve()):
        raise UsageError(f"The report would replace {options.report}; give it another name.")
    settings = load_settings(paths.settings_file)
    detectors = open_detectors(paths, settings.analysis)
    with _ReportFile(options.report) as report, _Progress(options.source.name) as progress:
        outcome = redact_file(options.source, options.target, detectors, report.add, progress.show)
    frames = "1 frame" if outcome.frames == 1 else f"{outcome.frames} frames"
    print(f"{options.target}: {frames} redacted, {outcome.covered_frames} of them covered whole")
    if outcome.reason:
        print(f"veilsight: frames were covered whole: {outcome.reason}", file=sys.stderr)
    if outcome.stopped:
        print(f"veilsight: {outcome.stopped} Redacted are {frames}, {outcome.seconds:.1f} seconds.", file=sys.stderr)
    return 1 if outcome.reason or outcome.stopped else 0


class _Progress:
    """A bar on a terminal, a plain line each hundred frames otherwise."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = tqdm(total=total or None, desc=self._name, unit=" frames", leave=False)
            self._bar.update(done - self._bar.n)
        elif done % 100 == 0:
            print(f"{done} of {total} frames done" if total else f"{done} frames done", file=sys.stderr, flush=True)


class _ReportFile:
    """Takes the report's lines. The file appears whole at the end or not at all; without a path there is none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._partial = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
            with self._explained():
                self._file = self._partial.open("x", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None or self._path is None:
            return
        try:
            with self._explained(), self._file as file:
                file.flush()
                os.fsync(file.fileno())
            if error is None:
                with self._explained():
                    self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write one line. Raises `ReportFileUnwritable`."""
        if self._file is not None:
            with self._explained():
                self._file.write(json.dumps(line) + "\n")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ReportFileUnwritable(f"The report {self._path} can't be written ({error.strerror}).") from error
