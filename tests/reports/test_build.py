"""Building a report: whole on the disk and in the log, or not at all."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from appliance.audit import checkpoint, log
from appliance.audit.verification import verify
from appliance.errors import VeilsightError
from appliance.reports import bundle
from appliance.reports.build import BuiltReport, build_report, list_reports
from appliance.reports.period import Period, PeriodError
from appliance.reports.signature import signature_path
from appliance.reports.verify import verify_report
from appliance.storage.database import reading
from tests.reports.conftest import NOW, SETTINGS, Place, make_place

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)


def build(place: Place, first: date = FIRST, last: date = LAST) -> BuiltReport:
    return build_report(place.paths, place.settings, place.engine, first, last, "ada", NOW)


def entries(place: Place, *actions: str) -> list[log.Entry]:
    with reading(place.engine) as connection:
        return log.entries(connection, actions=actions)


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: to the program that looks like a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_report_is_signed_listed_and_logged(place: Place) -> None:
    built = build(place)
    assert verify_report(built.path, place.site.public_key).valid
    assert list_reports(place.engine, place.paths) == (built,)
    (entry,) = entries(place, "report-built")
    assert (entry.event.subject, entry.event.sha256, entry.event.byte_count) == (
        built.name,
        built.sha256,
        built.byte_count,
    )
    assert built.path.stat().st_mode & 0o007 == 0, "others can't read reports"


def test_one_checkpoint_is_signed_and_the_log_still_verifies(place: Place) -> None:
    build(place)
    (signed,) = entries(place, "checkpoint-signed")
    with reading(place.engine) as connection:
        (note,) = checkpoint.stored_checkpoints(connection)
        assert checkpoint.read(note.note, place.site.public_key).size == signed.number
        verify(connection, place.site.public_key, place.site.origin)


def test_the_same_period_again_is_another_report(place: Place) -> None:
    first, second = build(place), build(place)
    assert first.name == "veilsight-corner-shop-odegard-2026-10-01-to-2026-10-31.pdf"
    assert second.name == "veilsight-corner-shop-odegard-2026-10-01-to-2026-10-31-2.pdf"
    assert verify_report(first.path, place.site.public_key).valid
    assert verify_report(second.path, place.site.public_key).valid


def test_dates_that_make_no_period_leave_nothing(place: Place) -> None:
    with pytest.raises(PeriodError):
        build(place, LAST, FIRST)
    assert files(place.paths.reports) == []
    assert entries(place, "checkpoint-signed") == []


def test_a_full_disk_leaves_neither_report_nor_entry(place: Place) -> None:
    place.engine.dispose()  # its files are opened anew, with a fresh journal
    with largest_file(60_000), pytest.raises(VeilsightError, match=r"written|full|disk"):
        build(place)
    assert files(place.paths.reports) == []
    assert entries(place, "report-built") == []
    assert list_reports(place.engine, place.paths) == ()


def test_a_disk_that_fills_up_under_the_bundle_is_one_sentence(tmp_path: Path) -> None:
    with largest_file(10_000), pytest.raises(bundle.ReportUnwritable, match="Nothing was left behind"):
        bundle.write_bundle(tmp_path / "reports", "r", b"x" * 20_000, lambda _name: b"signature")
    assert files(tmp_path / "reports") == []


def test_a_report_that_can_not_be_recorded_is_not_kept(place: Place) -> None:
    with place.engine.begin() as connection:
        connection.execute(text("CREATE TRIGGER no BEFORE INSERT ON report BEGIN SELECT RAISE(ABORT, 'no'); END"))
    with pytest.raises(DBAPIError):
        build(place)
    assert files(place.paths.reports) == []
    assert entries(place, "report-built") == []


def test_a_broken_log_is_reported_not_hidden(place: Place) -> None:
    number = place.happened(NOW, "ada", "login", "page")
    with place.engine.begin() as connection:
        changed = text("UPDATE audit_entry SET entry = replace(entry, 'ada', 'eve') WHERE number = :number")
        connection.execute(changed, {"number": number})
    built = build(place)
    assert b"has been changed" in attached(built.path)


def attached(report: Path) -> bytes:
    pikepdf = pytest.importorskip("pikepdf")
    with pikepdf.open(report) as document:
        return bytes(document.attachments["veilsight-report.json"].get_file().read_bytes())


def test_a_half_taken_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "r.pdf").write_bytes(b"an older one without its signature")
    target = bundle.write_bundle(tmp_path, "r", b"new", lambda name: f"of {name}".encode())
    assert target.name == "r-2.pdf"
    assert files(tmp_path) == ["r-2.pdf", "r-2.pdf.sig", "r.pdf"]
    assert signature_path(target).read_bytes() == b"of r-2.pdf"


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Straße & Søn", "strasse-son"), ("../../etc", "etc"), ("入口", "site"), ("a" * 120, "a" * 40), ("-", "site")],
)
def test_any_site_name_gives_a_plain_file_name(name: str, slug: str) -> None:
    period = Period(FIRST, LAST, SETTINGS.site.zone)
    assert bundle.base_name(name, period) == f"veilsight-{slug}-2026-10-01-to-2026-10-31"


def test_two_sites_do_not_verify_each_other(tmp_path: Path) -> None:
    here, there = make_place(tmp_path / "here"), make_place(tmp_path / "there")
    built = build(here)
    assert not verify_report(built.path, there.site.public_key).valid
