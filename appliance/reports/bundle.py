"""A report and its signature on disk: both are there whole, or neither is."""

import contextlib
import itertools
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.errors import VeilsightError
from appliance.reports.period import Period
from appliance.reports.signature import SUFFIX

# Letters that Unicode does not take apart into a plain one and a mark.
PLAIN_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
# The courier and the web program run as different users of one group.
FILE_MODE = 0o640
DIRECTORY_MODE = 0o750


class ReportUnwritable(VeilsightError):
    """The disk is full or can't be written; nothing was left behind."""


def base_name(site_name: str, period: Period) -> str:
    """A plain file name without ending, such as `veilsight-corner-shop-2026-10-01-to-2026-10-31`."""
    letters = site_name.lower().translate(PLAIN_LETTERS)
    plain = unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "site"
    return f"veilsight-{slug}-{period.first}-to-{period.last}"


def write_bundle(directory: Path, base: str, document: bytes, sign: Callable[[str], bytes]) -> Path:
    """Write `BASE.pdf` and `BASE.pdf.sig`, or `BASE-2.pdf` and so on: no report is ever written over.

    `sign` makes the signature file of the report of a name. It takes its place first, so that a report is never without
    one. Raises `ReportUnwritable`.
    """
    with _explained(directory):
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        with _partial(directory, document) as report:
            for number in itertools.count(1):
                target = directory / (f"{base}.pdf" if number == 1 else f"{base}-{number}.pdf")
                with _partial(directory, sign(target.name)) as signed:
                    if _take_place(report, signed, target):
                        _sync(directory)
                        return target
    raise AssertionError("numbers don't end")


def copy_bundle(report: Path, directory: Path) -> None:
    """Copy a report and its signature into another directory whole. Raises `ReportUnwritable`."""
    with _explained(directory):
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        signature = report.with_name(report.name + SUFFIX)
        for source in (signature, report):
            with _partial(directory, source.read_bytes()) as partial:
                partial.replace(directory / source.name)
                # The context manager's clean-up finds nothing.
        _sync(directory)


def remove_bundle(report: Path) -> None:
    """Remove a report, then its signature; nothing happens where they are gone."""
    report.unlink(missing_ok=True)
    report.with_name(report.name + SUFFIX).unlink(missing_ok=True)


def _take_place(report: Path, signature: Path, target: Path) -> bool:
    """Link both files to their names; False where one of the names is taken."""
    beside = target.with_name(target.name + SUFFIX)
    try:
        # A link fails where the name is taken, which a rename would not.
        os.link(signature, beside)
    except FileExistsError:
        return False
    try:
        os.link(report, target)
    except OSError as error:
        beside.unlink()
        if isinstance(error, FileExistsError):
            return False
        raise
    return True


@contextmanager
def _partial(directory: Path, content: bytes) -> Iterator[Path]:
    """A hidden file with the content safely on the disk; gone afterwards."""
    path = directory / f".{secrets.token_hex(8)}.part"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    """Make the names survive a power cut; some file systems can't, and need not."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReportUnwritable(
            f"The report can't be written to {directory} ({error.strerror}); make room or check the rights. "
            "Nothing was left behind."
        ) from error
