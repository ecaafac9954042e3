"""`veilsight redact`: an image or a video with faces and plates covered, and a report of what was covered."""

import argparse
import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from appliance.errors import VeilsightError
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
    from appliance.vision.catalogue import load_catalogue
    from appliance.vision.recordings import redact_file
    from appliance.vision.runtime import load_detectors

    settings = load_settings(paths.settings_file)
    detectors = load_detectors(paths.models, paths.compiled, settings.analysis.devices, load_catalogue())
    with _report_lines(options.report) as lines, _Progress(options.source.name) as progress:
        outcome = redact_file(options.source, options.target, detectors, lines.append, progress.show)
    frames = "1 frame" if outcome.frames == 1 else f"{outcome.frames} frames"
    print(f"{options.target}: {frames} redacted, {outcome.covered_frames} of them covered whole")
    if outcome.reason:
        print(f"veilsight: frames were covered whole: {outcome.reason}", file=sys.stderr)
    if outcome.stopped:
        print(f"veilsight: {outcome.stopped} What came before it is redacted.", file=sys.stderr)
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


@contextmanager
def _report_lines(path: Path | None) -> Iterator[list[dict[str, Any]]]:
    """Collects the report's lines and writes them whole at the end."""
    lines: list[dict[str, Any]] = []
    yield lines
    if path is None:
        return
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        partial.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ReportFileUnwritable(f"The report {path} can't be written ({error.strerror}).") from error
