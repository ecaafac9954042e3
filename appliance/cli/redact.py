"""`veilsight redact`: images and videos with faces and plates covered, and a report of what was covered."""

import argparse
import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from tqdm import tqdm

from appliance.cli.places import MASK_FORM, parse_masks
from appliance.errors import UsageError, VeilsightError
from appliance.files import write_whole
from appliance.settings import Paths, load_settings
from appliance.vision.covering import (
    COVER_KINDS,
    DEFAULT_KINDS,
    LARGEST_GROWTH,
    METHODS,
    SHAPES,
    SMALLEST_GROWTH,
    Covering,
)
from appliance.vision.regions import FACE_GROWTH

if TYPE_CHECKING:
    from appliance.storage.site import Site
    from appliance.vision.contact_sheet import ContactSheet
    from appliance.vision.recordings import FileOptions, Outcome
    from appliance.vision.runtime import Detectors

PREVIEW_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class ReportFileUnwritable(VeilsightError):
    """The report's or the preview's file can't be written."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "redact",
        help="cover faces and plates in images and videos",
        description="Covers faces, heads and number plates. With several files, or a folder, OUT is a folder.",
    )
    parser.add_argument("sources", type=Path, nargs="+", metavar="IN")
    parser.add_argument("target", type=Path, metavar="OUT")
    parser.add_argument(
        "--cover",
        default=",".join(DEFAULT_KINDS),
        metavar="KINDS",
        help=f"what to cover besides heads, of {','.join(COVER_KINDS)} (default: %(default)s)",
    )
    parser.add_argument("--method", choices=METHODS, default="solid", help="how (default: %(default)s)")
    parser.add_argument("--shape", choices=SHAPES, default="rectangle", help="of covers (default: %(default)s)")
    parser.add_argument(
        "--grow", type=float, default=FACE_GROWTH, metavar="N", help="times a face's size (default: %(default)s)"
    )
    parser.add_argument(
        "--mask",
        action="append",
        default=[],
        metavar=MASK_FORM,
        help="a polygon that is always covered, in parts of the picture from 0 to 1; may be repeated",
    )
    parser.add_argument("--keep-audio", action="store_true", help="keep a video's sound; voices tell who speaks")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was covered, a JSON object a frame")
    parser.add_argument("--preview", type=Path, metavar="FILE", help="write a picture with some of the redacted frames")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, paths: Paths) -> int:
    from appliance.vision.contact_sheet import ContactSheet
    from appliance.vision.recordings import FileOptions
    from appliance.vision.runtime import open_detectors

    file_options = FileOptions(covering_of(options), options.keep_audio)
    jobs = plan(options.sources, options.target)
    _check_extra_files(options, jobs)
    site = _site_of(paths)
    settings = load_settings(paths.settings_file)
    detectors = open_detectors(paths, settings.analysis)
    sheet, fine = ContactSheet(), True
    with _ReportFile(options.report, several=len(jobs) > 1) as report:
        for source, target in jobs:
            try:
                fine &= _redact(source, target, detectors, report, file_options, sheet, site)
            except ReportFileUnwritable:
                raise
            except VeilsightError as error:
                if len(jobs) == 1:
                    raise
                print(f"veilsight: {error}", file=sys.stderr)
                fine = False
    if options.preview is not None:
        _write_preview(options.preview, sheet)
    return 0 if fine else 1


def _redact(
    source: Path,
    target: Path,
    detectors: "Detectors",
    report: "_ReportFile",
    options: "FileOptions",
    sheet: "ContactSheet",
    site: "Site | None",
) -> bool:
    """Redact one file and say what became of it, on a site in its audit log too; returns whether all went well."""
    from appliance.vision.recordings import redact_file

    report.begin(source)
    with _Progress(source.name) as progress:
        outcome = redact_file(source, target, detectors, report.add, progress.show, options, sheet.add)
    if site is not None:
        _log(site, source, target, outcome)
    frames = "1 frame" if outcome.frames == 1 else f"{outcome.frames} frames"
    print(f"{target}: {frames} redacted, {outcome.covered_frames} of them covered whole")
    if outcome.reason:
        print(f"veilsight: frames were covered whole: {outcome.reason}", file=sys.stderr)
    if outcome.stopped:
        print(f"veilsight: {outcome.stopped} Redacted are {frames}, {outcome.seconds:.1f} seconds.", file=sys.stderr)
    return not (outcome.reason or outcome.stopped)


def _site_of(paths: Paths) -> "Site | None":
    """The site whose log tells what is redacted; None where no site was set up. Raises a `VeilsightError`."""
    # Opened before any work: who can't write the log shall not learn it after an hour.
    if not paths.database.is_file():
        return None
    from appliance.storage.site import open_site

    return open_site(paths)


def _log(site: "Site", source: Path, target: Path, outcome: "Outcome") -> None:
    """Write down who redacted which file, the result's checksum, and whether and why frames were covered whole."""
    from appliance.audit.log import Event, append
    from appliance.cli.terminal import actor

    details: dict[str, str | int] = {"frames": outcome.frames, "covered_frames": outcome.covered_frames}
    if reason := outcome.reason or outcome.stopped:
        details["reason"] = reason
    try:
        with target.open("rb") as result:
            checksum = hashlib.file_digest(result, "sha256").hexdigest()
        size = target.stat().st_size
    except OSError as error:
        raise VeilsightError(f"The result {target} can't be read ({error.strerror}).") from error
    event = Event(actor(), "recording-redacted", source.name, "redacted-frame", size, checksum, details=details)
    with site.engine.begin() as connection:
        append(connection, event)


def covering_of(options: argparse.Namespace) -> Covering:
    """What the command line asks to cover. Raises `UsageError`."""
    kinds = frozenset(each.strip() for each in options.cover.split(",") if each.strip())
    if unknown := sorted(kinds - set(COVER_KINDS)):
        raise UsageError(f"{unknown[0]!r} can't be covered; name some of {', '.join(COVER_KINDS)}.")
    if not SMALLEST_GROWTH <= options.grow <= LARGEST_GROWTH:
        raise UsageError(f"--grow must be between {SMALLEST_GROWTH:g} and {LARGEST_GROWTH:g}.")
    return Covering(kinds, options.method, options.shape, options.grow, parse_masks(options.mask))


def plan(sources: Sequence[Path], target: Path) -> list[tuple[Path, Path]]:
    """Which file is redacted to where. Of a folder, the images and videos in it are taken. Raises `UsageError`."""
    if len(sources) == 1 and not sources[0].is_dir() and not target.is_dir():
        return [(sources[0], target)]
    from appliance.vision.recordings import kind_of, result_suffix

    files = []
    for source in sources:
        inside = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
        files += [path for path in inside if path is source or kind_of(path)]
    if not files:
        raise UsageError(f"There is no image and no video in {sources[0]}.")
    jobs: dict[Path, Path] = {}
    for source in files:
        result = target / f"{source.stem}{result_suffix(source)}"
        if result in jobs:
            raise UsageError(f"{jobs[result]} and {source} would both become {result}; redact them one by one.")
        jobs[result] = source
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {target} can't be made ({error.strerror}).") from error
    return [(source, result) for result, source in jobs.items()]


def _check_extra_files(options: argparse.Namespace, jobs: Sequence[tuple[Path, Path]]) -> None:
    taken = {path.resolve() for job in jobs for path in job}
    for what, path in (("report", options.report), ("preview", options.preview)):
        if path is not None and path.resolve() in taken:
            raise UsageError(f"The {what} would replace {path}; give it another name.")
        if path is not None:
            taken.add(path.resolve())
    if options.preview is not None and options.preview.suffix.lower() not in PREVIEW_SUFFIXES:
        raise UsageError(f"The preview {options.preview} must be named with one of {', '.join(PREVIEW_SUFFIXES)}.")


def _write_preview(path: Path, sheet: "ContactSheet") -> None:
    try:
        write_whole(path, sheet.encode(path.suffix.lower()))
    except OSError as error:
        raise ReportFileUnwritable(f"The preview {path} can't be written ({error.strerror}).") from error


class _Progress:
    """A bar on a terminal, a plain line each hundred frames otherwise."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = time.monotonic()
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
            left = (time.monotonic() - self._began) / done * (total - done)
            told = f"{done} of {total} frames done, {max(0, round(left))} s left" if total else f"{done} frames done"
            print(f"{self._name}: {told}", file=sys.stderr, flush=True)


class _ReportFile:
    """Takes the report's lines. The file appears whole at the end or not at all; without a path there is none."""

    def __init__(self, path: Path | None, several: bool) -> None:
        self._path = path
        self._several = several
        self._source: dict[str, str] = {}
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

    def begin(self, source: Path) -> None:
        """The next lines are of this file, which each of them names where there are several."""
        self._source = {"file": str(source)} if self._several else {}

    def add(self, line: Mapping[str, Any]) -> None:
        """Write one line. Raises `ReportFileUnwritable`."""
        if self._file is not None:
            with self._explained():
                self._file.write(json.dumps(self._source | dict(line)) + "\n")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ReportFileUnwritable(f"The report {self._path} can't be written ({error.strerror}).") from error
